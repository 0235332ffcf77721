/** Rows on stdin are UTF-8, with or without a byte order mark. */
import test from 'ava';
import { decodeRows } from '../../../apps/cli/rows-on-stdin.js';
import { leftOf, rightOf } from '../../support/scoring.js';

test('what is not UTF-8 is refused, and a byte order mark is no text', (t) => {
  t.is(rightOf(decodeRows(Buffer.from('\ufeff[{"city": "Zürich"}]'))), '[{"city": "Zürich"}]');
  const latin1 = Buffer.from('[{"city": "Zürich"}]', 'latin1');
  t.is(leftOf(decodeRows(latin1), 'InvalidInput').message, 'What is on stdin is not UTF-8: encode it as UTF-8.');
});
