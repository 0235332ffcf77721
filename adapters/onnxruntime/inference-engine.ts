/** Adapter: ONNX Runtime as the inference engine. Artifacts are inspected in a child process and run in this one. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { fail, failure, type InferenceEngine, type Inspection, type LoadedModel } from '../../core/index.js';
import { runInBigqueryRuntime } from './bigquery-runtime.js';
import { runInChild, stillWanted } from './child-process.js';
import type { InspectionOrder } from './inspection-worker.js';
import { whyNotLoaded } from './not-loaded.js';
import { loadRuntime, openSession, reasonOf, type Session } from './session.js';

export interface OnnxruntimeOptions {
  /** How long an inspection may take; 30,000 unless told. */
  readonly inspectionTimeoutMs?: number;
  /** How much memory an inspection's process may hold; 2 GiB unless told. */
  readonly inspectionLimitBytes?: number;
}

/**
 * Serves ONNX files of one piece (https://onnx.ai) on one thread. Sets `ORT_DISABLE_TELEMETRY` for the process; inside a
 * worker thread, where that does not reach the library, set it before the process starts.
 */
export const onnxruntimeInferenceEngine = ({
  inspectionTimeoutMs = 30_000,
  inspectionLimitBytes = 2 ** 31,
}: OnnxruntimeOptions = {}): InferenceEngine => ({
  inspect: (artifact, featureNames, call, texts = {}) => {
    const limits = { timeoutMs: inspectionTimeoutMs, limitBytes: inspectionLimitBytes };
    const order: InspectionOrder = { featureNames, texts, ...limits };
    return runInChild<Inspection>('inspection-worker.js', order, [artifact], call);
  },
  runInBigqueryRuntime: (artifact, feeds, call) =>
    runInBigqueryRuntime(artifact, feeds, { timeoutMs: inspectionTimeoutMs, limitBytes: inspectionLimitBytes }, call),
  load: (artifact, call) =>
    pipe(
      TE.fromEither(stillWanted(call)),
      TE.flatMapTask(() => loadRuntime),
      TE.flatMap((runtime) =>
        TE.tryCatch(
          () => openSession(runtime, artifact),
          (error) => failure('ArtifactUnreadable', whyNotLoaded(artifact, error)),
        ),
      ),
      TE.map((session) => loadedModel(session, artifact.byteLength)),
    ),
});

const loadedModel = (session: Session, artifactBytes: number): LoadedModel => {
  const underWay = new Set<Promise<unknown>>();
  let released: Promise<void> | undefined;
  return {
    // Sessions of tree ensembles took 4 to 6 times their file, empty ones 70 kB (onnxruntime-node 1.30, Linux).
    sizeBytes: 100_000 + 5 * artifactBytes,
    // Once a slice, of which a row alone is one: written without layers.
    run: (feeds, onStart) => async () => {
      if (released !== undefined) return fail('InferenceFailed', 'The model failed to run (the model was released).');
      const run = session.run(feeds, onStart);
      underWay.add(run);
      try {
        return E.right(await run);
      } catch (error) {
        return fail('InferenceFailed', `The model failed to run (${reasonOf(error)}).`);
      } finally {
        underWay.delete(run);
      }
    },
    release: () => (released ??= Promise.allSettled(underWay).then(session.release)),
  };
};
