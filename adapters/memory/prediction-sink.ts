/** Prediction sink in this process's memory: for tests, examples and embedders that want the rows themselves. */
import { createHash } from 'node:crypto';
import { serialize } from 'node:v8';
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  type BatchColumn,
  type CallOptions,
  checkOutputLocation,
  type Failure,
  failTask,
  type JoinedOutput,
  type JoinSchema,
  narrowColumn,
  narrowestType,
  type NarrowType,
  type PredictionSink,
  type RawColumn,
  type RawRows,
  type RowBatch,
  type SinkSchema,
  type SinkWriter,
  type TensorType,
  type Written,
} from '../../core/index.js';

/** One output: its batches in the order in which they were written, with the values as they were, NaN too; `json` columns in their own type. */
export interface MemoryOutput {
  readonly schema: SinkSchema;
  readonly batches: ReadonlyArray<RowBatch>;
}

/** `outputs` holds what was committed, by location, and changes as outputs are committed. */
export const memoryPredictionSink = (): PredictionSink & {
  readonly outputs: ReadonlyMap<string, MemoryOutput>;
  readonly remove: (location: string) => void;
} => {
  const outputs = new Map<string, MemoryOutput>();
  const root = 'memory';
  const resolve = (location: string): TE.TaskEither<Failure, string> =>
    pipe(
      TE.fromEither(checkOutputLocation(location)),
      TE.map(() => `${root}/${location}`),
    );

  const told = (location: string, batches: ReadonlyArray<RowBatch>): Written => ({
    location: `${root}/${location}`,
    rowCount: batches.reduce((sum, batch) => sum + batch.rowCount, 0),
    sizeBytes: batches.reduce((sum, batch) => sum + sizeOf(batch), 0),
  });

  const begin = (location: string, schema: SinkSchema, call: CallOptions): SinkWriter => {
    const written: RawRows[] = [];
    return {
      write: (batch) => ongoing(call, () => void written.push(copyOf(batch))),
      commit: ongoing(call, () => {
        const output = narrowed(schema, written);
        outputs.set(location, output);
        return told(location, output.batches);
      }),
      clear: TE.fromIO(() => void outputs.delete(location)),
      abort: async () => undefined,
    };
  };

  const join = (location: string, schema: JoinSchema, parts: ReadonlyArray<MemoryOutput>): JoinedOutput => {
    const batches = parts.flatMap((part) => part.batches.map((batch) => joined(schema, batch)));
    return {
      commit: TE.fromIO(() => {
        outputs.set(location, { schema, batches });
        return told(location, batches);
      }),
      abort: async () => undefined,
    };
  };

  return {
    root,
    outputs,
    remove: (location) => void outputs.delete(location),
    resolve,
    join: (location, schema, parts, call) => {
      const found = parts.flatMap((part) => outputs.get(part.slice(root.length + 1)) ?? []);
      if (found.length < parts.length) return failTask('NotFound', `A part of ${location} is not there any more.`);
      return TE.flatMap(resolve(location), () => ongoing(call, () => join(location, schema, found)));
    },
    digest: (location, call) =>
      TE.flatMap(resolve(location), () => ongoing(call, () => O.map(digestOf)(O.fromNullable(outputs.get(location))))),
    open: (location, schema, call) =>
      TE.flatMap(resolve(location), () => ongoing(call, () => begin(location, schema, call))),
  };
};

const ongoing =
  <A>(call: CallOptions, step: () => A): TE.TaskEither<Failure, A> =>
  () => {
    if (call.cancellation.aborted) return failTask('Cancelled', 'The output was cancelled.')();
    if (Date.now() >= call.deadlineMs) return failTask('DeadlineExceeded', 'The time allowed for writing ran out.')();
    return TE.right(step())();
  };

/** The schema's columns of a part, text in the type that the schema says. */
const joined = (schema: JoinSchema, { rowCount, columns }: RowBatch): RowBatch => ({
  rowCount,
  columns: new Map(
    schema.columns.map(({ name, type }) => {
      const column = columns.get(name);
      if (column === undefined) throw new TypeError(`the part has no column "${name}"`);
      return [name, column.type === 'string' && type !== 'string' ? castText(column, type) : column];
    }),
  ),
});

const castText = ({ values, missing }: BatchColumn & { readonly type: 'string' }, type: TensorType): BatchColumn => {
  const texts = values.map((text, row) => (missing?.[row] === 1 ? undefined : text));
  switch (type) {
    case 'int64':
      return narrowColumn(
        texts.map((text) => (text === undefined ? text : BigInt(text))),
        type,
      );
    case 'float64':
    case 'bool':
      return narrowColumn(
        texts.map((text) => (text === undefined ? text : JSON.parse(text))),
        type,
      );
    default:
      throw new TypeError(`text does not become ${type}`);
  }
};

const digestOf = (output: MemoryOutput): string => createHash('sha256').update(serialize(output)).digest('hex');

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
