/** A process that writes an output, tells its parent once the copy has begun, and is killed by it. Arguments: root, location. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { duckdbPredictionSink } from '../../../adapters/duckdb/prediction-sink.js';
import { countedRows } from '../../contracts/sample-rows.js';
import { call, filesUnder, right } from './files.js';

const [root = '', location = ''] = process.argv.slice(2);
const rows = countedRows(500_000);
const columns = Array.from(rows.columns, ([name, { type }]) => ({ name, type }));
const writer = await right(duckdbPredictionSink({ root }).open(location, { columns, constants: [] }, call));
for (let i = 0; i < 6; i++) await right(writer.write(rows));

const temporary = (await filesUnder(root)).find((name) => name.endsWith('.tmp')) ?? '';
const copying = right(writer.commit);
while ((await stat(join(root, temporary))).size === 0) await nextTurn();
process.send?.('begun');
await copying;
