/** A deadline that passes and a caller that goes away, in each stage of a scoring: the right failure, no output, and the next request is answered. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { duckdbPredictionSink } from '../../adapters/duckdb/prediction-sink.js';
import { memoryArtifactStore } from '../../adapters/memory/artifact-store.js';
import { memoryInferenceEngine } from '../../adapters/memory/inference-engine.js';
import { nodeHost } from '../../adapters/node-host.js';
import {
  type ArtifactStore,
  type CallOptions,
  type DataSource,
  type InferenceEngine,
  type PredictionSink,
  cancellationSource,
} from '../../core/index.js';
import { leftOf, rightOf, rowBatch, scoringService, sourceOf, sums, typed } from '../support/scoring.js';

const stages = ['resolve', 'load', 'open', 'read', 'score', 'write', 'commit'] as const;
type Stage = (typeof stages)[number];

const host = nodeHost();
const games = sourceOf([rowBatch({ a: typed('float64', 1, 2), b: typed('float64', 0, 0) })]);
const request = { ...sums, output_location: 'out.csv' };

/** Every port of a scoring does as it always does, after what `reach` makes of its stage. */
const portsThatReach = (root: string, reach: (stage: Stage) => Promise<void>) => {
  const after =
    <E, A>(stage: Stage, task: TE.TaskEither<E, A>): TE.TaskEither<E, A> =>
    async () => {
      await reach(stage);
      return task();
    };
  const memory = memoryArtifactStore();
  const store: ArtifactStore = { ...memory, get: (key, call) => after('resolve', memory.get(key, call)) };
  const runtime = memoryInferenceEngine({});
  const engine: InferenceEngine = {
    ...runtime,
    load: (artifact, call) =>
      pipe(
        after('load', runtime.load(artifact, call)),
        TE.map((loaded) => ({ ...loaded, run: (feeds) => after('score', loaded.run(feeds)) })),
      ),
  };
  const source: DataSource = {
    ...games,
    open: (range, call) =>
      pipe(
        after('open', games.open(range, call)),
        TE.map((opened) => ({
          ...opened,
          read: async function* (wanted) {
            await reach('read');
            yield* opened.read(wanted);
          },
        })),
      ),
  };
  const files = duckdbPredictionSink({ root });
  const sink: PredictionSink = {
    ...files,
    open: (location, schema, call) =>
      pipe(
        files.open(location, schema, call),
        TE.map((writer) => ({
          ...writer,
          write: (batch) => after('write', writer.write(batch)),
          commit: after('commit', writer.commit),
        })),
      ),
  };
  return { ports: { store, engine, sink }, source };
};

const endings = {
  DeadlineExceeded: 'a deadline that passes',
  Cancelled: 'a caller that goes away',
} as const;

for (const stage of stages) {
  for (const [tag, what] of Object.entries(endings)) {
    test(`${what} in the stage "${stage}" is ${tag}: nothing is written, and the next request is answered`, async (t) => {
      const root = await mkdtemp(join(tmpdir(), 'scorekeeper-time-'));
      t.teardown(() => rm(root, { recursive: true }));
      await writeFile(join(root, 'out.csv'), 'before');
      let isArmed = false;
      const { cancellation, cancel } = cancellationSource();
      let call: CallOptions = { deadlineMs: Number.POSITIVE_INFINITY, cancellation };
      const { ports, source } = portsThatReach(root, async (reached) => {
        if (!isArmed || reached !== stage) return;
        isArmed = false;
        if (tag === 'Cancelled') cancel();
        else while (host.nowMs() <= call.deadlineMs) await host.pause(20);
      });
      const settings = { sourceOfType: { games: 'games' } };
      const { service } = await scoringService({ sources: { games: source }, settings, ports });

      isArmed = true;
      if (tag === 'DeadlineExceeded') call = { ...call, deadlineMs: host.nowMs() + 5_000 };
      leftOf(await service.score(request, call)(), tag as keyof typeof endings);
      t.false(isArmed, 'the stage was reached');
      t.deepEqual(await readdir(root), ['out.csv']);
      t.is(await readFile(join(root, 'out.csv'), 'utf8'), 'before');

      t.is(rightOf(await service.score(request)()).performance_diagnostics.total_scored, 2);
      t.deepEqual(await readdir(root), ['out.csv']);
      t.is((await readFile(join(root, 'out.csv'), 'utf8')).trim().split('\n').length, 3);
    });
  }
}
