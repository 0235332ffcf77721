/** A model that takes a second for a row: others are answered between its rows, and a deadline and a client that goes away end it there. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { emptyFolder, onnxFixtures, run, shown, start, writeExperiment } from '../apps/cli/command-line.js';

const timeoutMs = 6_000;

/** `slow.onnx` with so many trips through its loop, of which a hundred take a millisecond or so for each row. */
const slowModel = async (trips: number): Promise<Uint8Array> => {
  const artifact = await readFile(join(onnxFixtures, 'slow.onnx'));
  const hundred = Buffer.alloc(8);
  hundred.writeBigInt64LE(100n);
  artifact.writeBigInt64LE(BigInt(trips), artifact.indexOf(hundred));
  return artifact;
};

const row = { x: 1 };
const rows = (count: number) => Array.from({ length: count }, () => row);

test('a model of a second a row is left between its rows', async (t) => {
  t.timeout(180_000);
  const cwd = await emptyFolder();
  await writeExperiment(join(cwd, 'models/experiments/rating/slow'), await slowModel(100_000));
  await writeExperiment(join(cwd, 'models/experiments/rating/quick'), join(onnxFixtures, 'columns.onnx'));
  for (const name of ['slow', 'quick']) {
    const registered = await run(cwd, ['register', '--model-type', 'rating', '--experiment', name, '--name', name]);
    t.is(registered.code, 0, registered.stderr);
  }
  await writeFile(join(cwd, 'scorekeeper.json'), JSON.stringify({ limits: { request_timeout_ms: timeoutMs } }));
  const server = start(cwd, ['serve', '--port', '0']);
  t.teardown(() => server.child.kill('SIGKILL'));
  const [, url = ''] = await shown(server, /listening on (\S+)/);
  const score = (name: string, data: ReadonlyArray<object>, signal?: AbortSignal) =>
    fetch(`${url}/score`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model_type: 'rating', model_name: name, data }),
      signal: signal ?? null,
    });
  const timed = async <A>(work: Promise<A>): Promise<readonly [A, number]> => {
    const startedMs = performance.now();
    const result = await work;
    return [result, performance.now() - startedMs];
  };
  const quick = () => score('quick', [{ weight: 1, year: 1 }]);

  t.is((await quick()).status, 200);
  t.is((await score('slow', rows(1))).status, 200);
  const [one, rowMs] = await timed(score('slow', rows(1)));
  t.is(one.status, 200);

  // Far more rows than there is time for.
  const late = timed(score('slow', rows(100)));
  let isOver = false;
  void late.then(() => (isOver = true));
  await new Promise((resolve) => setTimeout(resolve, rowMs / 2));
  const [health, healthMs] = await timed(fetch(`${url}/health`));
  const [answer, answerMs] = await timed(quick());
  t.deepEqual([health.status, answer.status, isOver], [200, 200, false]);
  const [ended, endedMs] = await late;
  t.is(ended.status, 504);
  t.is(((await ended.json()) as { code: string }).code, 'DeadlineExceeded');

  const away = new AbortController();
  const gone = shown(server, /"code":"Cancelled"/);
  const left = timed(gone);
  const abandoned = score('slow', rows(100), away.signal).catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 1.5 * rowMs));
  away.abort();
  const [[, wentMs]] = await Promise.all([left, abandoned]);
  t.is((await quick()).status, 200);

  const inRows = (ms: number): string => (ms / rowMs).toFixed(1);
  t.log(
    `a row takes ${rowMs.toFixed()} ms; meanwhile /health took ${inRows(healthMs)} rows and a request of another model ${inRows(answerMs)}; ` +
      `the deadline of ${timeoutMs} ms ended the request ${inRows(endedMs - timeoutMs)} rows later, and who went away after 1.5 rows was noticed after ${inRows(wentMs)}`,
  );
  t.true(endedMs < timeoutMs + 3 * rowMs);
  t.true(wentMs < 5 * rowMs);
});
