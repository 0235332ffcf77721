/** Two running services of processes of their own: what a third process registers is served by both within the refresh time. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { startFakeGcs } from '../support/fake-gcs/server.js';
import { emptyFolder, games, run, shown, start } from '../apps/cli/command-line.js';

const refreshMs = 500;

const register = [
  ...['register', '--model-type', 'rating', '--experiment', 'linear_rating_model', '--name', 'prod'],
  ...['--experiments', join(games, 'models/experiments'), '--skip-validation'],
];

const golden = await readFile(join(games, 'models/experiments/rating/linear_rating_model/v1/golden.json'), 'utf8');
const { data } = JSON.parse(golden) as { readonly data: unknown };

const registries = {
  'in a local folder': async (folder: string) => ({
    env: { SCOREKEEPER_LOCAL_DIR: folder },
    close: async () => undefined,
  }),
  'in a bucket': async () => {
    const fake = await startFakeGcs({ buckets: ['games'] });
    return { env: { STORAGE_EMULATOR_HOST: fake.url, GCS_BUCKET_NAME: 'games' }, close: fake.close };
  },
};

for (const [where, open] of Object.entries(registries)) {
  test.serial(`${where}, two services serve a new version to who asks after the refresh time`, async (t) => {
    t.timeout(120_000);
    const cwd = await emptyFolder();
    const registry = await open(cwd);
    t.teardown(registry.close);
    const env = { ...registry.env, SCOREKEEPER_REFRESH_MS: `${refreshMs}`, PORT: '0' };
    t.is((await run(cwd, register, { env })).code, 0);
    const urls = await Promise.all(
      [0, 1].map(async () => {
        const service = start(cwd, ['serve'], env);
        t.teardown(() => service.child.kill('SIGKILL'));
        return (await shown(service, /listening on (\S+)/))[1] ?? '';
      }),
    );
    const versions = () =>
      Promise.all(
        urls.map(async (url) => {
          const body = JSON.stringify({ model_type: 'rating', model_name: 'prod', data });
          const response = await fetch(`${url}/score`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body,
          });
          t.is(response.status, 200);
          const { model_details } = (await response.json()) as { model_details: { version: number } };
          return model_details.version;
        }),
      );
    t.deepEqual(await versions(), [1, 1]);
    for (const version of [2, 3]) {
      t.is((await run(cwd, register, { env })).code, 0);
      const registeredMs = performance.now();
      await new Promise((resolve) => setTimeout(resolve, refreshMs));
      t.deepEqual(await versions(), [version, version]);
      t.log(
        `version ${version} served by both ${Math.round(performance.now() - registeredMs)} ms after it was registered, with a refresh time of ${refreshMs} ms`,
      );
    }
  });
}
