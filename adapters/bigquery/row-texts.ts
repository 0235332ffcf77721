/** A page of rows as pieces of its JSON, so that nobody has to hold, or wait for, objects of all of them at once. */
import type { Json } from './client.js';

/** Rows as the API gives them. */
export type ApiRows = ReadonlyArray<{ readonly f: ReadonlyArray<{ readonly v: unknown }> }>;

/** The rows of a page in order, piece by piece, each as JSON or parsed. */
export interface RowPieces {
  readonly rowCount: number;
  readonly pieces: ReadonlyArray<string | ApiRows>;
}

/** In JSON a text has no quote without a backslash before it, so this stands nowhere but at the beginning of a row. */
const rowBegins = '{"f":[';
const rowsBegin = '"rows":[';

/** Some milliseconds' worth of parsing. */
const pieceLength = 250_000;

/** The fields of an answer; in place of `rows`, of a page that is written without spaces, `rowPieces`. Throws a `SyntaxError`. */
export const parseAnswer = (text: string): Json => {
  const at = text.indexOf(`${rowsBegin}${rowBegins}`);
  return at === -1 ? JSON.parse(text) : (cutRows(text, at + rowsBegin.length) ?? JSON.parse(text));
};

/** None when rows are not parted by a comma alone. */
const cutRows = (text: string, begin: number): Json | undefined => {
  const pieces: Array<string | ApiRows> = [];
  let rowCount = 0;
  let from = begin;
  for (let row = begin; row !== -1; row = text.indexOf(rowBegins, row + rowBegins.length)) {
    if (row > begin && text[row - 1] !== ',') return undefined;
    rowCount++;
    if (row - from < pieceLength) continue;
    pieces.push(`[${text.slice(from, row - 1)}]`);
    from = row;
  }
  const { rows, ...after } = JSON.parse(`{${rowsBegin}${text.slice(from)}`);
  const { rows: _, ...before } = JSON.parse(`${text.slice(0, begin)}]}`);
  return { ...before, ...after, rowPieces: { rowCount, pieces: [...pieces, rows] } };
};
