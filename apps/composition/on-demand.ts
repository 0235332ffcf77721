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

/** Calls of what `load` gives, each of which waits for it. */
const whenLoaded = <A>(load: Task<A>) => {
  const loaded = TE.fromTask<A, Failure>(once(load));
  return <Asked extends ReadonlyArray<unknown>, B>(use: (of: A, ...asked: Asked) => TE.TaskEither<Failure, B>) =>
    (...asked: Asked): TE.TaskEither<Failure, B> =>
      pipe(
        loaded,
        TE.flatMap((of) => use(of, ...asked)),
      );
};

export const engineOnDemand = (load: Task<InferenceEngine>): InferenceEngine => {
  const onLoaded = whenLoaded(load);
  return {
    inspect: onLoaded((engine, ...asked) => engine.inspect(...asked)),
    load: onLoaded((engine, ...asked) => engine.load(...asked)),
    runInBigqueryRuntime: onLoaded((engine, ...asked) => engine.runInBigqueryRuntime?.(...asked) ?? TE.right(O.none)),
  };
};

export const experimentsOnDemand = (location: string, load: Task<ExperimentSource>): ExperimentSource => {
  const onLoaded = whenLoaded(load);
  return {
    location,
    list: onLoaded((source, ...asked) => source.list(...asked)),
    read: onLoaded((source, ...asked) => source.read(...asked)),
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
  const folderOnce = once(load);
  const onLoaded = whenLoaded(folderOnce);
  const parts = async () => (await folderOnce()).parts;
  const outputs = async () => (await folderOnce()).outputs;
  return {
    documents,
    parts: sinkOnDemand(path, parts),
    outputs: sinkOnDemand(dirname(dirname(path)), outputs),
    readStaged: (rows, keys, range) =>
      sourceOnDemand(
        keys,
        onLoaded((folder) => TE.right(folder.readStaged(rows, keys, range))),
      ),
    stagePlace: onLoaded((folder, ...asked) => folder.stagePlace(...asked)),
    stage: onLoaded((folder, ...asked) => folder.stage(...asked)),
    removeRows: onLoaded((folder, ...asked) => folder.removeRows(...asked)),
    remove: onLoaded((folder, ...asked) => folder.remove(...asked)),
  };
};

export const sinkOnDemand = (root: string, load: Task<PredictionSink>): PredictionSink => {
  const onLoaded = whenLoaded(load);
  return {
    root,
    open: onLoaded((sink, ...asked) => sink.open(...asked)),
    join: onLoaded((sink, ...asked) => sink.join(...asked)),
    digest: onLoaded((sink, ...asked) => sink.digest(...asked)),
    resolve: onLoaded((sink, ...asked) => sink.resolve(...asked)),
  };
};
