/** The SQL of a source: where it ends, which parameters it names, and what is bound to them. */
import type { YearRange } from '../../core/index.js';
import { raise } from '../google-cloud/errors.js';

/** A statement with the values of the parameters that it names. */
export interface Statement {
  readonly sql: string;
  readonly parameters: Readonly<Record<string, number>>;
}

const openYear = 2_147_483_647;
const sides: Readonly<Record<string, keyof YearRange>> = { start_year: 'startYear', end_year: 'endYear' };

/**
 * Comments, texts and quoted names, in which nothing counts; system variables; parameters; everything else, a character each.
 * https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical
 */
const lexemes =
  /(?<blank>\s+|--[^\n]*|#[^\n]*|\/\*[^]*?\*\/)|("""|''')(?:\\[^]|(?!\2)[^\\])*\2|(["'`])(?:\\[^]|(?!\3)[^\\\n])*\3|@@[\w.]+|@(?<parameter>[A-Za-z_]\w*)|(?<end>;)|[^]/g;

/**
 * The declared SELECT, without what follows its last word, for the range. Raises `InvalidInput` when it is empty or several statements,
 * names another parameter, or names none for a side of the range that is given.
 */
export const declaredStatement = (declared: string, range: YearRange): Statement => {
  const names = new Set<string>();
  let end = 0;
  let endsAt: number | undefined;
  for (const { index, 0: lexeme, groups } of declared.matchAll(lexemes)) {
    if (groups?.['blank'] !== undefined) continue;
    if (groups?.['end'] !== undefined) {
      endsAt ??= index;
      continue;
    }
    if (endsAt !== undefined && end > 0) {
      return raise('InvalidInput', 'The SQL of a source is exactly one SELECT; this one has several statements.');
    }
    end = index + lexeme.length;
    if (groups?.['parameter'] !== undefined) names.add(groups['parameter'].toLowerCase());
  }
  if (end === 0) return raise('InvalidInput', 'The SQL of a source is exactly one SELECT; this one is empty.');
  for (const [parameter, side] of Object.entries(sides)) {
    if (range[side] === undefined || names.has(parameter)) continue;
    raise('InvalidInput', `A range of years was given, and the SQL of this source does not name @${parameter}.`);
  }
  const parameters: Record<string, number> = {};
  for (const name of names) {
    if (!Object.hasOwn(sides, name)) {
      raise('InvalidInput', `The SQL names the parameter @${name}; only @start_year and @end_year are bound.`);
    }
    parameters[name] = name === 'start_year' ? (range.startYear ?? -openYear) : (range.endYear ?? openYear);
  }
  return { sql: declared.slice(0, end), parameters };
};

/** How many lines `selected` puts before the declared SQL. */
export const linesBefore = 1;

/** A SELECT of `list` from the statement: BigQuery then reads, and bills, no column that nobody wants. */
export const selected = (list: string, { sql, parameters }: Statement): Statement => ({
  sql: `SELECT ${list} FROM (\n${sql}\n)`,
  parameters,
});

export const quoteName = (name: string): string => `\`${name.replaceAll(/[\\`]/g, '\\$&')}\``;
