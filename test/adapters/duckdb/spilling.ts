/** A process whose source and sink spill to the temporary folder, and that ends as it is told. Arguments: root, how it ends. */
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as E from 'fp-ts/lib/Either.js';
import { duckdbDataSource } from '../../../adapters/duckdb/data-source.js';
import { duckdbPredictionSink } from '../../../adapters/duckdb/prediction-sink.js';
import { cancellable } from '../../contracts/cancellable.js';
import { call, right } from './files.js';

const [root = '', ending = ''] = process.argv.slice(2);
const memoryLimitBytes = 2 ** 24;
const cancellation = cancellable();
const source = duckdbDataSource({
  files: {},
  sql: 'SELECT range AS i, md5(range::VARCHAR) AS text FROM range(350000) ORDER BY text',
  keys: [],
  memoryLimitBytes,
});
const columns = [
  { name: 'i', type: 'int64' },
  { name: 'text', type: 'string' },
] as const;

if (ending === 'cancel') process.once('SIGTERM', cancellation.abort);
if (ending === 'exit on SIGTERM') process.on('SIGTERM', () => process.exit(3));
const opened = await right(source.open({}, { ...call, cancellation }));
const sink = duckdbPredictionSink({ root, memoryLimitBytes });
const writer = await right(sink.open('a.parquet', { columns, constants: [] }, call));
let isTold = false;
for await (const batch of opened.read(columns.map(({ name }) => ({ name, role: 'key' })))) {
  if (E.isLeft(batch)) break;
  await right(writer.write(batch.right));
  if (isTold || (await readdir(tmpdir())).length < 2) continue;
  isTold = true;
  process.send?.('both spill');
  if (ending === 'exit') process.exit(0);
  if (ending === 'abort') break;
  while (['kill', 'cancel', 'exit on SIGTERM'].includes(ending) && !cancellation.aborted) await nextTurn();
}
if (ending === 'commit') await right(writer.commit);
else await writer.abort();
await opened.close();
process.disconnect?.();
