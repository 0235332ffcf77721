/** `serve --workers`: what people are told, and that it serves, replaces and stops. */
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { metricOf, until } from '../apps/http/metrics.js';
import { post } from '../apps/http/harness.js';
import { emptyFolder, games, run, shown, start } from '../apps/cli/command-line.js';

const experiment = 'models/experiments/rating/linear_rating_model/v1/golden.json';

test('several workers serve one registry as one service', async (t) => {
  const cwd = await emptyFolder();
  const register = ['register', '--model-type', 'rating', '--experiment', 'linear_rating_model', '--name', 'prod'];
  t.is(
    (await run(cwd, [...register, '--experiments', join(games, 'models/experiments'), '--skip-validation'])).code,
    0,
  );
  const { data } = JSON.parse(await readFile(join(games, experiment), 'utf8')) as { readonly data: object };
  const body = JSON.stringify({ model_type: 'rating', model_name: 'prod', data });

  const service = start(cwd, ['serve', '--port', '0'], { SCOREKEEPER_WORKERS: '2' });
  t.teardown(() => service.child.kill('SIGKILL'));
  const logged = shown(service, /"pid":(\d+),.*"route":"\/score"/);
  const [, url = ''] = await shown(service, /listening on (\S+)/);
  const counts = async () => ({
    rows: [...(await metricOf(url, 'scorekeeper_rows_scored_total'))],
    workers: (await metricOf(url, 'scorekeeper_workers')).get(''),
    ended: (await metricOf(url, 'scorekeeper_workers_ended_total')).get(''),
  });
  for (let i = 0; i < 4; i++) t.is((await post(url, body)).status, 200);
  await until(async () => (await counts()).workers === 2);
  const before = await counts();
  t.deepEqual(before, {
    rows: [['{model_type="rating",model_name="prod",model_version="1"}', 200]],
    workers: 2,
    ended: 0,
  });
  const [, pid] = await logged;
  process.kill(Number(pid), 'SIGKILL');
  await until(async () => (await counts().catch(() => before)).ended === 1);
  await until(async () => (await counts()).workers === 2);
  t.deepEqual((await counts()).rows, before.rows);
  t.is((await post(url, body)).status, 200);

  service.child.kill('SIGTERM');
  const { code, stdout, stderr } = await service.ended;
  t.is(code, 0);
  t.is(stdout, '');
  const lines = stderr.trim().split('\n');
  t.deepEqual(
    lines.filter((line) => !line.startsWith('{')),
    [`registry: local folder ${cwd}`, `listening on ${url}`],
  );
  t.like(JSON.parse(lines.find((line) => line.includes('worker ended')) ?? '{}'), {
    worker_pid: Number(pid),
    signal: 'SIGKILL',
  });
});

test('with a port in use, several workers fail as one process does', async (t) => {
  const cwd = await emptyFolder();
  const taken = createServer().listen(0, '127.0.0.1');
  t.teardown(() => taken.close());
  await once(taken, 'listening');
  const serve = ['serve', '--json', '--port', `${(taken.address() as AddressInfo).port}`];
  const [one, several] = await Promise.all([run(cwd, serve), run(cwd, [...serve, '--workers', '2'])]);
  t.is(one.code, 75);
  t.deepEqual(several, one);
});
