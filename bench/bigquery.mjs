// Pages of BigQuery's JSON into columns, against the client's own stream of row objects: rows for a second of this process's processor time. The fake
// service is another process.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { BigQuery } from '@google-cloud/bigquery';
import { PassThroughClient } from 'google-auth-library';
import { bigqueryDataSource } from '../dist/adapters/bigquery/data-source.js';
import { neverCancelled } from '../dist/core/index.js';
import { startFakeBigquery } from '../dist/test/support/fake-bigquery/server.js';
import { inPairs } from './measure.mjs';

const rowCount = Number(process.env.BENCH_ROWS ?? 100_000);
const columnCount = Number(process.env.BENCH_COLUMNS ?? 30);
const project = 'games-project';
const sql = 'SELECT * FROM games';

if (process.argv[2] === 'serve') {
  // As many rows as BigQuery puts into a page of about 10 MB.
  const fake = await startFakeBigquery({ pageRowLimit: Math.floor(400_000 / columnCount) });
  const names = Array.from({ length: columnCount }, (_, i) => `c${i}`);
  const table = {
    fields: names.map((name, i) => ({ name, type: i === 0 ? 'INTEGER' : i === 1 ? 'STRING' : 'FLOAT' })),
    rows: Array.from({ length: rowCount }, (_, row) =>
      names.map((_name, i) => (i === 0 ? `${row}` : i === 1 ? `game ${row % 1000}` : `${((row * i) % 1000) / 7}`)),
    ),
  };
  fake.knows({ sql, answer: () => table });
  console.log(fake.url);
} else {
  const server = spawn(process.execPath, [process.argv[1], 'serve'], { stdio: ['ignore', 'pipe', 'inherit'] });
  process.once('exit', () => server.kill());
  const [url] = await once(server.stdout.setEncoding('utf8'), 'data');
  const apiEndpoint = url.trim();

  const timed = (work) => async () => {
    const before = process.cpuUsage();
    const count = await work();
    if (count !== rowCount) throw new Error(`${count} rows`);
    const { user, system } = process.cpuUsage(before);
    return rowCount / ((user + system) / 1e6);
  };
  const source = bigqueryDataSource({ project, apiEndpoint, sql, keys: [] });
  const client = new BigQuery({ projectId: project, apiEndpoint, authClient: new PassThroughClient() });

  await inPairs(
    `BigQuery's pages into columns, ${columnCount} columns, against the client's row stream`,
    'rows per second of processor time',
    5,
    timed(async () => {
      const opened = await source.open({}, { deadlineMs: Number.POSITIVE_INFINITY, cancellation: neverCancelled })();
      if (opened._tag === 'Left') throw new Error(opened.left.message);
      const { columnNames, read, close } = opened.right;
      let count = 0;
      for await (const batch of read(columnNames.map((name) => ({ name, role: 'feature' })))) {
        if (batch._tag === 'Left') throw new Error(batch.left.message);
        count += batch.right.rowCount;
      }
      await close();
      return count;
    }),
    timed(async () => {
      const [job] = await client.createQueryJob({ query: sql });
      let count = 0;
      for await (const _row of job.getQueryResultsStream()) count += 1;
      return count;
    }),
  );
  server.kill();
}
