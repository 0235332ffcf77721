/** The package as shipped: packed, installed by a stranger, imported by name, and serving inside their own service. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';

const run = promisify(execFile);
const packageRoot = fileURLToPath(new URL('../../../', import.meta.url));
const games = join(packageRoot, 'examples/games');

test('a service that installs the packed package registers with its command and scores with its library', async (t) => {
  t.timeout(300_000);
  const folder = await mkdtemp(join(tmpdir(), 'scorekeeper-embedding-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: packageRoot });
  const [packed] = Object.values(JSON.parse(stdout) as Record<string, { filename: string }>);
  await cp(join(packageRoot, 'examples/embed-in-a-service'), folder, { recursive: true });
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' };
  await run('npm', ['install', '--no-audit', '--no-fund', join(folder, packed?.filename ?? '')], { cwd: folder, env });

  await run(
    'npx',
    [
      ...['scorekeeper', 'register', '--model-type', 'rating', '--experiment', 'best_rating_model'],
      ...['--name', 'production_rating_model', '--experiments', join(games, 'models/experiments')],
    ],
    { cwd: folder, env },
  );

  const server = spawn(process.execPath, ['server.mjs'], {
    cwd: folder,
    env: { ...env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => server.kill('SIGKILL'));
  const [line] = (await once(createInterface({ input: server.stdout }), 'line')) as [string];
  const url = line.replace('listening on ', '');

  const golden = JSON.parse(
    await readFile(join(games, 'models/experiments/rating/best_rating_model/v1/golden.json'), 'utf8'),
  ) as {
    data: Record<string, unknown[]>;
    predictions: { prediction: number[] };
  };
  const game = Object.fromEntries(Object.entries(golden.data).map(([name, values]) => [name, values[0]]));
  const wanted = golden.predictions.prediction[0] ?? Number.NaN;
  const rated = await fetch(`${url}/rate`, { method: 'POST', body: JSON.stringify(game) });
  const { rating, version } = (await rated.json()) as { rating: number; version: number };
  t.true(Math.abs(rating - wanted) <= 1e-5 * Math.max(1, Math.abs(wanted)), `${rating} is not ${wanted}`);
  t.is(version, 1);

  const refused = await fetch(`${url}/rate`, { method: 'POST', body: JSON.stringify({ ...game, min_age: 'ten' }) });
  t.is(refused.status, 422);
  t.regex(((await refused.json()) as { error: string }).error, /min_age/);

  server.kill('SIGTERM');
  t.deepEqual(await once(server, 'exit'), [0, null]);
});
