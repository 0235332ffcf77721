/** Clients that stop half-way or go away, before a whole service over files: nothing is left of their requests, and the next one is answered. */
import { readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { compose } from '../../../apps/composition/compose.js';
import { startServer } from '../../../apps/http/main.js';
import { loadSettings } from '../../../apps/settings.js';
import { sql } from '../../adapters/duckdb/files.js';
import { right } from '../../support/registry.js';
import { emptyFolder, onnxFixtures, runHere, writeExperiment } from '../cli/command-line.js';
import { rawConnection } from './harness.js';
import { until } from './metrics.js';

const folder = await emptyFolder();
const temporary = await emptyFolder();
process.env['TMPDIR'] = temporary;

await writeExperiment(join(folder, 'models/experiments/rating/m'), join(onnxFixtures, 'columns.onnx'));
await runHere(folder, ['register', '--model-type', 'rating', '--experiment', 'm', '--name', 'm']);
const rows = 'select range::float as weight, 2000::float as year from range(1000000)';
await sql(`copy (${rows}) to '${join(folder, 'rows.parquet')}'`);
const source = { kind: 'duckdb', files: { rows: 'rows.parquet' }, sql: 'select * from rows' };
await writeFile(
  join(folder, 'scorekeeper.json'),
  JSON.stringify({ sources: { rows: source }, model_types: { rating: { source: 'rows' } } }),
);
await writeFile(join(folder, 'out.csv'), 'before');

const settings = await right(loadSettings({ local: folder }, { env: {}, workingDir: folder }));
const { service, close } = compose(settings, { outputRoot: folder });
const limits = { concurrentRequests: 1 };
const server = await right(startServer({ service, host: '127.0.0.1', port: 0, graceMs: 1000, limits }));
test.after.always(async () => {
  await server.close();
  await close();
});

const model = { model_type: 'rating', model_name: 'm' };
const head = (length: number, more = ''): string =>
  `POST /score${more === '' ? '' : `?${new URLSearchParams(model)}`} HTTP/1.1\r\nHost: x\r\n${more || 'Content-Type: application/json\r\n'}Content-Length: ${length}\r\n\r\n`;
const whole = (fields: object, more = ''): string => {
  const body = JSON.stringify({ ...model, ...fields });
  return `POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;
};
const ndjson = 'Content-Type: application/x-ndjson\r\nAccept: application/x-ndjson\r\n';

/** Files of ours that this process has open; only Linux tells. */
const openFiles = async (): Promise<ReadonlyArray<string>> => {
  if (process.platform !== 'linux') return [];
  const descriptors = await readdir('/proc/self/fd');
  const paths = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  return paths.filter((path) => path.startsWith(folder) || path.startsWith(temporary));
};

// what is sent, and whether an answer begins before the client goes away
const cases: ReadonlyArray<readonly [string, string, boolean]> = [
  ['a JSON body that stops half-way', `${head(1_000)}{"model_type": "rating", "data": [{"wei`, false],
  [
    'rows that stop half-way, while their predictions are answered',
    `${head(1e9, ndjson)}${'{"weight": 1, "year": 2000}\n'.repeat(9_000)}`,
    true,
  ],
  ['a client that goes away in mid-answer', whole({}, 'Accept: application/x-ndjson\r\n'), true],
  ['a client that goes away while its output is written', whole({ output_location: 'out.csv' }), false],
];
for (const [what, sent, isAnswered] of cases) {
  for (const how of ['hangUp', 'reset'] as const) {
    test.serial(`${what} (${how}) leaves nothing, and the next request is answered`, async (t) => {
      const connection = await rawConnection(server.url);
      await connection.send(sent);
      if (isAnswered) t.regex(await connection.first, /^HTTP\/1\.1 200 /);
      else await new Promise((resolve) => setTimeout(resolve, 100));
      connection[how]();
      const body = JSON.stringify({ ...model, data: [{ weight: 1, year: 1 }] });
      const headers = { 'content-type': 'application/json' };
      // Until then, the one request that is let in is that of the client who went away.
      await until(async () => {
        const answer = await fetch(`${server.url}/score`, { method: 'POST', headers, body });
        const { predictions } = (await answer.json()) as { predictions?: unknown };
        if (answer.status === 200) t.deepEqual(predictions, [{ row: 0, prediction: 6 }]);
        return answer.status === 200;
      });
      await until(async () => (await readdir(temporary)).length === 0 && (await openFiles()).length === 0);
      t.deepEqual(
        (await readdir(folder)).filter((name) => name.includes('.tmp')),
        [],
      );
      t.is(await readFile(join(folder, 'out.csv'), 'utf8'), 'before');
    });
  }
}
