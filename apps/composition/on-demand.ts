/** Adapters that are loaded when they are first used: a command that only reads the registry pays for no runtime and no table engine. */
import { pipe } from 'fp-ts/lib/function.js';
import type { Task } from 'fp-ts/lib/Task.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { DataSource, ExperimentSource, Failure, InferenceEngine, PredictionSink } from '../../core/index.js';

export const engineOnDemand = (load: Task<InferenceEngine>): InferenceEngine => {
  const loaded = TE.fromTask<InferenceEngine, Failure>(load);
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
  };
};

export const experimentsOnDemand = (location: string, load: Task<ExperimentSource>): ExperimentSource => {
  const loaded = TE.fromTask<ExperimentSource, Failure>(load);
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

export const sourceOnDemand = (keys: ReadonlyArray<string>, load: TE.TaskEither<Failure, DataSource>): DataSource => ({
  keys,
  open: (...asked) =>
    pipe(
      load,
      TE.flatMap((source) => source.open(...asked)),
    ),
});

export const sinkOnDemand = (root: string, load: Task<PredictionSink>): PredictionSink => {
  const loaded = TE.fromTask<PredictionSink, Failure>(load);
  return {
    root,
    open: (...asked) =>
      pipe(
        loaded,
        TE.flatMap((sink) => sink.open(...asked)),
      ),
    resolve: (location) =>
      pipe(
        loaded,
        TE.flatMap((sink) => sink.resolve(location)),
      ),
  };
};
