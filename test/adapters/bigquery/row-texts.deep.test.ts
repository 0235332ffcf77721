/** Pages that are cut into pieces before they are parsed say what they say whole. */
import test from 'ava';
import fc from 'fast-check';
import { type ApiRows, parseAnswer, type RowPieces } from '../../../adapters/bigquery/row-texts.js';

/** Texts that look like the places where a page is cut. */
const nasty = [
  '{"f":[',
  ',{"f":[{"v":"x"}]}',
  '"rows":[{"f":[',
  '}]}]',
  '\\',
  '\\"',
  '"',
  'line\nbreak',
  '🎲',
  '',
  'plain',
];

const cell = fc.option(fc.oneof(fc.constantFrom(...nasty), fc.string({ unit: 'binary', maxLength: 8 })), { nil: null });

/** The answer with its rows put together again. */
const joined = (text: string): unknown => {
  const { rowPieces, ...fields } = parseAnswer(text);
  if (rowPieces === undefined) return fields;
  const { rowCount, pieces } = rowPieces as RowPieces;
  const rows = pieces.flatMap((piece): ApiRows => (typeof piece === 'string' ? JSON.parse(piece) : piece));
  return rows.length === rowCount ? { ...fields, rows } : { rowCount, found: rows.length };
};

test('whatever the cells hold, and wherever the rows stand among the other fields', (t) => {
  const page = fc.record({
    cells: fc.array(fc.array(cell, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 20 }),
    before: fc.dictionary(fc.constantFrom('kind', 'schema', 'nested'), cell),
    after: fc.dictionary(fc.constantFrom('totalRows', 'pageToken'), cell),
    times: fc.constantFrom(1, 2, 400),
    space: fc.constantFrom(0, 0, 0, 1),
  });
  fc.assert(
    fc.property(page, ({ cells, before, after, times, space }) => {
      const some = cells.map((row) => ({ f: row.map((v) => ({ v })) }));
      const rows = Array.from({ length: times }, () => some).flat();
      const answer = { ...before, rows, ...after };
      t.deepEqual(joined(JSON.stringify(answer, null, space)), { ...before, ...after, rows });
    }),
    { numRuns: 60 },
  );
});

test('a page of megabytes is cut, in pieces of about the same length', (t) => {
  const rows = Array.from({ length: 20_000 }, (_, i) => ({ f: [{ v: `${i}` }, { v: ',{"f":[' }, { v: null }] }));
  const text = JSON.stringify({ kind: 'x', rows, pageToken: 'y' });
  const { pieces } = parseAnswer(text)['rowPieces'] as RowPieces;
  t.true(pieces.length >= 3);
  t.true(pieces.every((piece) => typeof piece !== 'string' || piece.length < 300_000));
  t.deepEqual(joined(text), { kind: 'x', pageToken: 'y', rows });
});

test('without rows, in nested rows, and cut off in the middle', (t) => {
  for (const answer of [
    { kind: 'x' },
    { rows: [] },
    { rows: [{ f: [{ v: { f: [{ v: '1' }] } }, { v: [{ v: { f: [{ v: '2' }] } }] }] }] },
  ]) {
    t.deepEqual(joined(JSON.stringify(answer)), answer);
  }
  const text = JSON.stringify({ kind: 'x', rows: [{ f: [{ v: '1' }] }, { f: [{ v: '2' }] }], totalRows: '2' });
  for (let length = 0; length < text.length; length++) {
    t.throws(() => parseAnswer(text.slice(0, length)), { instanceOf: SyntaxError });
  }
});
