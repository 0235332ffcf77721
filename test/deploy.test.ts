/** What is there to deploy with, `cloudbuild.yaml` and `docs/deploy/`, agrees with the program. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { parse } from 'yaml';
import { taskPlaceOf } from '../apps/cli/task-place.js';
import { failureTable } from '../apps/failure-table.js';
import { decodeSettingsFile } from '../apps/settings-file.js';

const file = (path: string): Promise<string> =>
  readFile(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');

const manifest = async (name: string) => parse(await file(`docs/deploy/${name}`));

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
  const { SCOREKEEPER_TASK_COUNT: _, ...env } = environmentOf(worker);
  t.deepEqual(environmentOf(shell), env);
  t.deepEqual(
    [shell.image, shell.workingDir, shell.volumeMounts],
    [worker.image, worker.workingDir, worker.volumeMounts],
  );
});

test('the settings for Cloud Run decode, and name the job that is deployed', async (t) => {
  const text = await file('docs/deploy/cloud-run.md');
  const [, json = ''] = /```json\n(.*?)```/s.exec(text) ?? [];
  const settings = decodeSettingsFile('scorekeeper.json', JSON.parse(json));
  if (E.isLeft(settings)) return t.fail(settings.left.message);
  const { project, location, job } = settings.right.cloud_run_jobs ?? {};
  t.true(text.includes(`gcloud run jobs deploy ${job} --region=${location}`));
  t.true(text.includes(`@${project}.iam.gserviceaccount.com`));
});

test('the build deploys one image as a job and as a service, each as an account of its own, and says what every variable in it is', async (t) => {
  const { substitutions, steps } = parse(await file('cloudbuild.yaml'));
  const ids: ReadonlyArray<string> = steps.map(({ id }: { readonly id: string }) => id);
  t.deepEqual(ids, ['test', 'build', 'push', 'deploy-job', 'deploy-service']);
  const words = (id: string): ReadonlyArray<string> => steps[ids.indexOf(id)].args;
  const flag = (id: string, name: string) =>
    words(id)
      .find((word) => word.startsWith(`--${name}=`))
      ?.slice(name.length + 3);
  t.is(flag('deploy-job', 'image'), flag('deploy-service', 'image'));
  t.not(
    substitutions[`${flag('deploy-job', 'service-account')}`.slice(2, -1)],
    substitutions[`${flag('deploy-service', 'service-account')}`.slice(2, -1)],
  );
  const used = new Set(
    Array.from(JSON.stringify([substitutions, steps]).matchAll(/\$\{(_\w+)\}/g), ([, name = '']) => name),
  );
  t.deepEqual([...used].sort(), Object.keys(substitutions).sort());
  t.regex(`${flag('deploy-service', 'startup-probe')}`, /path=\/ready,/);
  t.regex(`${flag('deploy-service', 'liveness-probe')}`, /path=\/health,/);
});
