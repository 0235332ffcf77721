/** Opens the rows of a score request: those of a source, or those that were sent. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { brief, pointerToken } from '../decode.js';
import { type Failure, fail, nearest } from '../failure.js';
import type { Registration } from '../model/registration.js';
import type { DataSource, OpenedSource, WantedColumn } from '../ports/data-source.js';
import type { CallOptions } from '../ports/host.js';
import { afterFailure } from './after-failure.js';
import { checkColumns, type RawBatch } from './features.js';
import { keysOf } from './keys.js';
import { readRows } from './rows.js';
import type { BatchStream } from './row-batch.js';
import type { ScoreRequest } from './score-request.js';
import type { RawStream } from './scoring-job.js';

/** Where rows may come from. */
export interface RowSources {
  /** By the name that a request's `data_source` uses. */
  readonly sources: Readonly<Record<string, DataSource>>;
  /** By model type: the name of the source that `query` means. */
  readonly sourceOfType?: Readonly<Record<string, string>>;
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
export const sourceName = ({ data_source, data }: ScoreRequest): string =>
  data_source ?? (data === undefined ? 'query' : 'inline');

/** The rows, with their columns checked against the model's features. Fails `NotFound` (source), `SignatureMismatch`, and as the source does. */
export const openRows = (
  from: RowSources,
  request: ScoreRequest,
  registration: Registration,
  call: CallOptions,
): TE.TaskEither<Failure, OpenedRows> =>
  request.data === undefined
    ? pipe(
        TE.fromEither(findSource(from, request)),
        TE.chain((source) => openSource(source, request, registration, call)),
      )
    : TE.fromEither(openInline(from, request, registration));

/** Only its own: a model type may be called `constructor`. */
const sourceNameOf = (sourceOfType: RowSources['sourceOfType'] = {}, modelType: string): string | undefined =>
  Object.hasOwn(sourceOfType, modelType) ? sourceOfType[modelType] : undefined;

/** The source that the request names; `query` is the one configured for the model type. */
const findSource = ({ sources, sourceOfType }: RowSources, request: ScoreRequest): E.Either<Failure, DataSource> => {
  const asked = sourceName(request);
  const name = asked === 'query' ? sourceNameOf(sourceOfType, request.model_type) : asked;
  if (name === undefined) {
    return fail(
      'NotFound',
      `No data source is configured for model type ${request.model_type}. Name it as model_types.${request.model_type}.source in scorekeeper.json, or send the rows as data (predict reads them on stdin).`,
    );
  }
  const source = Object.hasOwn(sources, name) ? sources[name] : undefined;
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

const openSource = (
  source: DataSource,
  request: ScoreRequest,
  registration: Registration,
  call: CallOptions,
): TE.TaskEither<Failure, OpenedRows> => {
  const { features } = registration.signature;
  const range = {
    ...(request.start_year === undefined ? {} : { startYear: request.start_year }),
    ...(request.end_year === undefined ? {} : { endYear: request.end_year }),
  };
  const pointerTo = (row: number, column: string): string => `/${row}/${pointerToken(column)}`;
  return pipe(
    source.open(range, call),
    TE.chain((opened) => {
      const isFeature = new Set(features.map(({ name }) => name));
      return pipe(
        columnsOf(opened, [...isFeature, ...source.keys]),
        TE.chainEitherK((columnNames) =>
          pipe(
            keysOf(source, { ...opened, columnNames }),
            E.chainFirst(() => checkColumns(features, new Set(columnNames), (column) => `/${pointerToken(column)}`)),
          ),
        ),
        TE.map((keys): OpenedRows => {
          const wanted: ReadonlyArray<WantedColumn> = [
            ...features.map(({ name }) => ({ name, role: 'feature' }) as const),
            ...keys.filter((key) => !isFeature.has(key)).map((name) => ({ name, role: 'key' }) as const),
          ];
          return {
            stream: rawStream(opened.read(wanted), opened.textual),
            keys,
            pointerTo,
            warnings: source.keys
              .filter((key) => !keys.includes(key))
              .map((key) => `The key "${key}" is no column of the source, and is left out of the output.`),
            close: opened.close,
          };
        }),
        afterFailure(opened.close),
      );
    }),
  );
};

/** The source's columns, with each of `names` that is one. */
const columnsOf = (
  { columnNames, columnsAmong }: OpenedSource,
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
      E.map(({ rowCount, columns }) => ({ rowCount, columns, textual })),
    );
  }
};

const openInline = (
  { sources, sourceOfType }: RowSources,
  request: ScoreRequest,
  registration: Registration,
): E.Either<Failure, OpenedRows> => {
  const { features } = registration.signature;
  const keys = sources[sourceNameOf(sourceOfType, request.model_type) ?? '']?.keys ?? [];
  const wanted = new Set<string>();
  for (const { name } of features) wanted.add(name);
  for (const key of keys) wanted.add(key);
  const read = readRows(request.data, wanted);
  if (E.isLeft(read)) return read;
  const { raw, columnNames, pointerTo } = read.right;
  if (!features.every(({ name }) => raw.columns.has(name))) {
    const present = new Set([...raw.columns.keys(), ...(raw.rowCount === 0 ? [] : columnNames)]);
    const checked = checkColumns(features, present, (column) => pointerTo(0, column));
    if (E.isLeft(checked)) return checked;
  }
  return E.right({
    stream: raw.rowCount === 0 ? [] : [E.right(raw)],
    keys: keys.filter((key) => raw.columns.has(key)),
    pointerTo,
    warnings: [],
    close: async () => undefined,
  });
};
