/** Adapter: ONNX Runtime as the inference engine. Artifacts are inspected in a child process and run in this one. */
import { type ExecFileException, execFile } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import type { Task } from 'fp-ts/lib/Task.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  type CallOptions,
  fail,
  type Failure,
  failure,
  type InferenceEngine,
  type Inspection,
  type LoadedModel,
} from '../../core/index.js';
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
  inspect: (artifact, featureNames, call) =>
    pipe(
      TE.fromEither(stillWanted(call)),
      TE.flatMapTask(() =>
        runWorker(artifact, { featureNames, timeoutMs: inspectionTimeoutMs, limitBytes: inspectionLimitBytes }, call),
      ),
      TE.flatMapEither((exit) => judge(exit, call)),
    ),
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

const nowMs = (): number => performance.timeOrigin + performance.now();

const stillWanted = (call: CallOptions): E.Either<Failure, void> => {
  if (call.cancellation.aborted) return fail('Cancelled', 'The artifact was no longer wanted.');
  if (nowMs() >= call.deadlineMs) return fail('DeadlineExceeded', 'The artifact was not read within the time allowed.');
  return E.right(undefined);
};

/** How a worker ended, and what it had answered by then. */
interface WorkerExit {
  readonly error: ExecFileException | null;
  readonly stdout: string;
  readonly stderr: string;
}

const workerPath = fileURLToPath(new URL('./inspection-worker.js', import.meta.url));

const runWorker =
  (artifact: Uint8Array, order: InspectionOrder, call: CallOptions): Task<WorkerExit> =>
  () =>
    new Promise((resolve) => {
      const worker = execFile(
        process.execPath,
        // It runs one row: code that is optimised for more comes too late.
        ['--no-opt', workerPath, JSON.stringify(order)],
        {
          // An artifact may name files beside it: here are none of the caller's.
          cwd: dirname(workerPath),
          // A debugger or a preloaded module of this process is not meant for the worker.
          env: { ...process.env, NODE_OPTIONS: '', ORT_DISABLE_TELEMETRY: '1' },
          timeout: Math.max(1, Math.min(Math.ceil(call.deadlineMs - nowMs()), 2 ** 31 - 1)),
          killSignal: 'SIGKILL',
          maxBuffer: 2 ** 26,
        },
        (error, stdout, stderr) => {
          stopListening();
          resolve({ error, stdout, stderr });
        },
      );
      const stopListening = call.cancellation.onAbort(() => worker.kill('SIGKILL'));
      // A worker that ends before it has read everything tells so by its exit.
      worker.stdin?.on('error', () => undefined);
      worker.stdin?.end(artifact);
    });

const judge = ({ error, stdout, stderr }: WorkerExit, call: CallOptions): E.Either<Failure, Inspection> => {
  const end = stdout.indexOf('\n');
  if (end >= 0) return JSON.parse(stdout.slice(0, end)) as E.Either<Failure, Inspection>;
  if (call.cancellation.aborted) return fail('Cancelled', 'The inspection of the artifact was cancelled.');
  if (error?.killed)
    return fail('DeadlineExceeded', 'The inspection of the artifact did not end within the time allowed.');
  if (error?.signal) return fail('ArtifactUnreadable', `The artifact crashed the runtime (${error.signal}).`);
  throw new Error(`The inspection worker failed: ${stderr || error?.message}`);
};
