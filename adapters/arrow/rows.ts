/** An Arrow IPC stream that arrives, such as the body of a request: scored batch by batch as it comes. */
import * as E from 'fp-ts/lib/Either.js';
import { type DataType, type Field, type RecordBatch, RecordBatchReader, Type } from 'apache-arrow';
import {
  type BatchStream,
  type CallOptions,
  fail,
  type Failure,
  failure,
  nearest,
  repeated,
  type PassingRows,
  type RawColumn,
  type RawRows,
  type WantedColumn,
} from '../../core/index.js';
import { columnOf, isScalar } from './columns.js';
import { type ArrowMessages, arrowMessages, type ArrowOrigin } from './messages.js';

/** Rows that are decoded between two turns of the event loop. */
const rowsAtOnce = 4_096;

/** `open` and `read` fail `InvalidInput` for what is no Arrow stream, saying at which batch, and for a wanted column that is no single value. */
export const arrowRows = (options: ArrowOrigin): PassingRows => ({
  open: (call) => async () => {
    const { name } = options;
    const over = overFailure(options, call);
    if (over !== undefined) return E.left(over);
    const messages = arrowMessages(options);
    const opened = await attempt(options, messages, 'the schema', async () => {
      const reader = await RecordBatchReader.from(messages.bytes());
      return reader.open();
    });
    if (E.isLeft(opened)) return opened;
    const reader = opened.right;
    const names = reader.schema?.fields.map((field) => `${field.name ?? ''}`);
    if (names === undefined)
      return fail('InvalidInput', `${name}: there is nothing in it; a stream begins with its schema.`);
    const twice = repeated(names, (each) => each);
    if (twice !== undefined) return fail('InvalidInput', `${name}: the schema names the column "${twice}" twice.`);
    return E.right({
      columnNames: names,
      textual: false,
      read: (wanted) => read(options, messages, reader, wanted, call),
      close: async () => {
        await reader.cancel();
      },
    });
  },
});

/** The library does not say what is damaged by types of errors. */
const attempt = async <A>(
  { name }: ArrowOrigin,
  messages: ArrowMessages,
  what: string,
  work: () => A | Promise<A>,
): Promise<E.Either<Failure, A>> => {
  try {
    return E.right(await work());
  } catch (error) {
    const failed = messages.failed();
    if (failed !== undefined) return E.left(failed);
    const reason = error instanceof Error ? error.message : 'unknown';
    const type = /^Unrecognized (?:type: ")?(\w+)/.exec(reason)?.[1];
    return fail(
      'InvalidInput',
      type === undefined
        ? `${name}: ${what} is damaged (${reason}): send an IPC stream.`
        : `${name}: the schema has a column whose type is not read here (${type}): cast it, or leave it out.`,
    );
  }
};

async function* read(
  options: ArrowOrigin,
  messages: ArrowMessages,
  reader: Pick<RecordBatchReader, 'schema' | 'next'>,
  wanted: ReadonlyArray<WantedColumn>,
  call: CallOptions,
): BatchStream {
  const misfit = misfitOf(options, reader.schema.fields, wanted);
  if (misfit !== undefined) return yield E.left(misfit);
  let isBegun = false;
  for (let batchNumber = 1; ; batchNumber++) {
    const what = `batch ${batchNumber}`;
    const next = await attempt(options, messages, what, async () => {
      const { done, value } = (await reader.next()) as IteratorResult<RecordBatch, unknown>;
      return done === true ? undefined : value;
    });
    if (E.isLeft(next)) return yield next;
    const batch = next.right;
    if (batch === undefined) break;
    // Columns of nulls have no bytes, and as many rows as they say.
    if (batch.numRows > options.batchLimitBytes) return yield E.left(options.tooLarge(batchNumber));
    for (let begin = 0; begin < batch.numRows; begin += rowsAtOnce) {
      const over = overFailure(options, call);
      if (over !== undefined) return yield E.left(over);
      const rows = await attempt(options, messages, what, () =>
        rowsOf(batch.slice(begin, begin + rowsAtOnce), wanted, options.batchLimitBytes),
      );
      yield rows;
      if (E.isLeft(rows)) return;
      isBegun = true;
    }
  }
  if (!isBegun) yield E.right(withoutRows(wanted));
}

const rowsOf = (batch: RecordBatch, wanted: ReadonlyArray<WantedColumn>, textLimit: number): RawRows => {
  const columns = new Map<string, RawColumn>();
  for (const { name, role } of wanted) {
    const vector = batch.getChild(name);
    if (vector === null) throw new RangeError(`the column "${name}" is missing`);
    try {
      columns.set(name, columnOf(vector, role, batch.numRows, textLimit));
    } catch (error) {
      if (error instanceof TypeError && 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
        throw new RangeError(`a text of the column "${name}" is not UTF-8`);
      throw error;
    }
  }
  return { rowCount: batch.numRows, columns };
};

const withoutRows = (wanted: ReadonlyArray<WantedColumn>): RawRows => ({
  rowCount: 0,
  columns: new Map(wanted.map(({ name }) => [name, { type: 'json', values: [] }] as const)),
});

/** Of the wanted columns: one that is not there, or is no single value. */
const misfitOf = (
  { name: what }: ArrowOrigin,
  fields: ReadonlyArray<Field>,
  wanted: ReadonlyArray<WantedColumn>,
): Failure | undefined => {
  for (const { name } of wanted) {
    const field = fields.find((one) => one.name === name);
    if (field === undefined) {
      const near = nearest(
        name,
        fields.map((one) => `${one.name ?? ''}`),
      );
      const hint = near === undefined ? '.' : `; did you mean "${near}"?`;
      return failure('InvalidInput', `${what}: there is no column "${name}"${hint}`);
    }
    if (!isScalar(field.type as DataType)) {
      return failure(
        'InvalidInput',
        `${what}: the column "${name}" is of the type ${Type[field.typeId]}, and features and keys are single values: cast it, or make columns of it.`,
      );
    }
  }
  return undefined;
};

const overFailure = ({ name }: ArrowOrigin, { cancellation, deadlineMs }: CallOptions): Failure | undefined => {
  if (cancellation.aborted) return failure('Cancelled', `${name}: the call was cancelled.`);
  return performance.timeOrigin + performance.now() >= deadlineMs
    ? failure('DeadlineExceeded', `${name}: the time allowed ran out.`)
    : undefined;
};
