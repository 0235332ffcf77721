/** What `docs/deploy/` has people submit to a scheduler agrees with the program. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { parse } from 'yaml';
import { taskPlaceOf } from '../apps/cli/task-place.js';
import { failureTable } from '../apps/failure-table.js';
import { decodeSettingsFile } from '../apps/settings-file.js';

const page = (name: string): Promise<string> =>
  readFile(fileURLToPath(new URL(`../../docs/deploy/${name}`, import.meta.url)), 'utf8');

const manifest = async (name: string) => parse(await page(name));

const environmentOf = (container: {
  readonly env: ReadonlyArray<{ readonly name: string; readonly value: unknown }>;
}) => Object.fromEntries(container.env.map(({ name, value }) => [name, value]));

test('the workers of a Kubernetes job are as many as they are told, and stop at what none of them can do', async (t) => {
  const { apiVersion, kind, spec } = await manifest('kubernetes-job.yaml');
  t.like({ apiVersion, kind }, { apiVersion: 'batch/v1', kind: 'Job' });
  t.is(spec.completionMode, 'Indexed');
  const { restartPolicy, containers, volumes } = spec.template.spec;
  t.is(restartPolicy, 'Never', 'which podFailurePolicy needs');
  const [worker] = containers;
  t.deepEqual(worker.args, ['job', 'work', 'JOB_FOLDER']);
  const last = { ...environmentOf(worker), JOB_COMPLETION_INDEX: `${spec.completions - 1}` };
  t.deepEqual(taskPlaceOf(last), E.right({ index: spec.completions - 1, count: spec.completions }));
  t.deepEqual(
    worker.volumeMounts.map(({ name }: { readonly name: string }) => name),
    volumes.map(({ name }: { readonly name: string }) => name),
  );
  const [disruption, permanent] = spec.podFailurePolicy.rules;
  t.is(disruption.action, 'Ignore');
  t.is(permanent.action, 'FailJob');
  t.like(permanent.onExitCodes, { containerName: worker.name, operator: 'In' });
  const lasting = Object.values(failureTable).flatMap(({ retry, exit }) =>
    retry === 'no' || retry === 'after re-reading' ? [exit] : [],
  );
  t.deepEqual(permanent.onExitCodes.values, lasting);
});

test('the pod for the commands before and after sees what the workers see', async (t) => {
  const [shell] = (await manifest('kubernetes-shell.yaml')).spec.containers;
  const [worker] = (await manifest('kubernetes-job.yaml')).spec.template.spec.containers;
  const { SCOREKEEPER_TASK_COUNT: _, NODE_OPTIONS: __, ...env } = environmentOf(worker);
  t.deepEqual(environmentOf(shell), env);
  t.deepEqual(
    [shell.image, shell.workingDir, shell.volumeMounts],
    [worker.image, worker.workingDir, worker.volumeMounts],
  );
});

test('the settings for Cloud Run decode, and name the job that is deployed', async (t) => {
  const text = await page('cloud-run.md');
  const [, json = ''] = /```json\n(.*?)```/s.exec(text) ?? [];
  const settings = decodeSettingsFile('scorekeeper.json', JSON.parse(json));
  if (E.isLeft(settings)) return t.fail(settings.left.message);
  const { project, location, job } = settings.right.cloud_run_jobs ?? {};
  t.true(text.includes(`gcloud run jobs deploy ${job} --region=${location}`));
  t.true(text.includes(`@${project}.iam.gserviceaccount.com`));
});
