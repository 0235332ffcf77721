/** Prediction sink in this process's memory: for tests, examples and embedders that want the rows themselves. */
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  brief,
  type BatchColumn,
  type CallOptions,
  type Failure,
  failTask,
  narrowColumn,
  narrowestType,
  type NarrowType,
  type PredictionSink,
  type RawColumn,
  type RawRows,
  type RowBatch,
  type SinkSchema,
  type SinkWriter,
} from '../../core/index.js';

/** One output: its batches in the order in which they were written, with the values as they were, NaN too; `json` columns in their own type. */
export interface MemoryOutput {
  readonly schema: SinkSchema;
  readonly batches: ReadonlyArray<RowBatch>;
}

/** `outputs` holds what was committed, by location, and changes as outputs are committed. */
export const memoryPredictionSink = (): PredictionSink & { readonly outputs: ReadonlyMap<string, MemoryOutput> } => {
  const outputs = new Map<string, MemoryOutput>();
  const root = 'memory';
  const resolve = (location: string): TE.TaskEither<Failure, string> =>
    isLocation(location)
      ? TE.right(`${root}/${location}`)
      : failTask(
          'InvalidInput',
          `The output location "${brief(location)}" is not a relative path with a known extension.`,
        );

  const begin = (location: string, schema: SinkSchema, call: CallOptions): SinkWriter => {
    const written: RawRows[] = [];
    return {
      write: (batch) => ongoing(call, () => void written.push(copyOf(batch))),
      commit: ongoing(call, () => {
        const output = narrowed(schema, written);
        const { batches } = output;
        outputs.set(location, output);
        const sizeBytes = batches.reduce((sum, batch) => sum + sizeOf(batch), 0);
        const rowCount = batches.reduce((sum, batch) => sum + batch.rowCount, 0);
        return { location: `${root}/${location}`, rowCount, sizeBytes };
      }),
      clear: TE.fromIO(() => void outputs.delete(location)),
      abort: async () => undefined,
    };
  };

  return {
    root,
    outputs,
    resolve,
    open: (location, schema, call) =>
      TE.flatMap(resolve(location), () => ongoing(call, () => begin(location, schema, call))),
  };
};

const isLocation = (location: string): boolean =>
  /\.(parquet|csv|ndjson|jsonl)$/i.test(location) &&
  location.split('/').every((part) => !['', '.', '..'].includes(part) && !/[\\\0]/.test(part));

const ongoing =
  <A>(call: CallOptions, step: () => A): TE.TaskEither<Failure, A> =>
  () => {
    if (call.cancellation.aborted) return failTask('Cancelled', 'The output was cancelled.')();
    if (Date.now() >= call.deadlineMs) return failTask('DeadlineExceeded', 'The time allowed for writing ran out.')();
    return TE.right(step())();
  };

/** The caller may use its arrays again. */
const copyOf = (batch: RawRows): RawRows => ({
  rowCount: batch.rowCount,
  columns: structuredClone(batch.columns),
});

/** With each `json` column in the type that holds all its values. */
const narrowed = (schema: SinkSchema, batches: ReadonlyArray<RawRows>): MemoryOutput => {
  const types = new Map<string, NarrowType>();
  for (const { name, type } of schema.columns) {
    if (type !== 'json') continue;
    const narrowing = narrowestType();
    for (const { columns } of batches) narrowing.add(columns.get(name)?.values as ReadonlyArray<unknown>);
    types.set(name, narrowing.type());
  }
  const typed = (name: string, column: RawColumn): BatchColumn =>
    column.type === 'json' ? narrowColumn(column.values, types.get(name) ?? 'string') : column;
  return {
    schema: { ...schema, columns: schema.columns.map(({ name, type }) => ({ name, type: types.get(name) ?? type })) },
    batches: batches.map(({ rowCount, columns }) => ({
      rowCount,
      columns: new Map(Array.from(columns, ([name, column]) => [name, typed(name, column)])),
    })),
  };
};

const sizeOf = (batch: RowBatch): number =>
  Array.from(batch.columns.values(), columnSize).reduce((sum, bytes) => sum + bytes, 0);

/** A character of text counts as two bytes. */
const columnSize = (column: BatchColumn): number =>
  column.type === 'string' ? column.values.reduce((sum, text) => sum + 2 * text.length, 0) : column.values.byteLength;
