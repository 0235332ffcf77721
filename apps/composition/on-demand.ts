/** Adapters that are loaded when they are first used: a command that only reads the registry pays for no runtime and no table engine. */
import { dirname } from 'node:path';
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import type { Task } from 'fp-ts/lib/Task.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  type ArtifactStore,
  type CallOptions,
  type DataSource,
  type ExperimentSource,
  type Failure,
  failTask,
  type InferenceEngine,
  type JobFolder,
  type PredictionSink,
} from '../../core/index.js';

/** What `load` gave the first time; one that failed is tried again. */
const once = <A>(load: Task<A>): Task<A> => {
  let loading: Promise<A> | undefined;
  return () => {
    loading ??= load().catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    return loading;
  };
};

export const engineOnDemand = (load: Task<InferenceEngine>): InferenceEngine => {
  const loaded = TE.fromTask<InferenceEngine, Failure>(once(load));
  return {
    inspect: (...asked) =>
      pipe(
        loaded,
        TE.flatMap((engine) => engine.inspect(...asked)),
      ),
    load: (...asked) =>
      pipe(
        loaded,
        TE.flatMap((engine) => engine.load(...asked)),
      ),
    runInBigqueryRuntime: (...asked) =>
      pipe(
        loaded,
        TE.flatMap(({ runInBigqueryRuntime }) => runInBigqueryRuntime?.(...asked) ?? TE.right(O.none)),
      ),
  };
};

export const experimentsOnDemand = (location: string, load: Task<ExperimentSource>): ExperimentSource => {
  const loaded = TE.fromTask<ExperimentSource, Failure>(once(load));
  return {
    location,
    list: (call) =>
      pipe(
        loaded,
        TE.flatMap((source) => source.list(call)),
      ),
    read: (...asked) =>
      pipe(
        loaded,
        TE.flatMap((source) => source.read(...asked)),
      ),
  };
};

export const sourceOnDemand = (
  keys: ReadonlyArray<string>,
  load: (call: CallOptions) => TE.TaskEither<Failure, DataSource>,
): DataSource => ({
  keys,
  open: (range, call, opening) =>
    pipe(
      load(call),
      TE.flatMap((source) => source.open(range, call, opening)),
    ),
  snapshot: (range, call) =>
    pipe(
      load(call),
      TE.flatMap(
        ({ snapshot }) =>
          snapshot?.(range, call) ??
          failTask('InvalidInput', 'This source can be read by one process only: score it without --processes.'),
      ),
    ),
});

/** A job's folder, whose rows are of the table engine. */
export const jobFolderOnDemand = (
  path: string,
  documents: ArtifactStore,
  load: Task<Omit<JobFolder, 'documents'>>,
): JobFolder => {
  const rows = once(load);
  const loaded = TE.fromTask<Omit<JobFolder, 'documents'>, Failure>(rows);
  const parts = async () => (await rows()).parts;
  const outputs = async () => (await rows()).outputs;
  return {
    documents,
    parts: sinkOnDemand(path, parts),
    outputs: sinkOnDemand(dirname(dirname(path)), outputs),
    readStaged: (rows, keys, range) =>
      sourceOnDemand(keys, () =>
        pipe(
          loaded,
          TE.map(({ readStaged }) => readStaged(rows, keys, range)),
        ),
      ),
    stagePlace: (name) =>
      pipe(
        loaded,
        TE.flatMap(({ stagePlace }) => stagePlace(name)),
      ),
    stage: (...asked) =>
      pipe(
        loaded,
        TE.flatMap(({ stage }) => stage(...asked)),
      ),
    removeRows: (call) =>
      pipe(
        loaded,
        TE.flatMap(({ removeRows }) => removeRows(call)),
      ),
    remove: (call) =>
      pipe(
        loaded,
        TE.flatMap(({ remove }) => remove(call)),
      ),
  };
};

export const sinkOnDemand = (root: string, load: Task<PredictionSink>): PredictionSink => {
  const loaded = TE.fromTask<PredictionSink, Failure>(once(load));
  return {
    root,
    open: (...asked) =>
      pipe(
        loaded,
        TE.flatMap((sink) => sink.open(...asked)),
      ),
    join: (...asked) =>
      pipe(
        loaded,
        TE.flatMap((sink) => sink.join(...asked)),
      ),
    digest: (...asked) =>
      pipe(
        loaded,
        TE.flatMap((sink) => sink.digest(...asked)),
      ),
    resolve: (location) =>
      pipe(
        loaded,
        TE.flatMap((sink) => sink.resolve(location)),
      ),
  };
};
