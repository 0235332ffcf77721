/** Text from outside is UTF-8, with or without a byte order mark. */
import test from 'ava';
import { decodeUtf8 } from '../../apps/utf8.js';
import { leftOf, rightOf } from '../support/scoring.js';

test('what is not UTF-8 is refused, and a byte order mark is no text', (t) => {
  const decode = decodeUtf8('What is on stdin');
  t.is(rightOf(decode(Buffer.from('\ufeff[{"city": "Zürich"}]'))), '[{"city": "Zürich"}]');
  const latin1 = Buffer.from('[{"city": "Zürich"}]', 'latin1');
  t.is(leftOf(decode(latin1), 'InvalidInput').message, 'What is on stdin is not UTF-8: encode it as UTF-8.');
});
