/** Job folders in this process's memory, for tests: what one worker did, the others see. */
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  type ArtifactStore,
  type BatchColumn,
  failTask,
  type OpenJobFolder,
  type PredictionSink,
  type RowBatch,
  sliceColumn,
} from '../../core/index.js';
import { memoryArtifactStore } from './artifact-store.js';
import { digestOf, memoryDataSource } from './data-source.js';
import type { memoryPredictionSink } from './prediction-sink.js';

/** Parts go to `sink`, under the folder's path; `staged` is where sources stage their rows. */
export const memoryJobFolders = (options: {
  readonly sink: ReturnType<typeof memoryPredictionSink>;
  readonly staged: Map<string, RowBatch>;
}): OpenJobFolder => {
  const { sink, staged } = options;
  const jobs = new Map<string, { readonly store: ArtifactStore; readonly keys: Set<string> }>();
  const documentsOf = (path: string) => {
    const documents = jobs.get(path) ?? { store: memoryArtifactStore(), keys: new Set() };
    jobs.set(path, documents);
    return documents;
  };
  return (path) => {
    const within = path.slice(sink.root.length + 1);
    const sinkIn = (root: string, start: string): PredictionSink => ({
      root,
      open: (location, ...asked) => sink.open(start + location, ...asked),
      join: (location, ...asked) => sink.join(start + location, ...asked),
      digest: (location, call) => sink.digest(start + location, call),
      resolve: (location) => sink.resolve(start + location),
    });
    const rowsBelow = (name: string): boolean => name.startsWith(`${within}/`);
    const removeRows = (): void => {
      for (const name of sink.outputs.keys()) if (rowsBelow(name)) sink.remove(name);
      for (const name of staged.keys()) if (name.startsWith(`${path}/`)) staged.delete(name);
    };
    const parts = sinkIn(path, `${within}/`);
    const { store, keys: documentKeys } = documentsOf(path);
    return {
      documents: {
        ...store,
        put: (key, ...asked) =>
          pipe(
            store.put(key, ...asked),
            TE.tapIO(() => () => documentKeys.add(key)),
          ),
        delete: (key, call) =>
          pipe(
            store.delete(key, call),
            TE.tapIO(() => () => sink.remove(`${within}/${key}`)),
          ),
      },
      parts,
      outputs: sinkIn(path.replace(/\/[^/]+\/[^/]+$/, ''), within.replace(/[^/]+\/[^/]+$/, '')),
      readStaged: ({ name, files: [file] }, keys, { begin, end }) => ({
        keys,
        open: (_years, call) => {
          const table = staged.get(file?.path.includes('/') ? file.path : `${path}/${file?.path}`);
          if (table === undefined) return failTask('NotFound', `${name}: there are no such rows.`);
          return digestOf(table) === file?.state
            ? memoryDataSource({ keys, table: sliceOf(table, begin, end) }).open({}, call)
            : failTask('DataUnreadable', `${name} was changed since the job was planned: score it again.`);
        },
      }),
      stagePlace: (name) =>
        pipe(
          parts.resolve(name),
          TE.map((stagePath) => ({ stagePath })),
        ),
      stage: (name, written) => TE.right({ ...written, path: name }),
      removeRows: () => TE.fromIO(removeRows),
      remove: (call) =>
        pipe(
          TE.fromIO(removeRows),
          TE.flatMap(() => TE.traverseSeqArray((key: string) => store.delete(key, call))([...documentKeys])),
          TE.map(() => documentKeys.clear()),
        ),
    };
  };
};

const sliceOf = (table: RowBatch, begin: number, end: number): RowBatch => ({
  rowCount: end - begin,
  columns: new Map(
    Array.from(table.columns, ([name, column]): readonly [string, BatchColumn] => [
      name,
      sliceColumn(column, begin, end),
    ]),
  ),
});
