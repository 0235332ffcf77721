/** Parity: the same scenario through the library, REST and the command line gives the same answers. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { compose } from '../../../apps/composition/compose.js';
import { folderAt } from '../../../apps/places.js';
import { startServer } from '../../../apps/http/main.js';
import { loadSettings } from '../../../apps/settings.js';
import type { ScoreRequest } from '../../../core/index.js';
import { games, run } from '../cli/command-line.js';

const settingsFile = join(games, 'scorekeeper.json');

type Json = Readonly<Record<string, unknown>>;

const right = <A>(either: { _tag: 'Left'; left: unknown } | { _tag: 'Right'; right: A }): A => {
  if (either._tag === 'Left') throw new Error(JSON.stringify(either.left));
  return either.right;
};

const command = (registry: string, words: ReadonlyArray<string>, input = '') =>
  run(registry, [...words, '--local', registry, '--settings', settingsFile], { input });

/** What one command wrote to stdout, as JSON. */
const cli = async (registry: string, words: ReadonlyArray<string>, input = ''): Promise<Json> => {
  const { code, stdout, stderr } = await command(registry, [...words, '--json'], input);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Json;
};

/** A registry with one model, and the three ways into it. */
const openWays = async (registry: string) => {
  const settings = right(
    await loadSettings({ settings: settingsFile, local: registry }, { env: {}, workingDir: registry })(),
  );
  const { service, close } = compose(settings, { experiments: folderAt(join(games, 'models/experiments')) });
  const server = right(await startServer({ service, host: '127.0.0.1', port: 0, graceMs: 1000 })());
  const http = async (path: string, body?: unknown): Promise<Json> => {
    const response = await fetch(
      `${server.url}${path}`,
      body === undefined
        ? {}
        : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) },
    );
    return (await response.json()) as Json;
  };
  return {
    service,
    http,
    close: async () => {
      await server.close();
      await close();
    },
  };
};

/** What differs from one run to the next. */
const settled = (answer: Json): Json => {
  const { job_id: _, performance_diagnostics, ...rest } = answer;
  const { timings_ms: __, ...diagnostics } = performance_diagnostics as Json;
  return JSON.parse(JSON.stringify({ ...rest, diagnostics })) as Json;
};

const golden = async (): Promise<{ data: Record<string, unknown[]> }> =>
  JSON.parse(await readFile(join(games, 'models/experiments/rating/best_rating_model/v1/golden.json'), 'utf8')) as {
    data: Record<string, unknown[]>;
  };

test('library, REST and command line give the same answers', async (t) => {
  t.timeout(110_000);
  const registry = await mkdtemp(join(tmpdir(), 'scorekeeper-parity-'));
  t.teardown(() => rm(registry, { recursive: true, force: true }));
  const registered = await cli(registry, [
    ...['register', '--model-type', 'rating', '--experiment', 'best_rating_model', '--name', 'production_rating_model'],
    ...['--description', 'Production model for game ratings', '--experiments', join(games, 'models/experiments')],
    ...['--registered-by', 'parity', '--alias', 'champion'],
  ]);
  const ways = await openWays(registry);
  t.teardown(ways.close);
  const { service, http } = ways;

  const again = right(
    await service.register({
      model_type: 'rating',
      experiment: 'best_rating_model',
      name: 'production_rating_model',
      description: 'Production model for game ratings',
      registered_by: 'parity',
    })(),
  ).registration;
  const same = (registration: Json): Json => {
    const {
      registration_id: _id,
      registered_at: _at,
      sha256: _sha,
      version: _version,
      aliases: _aliases,
      ...rest
    } = registration;
    return rest;
  };
  t.deepEqual(same(JSON.parse(JSON.stringify(again)) as Json), same(registered), 'register');
  t.is(again.version, 2);

  const models = right(await service.models({})()).models;
  t.deepEqual(await http('/models'), JSON.parse(JSON.stringify(models)), 'models');
  t.deepEqual(await cli(registry, ['models']), JSON.parse(JSON.stringify(models)), 'models');

  const info = right(
    await service.info({ model_type: 'rating', model_name: 'production_rating_model', alias: 'champion' })(),
  ).info;
  t.deepEqual(await http('/model/rating/production_rating_model/info?version=1'), JSON.parse(JSON.stringify(info)));
  t.deepEqual(
    await cli(registry, ['models', 'show', 'rating/production_rating_model@1']),
    JSON.parse(JSON.stringify(info)),
  );

  const query: ScoreRequest = {
    model_type: 'rating',
    model_name: 'production_rating_model',
    start_year: 2024,
    end_year: 2025,
  };
  const scored = settled(right(await service.score(query)()) as unknown as Json);
  t.true((scored['predictions'] as unknown[]).length > 1000);
  t.deepEqual(settled(await http('/score', query)), scored, 'score');
  t.deepEqual(
    settled(
      await cli(registry, ['score', 'rating/production_rating_model', '--start-year', '2024', '--end-year', '2025']),
    ),
    scored,
    'score',
  );

  const { data } = await golden();
  const inline: ScoreRequest = { model_type: 'rating', model_name: 'production_rating_model', data };
  const predicted = settled(right(await service.score(inline)()) as unknown as Json);
  t.is((predicted['predictions'] as unknown[]).length, 50);
  t.deepEqual(settled(await http('/score', inline)), predicted, 'inline');
  t.deepEqual(
    settled(await cli(registry, ['predict', 'rating/production_rating_model'], JSON.stringify(data))),
    predicted,
    'inline',
  );

  const file: ScoreRequest = { ...query, output_location: 'out/library.parquet' };
  const written = settled(right(await service.score(file)()) as unknown as Json);
  t.is(written['output_location'], join(registry, 'out/library.parquet'));
  const distribution = (answer: Json): unknown => (answer['diagnostics'] as Json)['prediction_distribution'];
  t.deepEqual(
    distribution(settled(await http('/score', { ...file, output_location: 'out/rest.parquet' }))),
    distribution(written),
  );
  const fromCli = await cli(registry, [
    ...[
      'score',
      'rating/production_rating_model',
      '--start-year',
      '2024',
      '--end-year',
      '2025',
      '--output',
      'out/cli.parquet',
    ],
  ]);
  t.deepEqual(distribution(settled(fromCli)), distribution(written));

  const unknown = { ...query, model_name: 'production_rating_modle' };
  const refused = await service.score(unknown)();
  const problem = await http('/score', unknown);
  const exit = await command(registry, ['score', 'rating/production_rating_modle']);
  if (refused._tag === 'Right') return t.fail('an unknown model was scored');
  t.is(refused.left.tag, 'NotFound');
  t.like(problem, { status: 404, code: 'NotFound', detail: refused.left.message });
  t.is(exit.code, 20);
  t.true(exit.stderr.includes(refused.left.message), exit.stderr);
});
