/** Opens the rows of a score request: those of a source, or those that were sent. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { brief, pointerToken } from '../decode.js';
import { type Failure, fail, failureOf, nearest } from '../failure.js';
import type { Registration } from '../model/registration.js';
import type { DataSource, OpenedSource, PassingRows, WantedColumn, YearRange } from '../ports/data-source.js';
import type { CallOptions } from '../ports/host.js';
import { afterFailure } from './after-failure.js';
import { checkColumns } from './check-columns.js';
import type { RawBatch } from './features.js';
import { keyFault } from './key-values.js';
import { keysOf } from './keys.js';
import { togetherOf } from './number-block.js';
import { type InlineRows, readRows } from './rows.js';
import type { BatchStream } from './row-batch.js';
import type { ScoreRequest } from './score-request.js';
import { mostRowsAtOnce, type RawStream } from './scoring-job.js';

/** Where rows may come from. */
export interface RowSources {
  /** By the name that a request's `data_source` uses. */
  readonly sources: Readonly<Record<string, DataSource>>;
  /** By model type: the name of the source that `query` means. */
  readonly sourceOfType?: Readonly<Record<string, string>>;
  /** Those that came with the call. */
  readonly rows?: PassingRows | undefined;
}

/** Rows about to be scored, from wherever they come. */
export interface OpenedRows {
  readonly stream: RawStream;
  readonly keys: ReadonlyArray<string>;
  readonly pointerTo: (row: number, column: string) => string;
  readonly warnings: ReadonlyArray<string>;
  readonly close: () => Promise<void>;
}

/** What the request calls its source. */
export const sourceName = (
  { data_source, data }: Pick<ScoreRequest, 'data_source' | 'data'>,
  { rows }: Pick<RowSources, 'rows'>,
): string => data_source ?? (data === undefined && rows === undefined ? 'query' : 'inline');

/** The rows, with their columns checked against the model's features. Fails `NotFound` (source), `SignatureMismatch`, and as the source does. */
export const openRows = (
  from: RowSources,
  request: ScoreRequest,
  registration: Registration,
  call: CallOptions,
): TE.TaskEither<Failure, OpenedRows> => {
  if (request.data !== undefined) return TE.fromEither(openInline(from, request, registration));
  if (from.rows !== undefined) return openSent(from.rows, ownKeys(from, request), registration, call);
  return pipe(
    TE.fromEither(findSource(from, request)),
    TE.chain((source) => openSource(source, request, registration, call)),
  );
};

/** Only its own: a model type may be called `constructor`. */
const sourceNameOf = (sourceOfType: RowSources['sourceOfType'] = {}, modelType: string): string | undefined =>
  Object.hasOwn(sourceOfType, modelType) ? sourceOfType[modelType] : undefined;

/** Of the model type's own source. */
const ownKeys = ({ sources, sourceOfType }: RowSources, { model_type }: ScoreRequest): ReadonlyArray<string> =>
  sourceOf(sources, sourceNameOf(sourceOfType, model_type) ?? '')?.keys ?? [];

/** Only an own one: an object has a `constructor` that nobody declared. */
const sourceOf = (sources: RowSources['sources'], name: string): DataSource | undefined =>
  Object.hasOwn(sources, name) ? sources[name] : undefined;

/** The source that the request names; `query` is the one configured for the model type. Fails `NotFound`. */
export const findSource = (
  { sources, sourceOfType }: RowSources,
  request: ScoreRequest,
): E.Either<Failure, DataSource> => {
  const asked = sourceName(request, {});
  const name = asked === 'query' ? sourceNameOf(sourceOfType, request.model_type) : asked;
  if (name === undefined) {
    return fail(
      'NotFound',
      `No data source is configured for model type ${request.model_type}. Name it as model_types.${request.model_type}.source in scorekeeper.json, or send the rows as data (predict reads them on stdin).`,
    );
  }
  const source = sourceOf(sources, name);
  if (source !== undefined) return E.right(source);
  const known = Object.keys(sources);
  const near = nearest(name, known);
  const hint =
    near !== undefined
      ? `Did you mean ${near}?`
      : known.length > 0
        ? `There is ${known.join(', ')}.`
        : 'None is configured.';
  return fail('NotFound', `There is no data source "${brief(name)}". ${hint}`);
};

/** The years that the request names. */
export const rangeOf = ({
  start_year: startYear,
  end_year: endYear,
}: Pick<ScoreRequest, 'start_year' | 'end_year'>): YearRange => ({
  ...(startYear === undefined ? {} : { startYear }),
  ...(endYear === undefined ? {} : { endYear }),
});

/** The rows of a source, with their columns checked against the model's features. Fails `SignatureMismatch`, and as the source does. */
export const openSource = (
  source: DataSource,
  request: Pick<ScoreRequest, 'start_year' | 'end_year'>,
  registration: Registration,
  call: CallOptions,
): TE.TaskEither<Failure, OpenedRows> =>
  pipe(
    openColumns(source, source.open(rangeOf(request), call), registration),
    TE.map((columns) => rowsOf(columns, registration)),
  );

type Opened = Omit<OpenedSource, 'countRows'>;

/** What was opened, and which of its columns are read. */
export interface OpenedColumns<A> extends Pick<OpenedRows, 'keys' | 'warnings'> {
  readonly opened: A;
  readonly wanted: ReadonlyArray<WantedColumn>;
}

/** The columns of a source, checked against the model's features; no row is read. Fails `SignatureMismatch`, and as the source does. */
export const openColumns = (
  { keys }: DataSource,
  open: TE.TaskEither<Failure, OpenedSource>,
  registration: Registration,
): TE.TaskEither<Failure, OpenedColumns<OpenedSource>> => withColumns(keys, keys, open, registration);

const rowsOf = (
  { opened, wanted, keys, warnings }: OpenedColumns<Opened>,
  { signature: { features } }: Registration,
): OpenedRows => ({
  stream: rawStream(opened.read(wanted, togetherOf(features, keys)), opened.textual),
  keys,
  pointerTo: (row, column) => `/${row}/${pointerToken(column)}`,
  warnings,
  close: opened.close,
});

/** `lookedFor` are keys that a later row may bring. */
const withColumns = <A extends Opened>(
  sourceKeys: ReadonlyArray<string>,
  lookedFor: ReadonlyArray<string>,
  open: TE.TaskEither<Failure, A>,
  { signature: { features } }: Registration,
): TE.TaskEither<Failure, OpenedColumns<A>> =>
  pipe(
    open,
    TE.chain((opened) => {
      const isFeature = new Set(features.map(({ name }) => name));
      return pipe(
        columnsOf(opened, [...isFeature, ...lookedFor]),
        TE.chainEitherK((columnNames) =>
          pipe(
            keysOf({ keys: sourceKeys }, { ...opened, columnNames }),
            E.chainFirst(() => checkColumns(features, new Set(columnNames), (column) => `/${pointerToken(column)}`)),
          ),
        ),
        TE.map((keys) => ({
          opened,
          wanted: [
            ...features.map(({ name }) => ({ name, role: 'feature' }) as const),
            ...keys.filter((key) => !isFeature.has(key)).map((name) => ({ name, role: 'key' }) as const),
          ],
          keys,
          warnings: [
            ...(opened.notes ?? []),
            ...sourceKeys
              .filter((key) => !keys.includes(key))
              .map((key) => `The key "${key}" is no column of the source, and is left out of the output.`),
          ],
        })),
        afterFailure(opened.close),
      );
    }),
  );

/** The source's columns, with each of `names` that is one. */
const columnsOf = (
  { columnNames, columnsAmong }: Opened,
  names: ReadonlyArray<string>,
): TE.TaskEither<Failure, ReadonlyArray<string>> =>
  columnsAmong === undefined
    ? TE.right(columnNames)
    : pipe(
        columnsAmong(names),
        TE.map((found) => [...new Set([...columnNames, ...found])]),
      );

const rawStream = async function* (batches: BatchStream, textual: boolean): AsyncIterable<E.Either<Failure, RawBatch>> {
  for await (const batch of batches) {
    yield pipe(
      batch,
      E.map((rows) => ({ ...rows, textual })),
    );
  }
};

/** As those of a source, with the keys that they begin with: nobody waits for one that may never come. */
const openSent = (
  rows: PassingRows,
  keys: ReadonlyArray<string>,
  registration: Registration,
  call: CallOptions,
): TE.TaskEither<Failure, OpenedRows> => {
  const open = pipe(
    rows.open(call),
    TE.map((opened) => ({ ...opened, absentKeys: keys })),
  );
  return pipe(
    withColumns(keys, [], open, registration),
    TE.map((columns) => rowsOf({ ...columns, warnings: [] }, registration)),
  );
};

/** A few thousand rows at a time; one batch, which tells the columns, where there are none. */
const batchesOf = (sent: InlineRows, keys: ReadonlyArray<string>): RawStream =>
  sent.rowCount > mostRowsAtOnce ? severalBatches(sent, keys) : [batchOf(sent, keys, 0, sent.rowCount)];

function* severalBatches(
  sent: InlineRows,
  keys: ReadonlyArray<string>,
): Generator<E.Either<Failure, RawBatch>, void, undefined> {
  for (let begin = 0; begin < sent.rowCount; begin += mostRowsAtOnce)
    yield batchOf(sent, keys, begin, Math.min(sent.rowCount, begin + mostRowsAtOnce));
}

/** Rows whose keys can be given back as they were sent. Fails `InvalidInput`. */
const batchOf = (
  { rows, pointerTo }: InlineRows,
  keys: ReadonlyArray<string>,
  begin: number,
  end: number,
): E.Either<Failure, RawBatch> => {
  const batch = withPlainKeys(rows(begin, end), keys);
  for (const name of keys) {
    for (const [at, value] of batch.columns.get(name)?.values.entries() ?? []) {
      const fault = keyFault(value);
      if (fault === undefined) continue;
      const detail = `row ${begin + at}, key "${name}": ${fault.detail}`;
      const problems = [{ pointer: pointerTo(begin + at, name), detail }];
      return E.left(failureOf('InvalidInput', `The data's ${detail}: ${fault.cure}.`, problems));
    }
  }
  return E.right(batch);
};

/** In an output a key has the type of its values, and not that of the array which they came in. */
const withPlainKeys = (batch: RawBatch, keys: ReadonlyArray<string>): RawBatch => {
  const plain = keys.flatMap((name) => {
    const column = batch.columns.get(name);
    const isTyped = column !== undefined && column.type !== 'json';
    return isTyped ? [[name, { type: 'json', values: [...column.values] }] as const] : [];
  });
  return plain.length === 0 ? batch : { ...batch, columns: new Map([...batch.columns, ...plain]) };
};

const openInline = (
  from: RowSources,
  request: ScoreRequest,
  registration: Registration,
): E.Either<Failure, OpenedRows> => {
  const { features } = registration.signature;
  const keys = ownKeys(from, request);
  const wanted = new Set<string>();
  for (const { name } of features) wanted.add(name);
  for (const key of keys) wanted.add(key);
  const read = readRows(request.data, wanted);
  if (E.isLeft(read)) return read;
  const { rowCount, present, columnNames, pointerTo } = read.right;
  if (!features.every(({ name }) => present.has(name))) {
    const all = new Set([...present, ...(rowCount === 0 ? [] : columnNames)]);
    const checked = checkColumns(features, all, (column) => pointerTo(0, column));
    if (E.isLeft(checked)) return checked;
  }
  const presentKeys = keys.filter((key) => present.has(key));
  return E.right({
    stream: batchesOf(read.right, presentKeys),
    keys: presentKeys,
    pointerTo,
    warnings: [],
    close: async () => undefined,
  });
};
