/** A process that writes an output without an end, tells its parent once there are rows in the file, and is killed by it. Arguments: root, location. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { duckdbPredictionSink } from '../../../adapters/duckdb/prediction-sink.js';
import { countedRows } from '../../contracts/sample-rows.js';
import { call, filesUnder, right } from './files.js';

const [root = '', location = ''] = process.argv.slice(2);
const rows = countedRows(500_000);
const columns = Array.from(rows.columns, ([name, { type }]) => ({ name, type }));
const writer = await right(duckdbPredictionSink({ root }).open(location, { columns, constants: [] }, call));
const temporary = (await filesUnder(root)).find((name) => name.endsWith('.tmp')) ?? '';
for (let isTold = false; ; await right(writer.write(rows))) {
  if (isTold || (await stat(join(root, temporary))).size === 0) continue;
  process.send?.('begun');
  isTold = true;
}
