/** Rows as they come on stdin: JSON in any form that `POST /score` takes as `data`, or NDJSON. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import { fail, type Failure, failure, parseJson } from '../../core/index.js';

/** What a request takes as `data`. Fails `InvalidInput` with the line that is no JSON. */
export const parseRows = (text: string): E.Either<Failure, unknown> => {
  if (text.trim() === '') return fail('InvalidInput', 'There are no rows on stdin: write [] for none.');
  const whole = parseJson(text);
  return E.isRight(whole) ? E.right(isRow(whole.right) ? [whole.right] : whole.right) : parseLines(text, whole.left);
};

/** One line of NDJSON reads as JSON too: an object of anything but columns is a row. */
const isRow = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !Object.values(value).every(Array.isArray);

const parseLines = (text: string, reason: string): E.Either<Failure, ReadonlyArray<unknown>> => {
  const rows: unknown[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const row = pipe(
      parseJson(line),
      E.mapLeft((why) =>
        rows.length === 0
          ? failure('InvalidInput', `What is on stdin is neither JSON (${reason}) nor NDJSON.`)
          : failure('InvalidInput', `Line ${i + 1} on stdin is not JSON (${why}).`),
      ),
    );
    if (E.isLeft(row)) return row;
    rows.push(row.right);
  }
  return E.right(rows);
};
