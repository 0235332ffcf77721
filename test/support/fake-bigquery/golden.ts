/** What the fake knows: statements, and the tables that answer them. It runs no SQL. */

/** As `TableFieldSchema` tells it, with the API's names of types. */
export interface Field {
  readonly name: string;
  readonly type: string;
  readonly mode?: 'NULLABLE' | 'REQUIRED' | 'REPEATED';
}

/** Cells as the API gives them, text or null; a TIMESTAMP in microseconds. */
export interface CannedTable {
  readonly fields: ReadonlyArray<Field>;
  readonly rows: ReadonlyArray<ReadonlyArray<unknown>>;
}

/** An error of the API, or of a job. */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly message: string;
}

/** A declared statement, and what becomes of it. */
export interface Golden {
  readonly sql: string;
  /** Instead of the statement's own text: it has a job's id or a time in it. `sql` is then only its name. */
  readonly matches?: RegExp;
  /** The parameters that it names, and no others: all of them have to be bound, as INT64. */
  readonly parameters?: ReadonlyArray<string>;
  readonly answer?: (parameters: Readonly<Record<string, string>>) => CannedTable;
  /** Instead of an answer, also to a dry run. */
  readonly refusal?: Refusal;
  readonly statementType?: string;
  readonly bytes?: number;
  /** Tables that it reads, as `project.dataset.table`, and when each changed last. */
  readonly tables?: Readonly<Record<string, number>>;
}

/** The golden statement that the text is, or of which it takes columns: `SELECT a, b FROM (…)`. */
export const findGolden = (
  goldens: ReadonlyMap<string, Golden>,
  text: string,
): { readonly golden: Golden; readonly list: string } | undefined => {
  const whole = goldens.get(text) ?? [...goldens.values()].find(({ matches }) => matches?.test(text));
  if (whole !== undefined) return { golden: whole, list: '*' };
  const [, list = '', inner = ''] = /^SELECT (.+) FROM \(\n([^]*)\n\)$/.exec(text) ?? [];
  const golden = goldens.get(inner);
  return golden === undefined ? undefined : { golden, list };
};

/** The list's columns of the table. None when it names what is not there. */
export const selectFrom = ({ fields, rows }: CannedTable, list: string): CannedTable | undefined => {
  if (list === '*') return { fields, rows };
  if (list === 'COUNT(*)') return { fields: [{ name: 'f0_', type: 'INTEGER' }], rows: [[`${rows.length}`]] };
  if (list === 'TRUE') return { fields: [{ name: 'f0_', type: 'BOOLEAN' }], rows: rows.map(() => ['true']) };
  const names = list.split(', ').map((quoted) => /^`((?:[^`\\]|\\.)+)`$/.exec(quoted)?.[1]?.replaceAll(/\\(.)/g, '$1'));
  const indexes = names.map((name) => fields.findIndex((field) => field.name === name));
  if (indexes.includes(-1)) return undefined;
  return {
    fields: fields.length === 0 ? [] : indexes.flatMap((index) => fields[index] ?? []),
    rows: rows.map((row) => indexes.map((index) => row[index])),
  };
};
