/** What `doctor --cloud` looks at: each permission in Google Cloud that the settings make necessary, and the role that gives it. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import {
  type CloudResource,
  googleCloudPermissions,
  nameOf,
  type Permissions,
} from '../../adapters/google-cloud/permissions.js';
import { type CallOptions, type Failure, failTask, parseBucketAddress } from '../../core/index.js';
import { emulatorOf } from '../composition/stores.js';
import { isBucketAddress, isWarehouseAddress } from '../places.js';
import type { Settings } from '../settings.js';
import type { Trial } from './checks.js';

/** Permissions on one resource, which one role gives together. */
interface Need {
  readonly resource: CloudResource;
  readonly role: string;
  readonly permissions: ReadonlyArray<string>;
}

const reading: Omit<Need, 'resource'> = { role: 'roles/storage.objectViewer', permissions: ['storage.objects.get'] };
const writing: Omit<Need, 'resource'> = {
  role: 'roles/storage.objectUser',
  permissions: ['storage.objects.get', 'storage.objects.list', 'storage.objects.create', 'storage.objects.delete'],
};
const querying: Omit<Need, 'resource'> = { role: 'roles/bigquery.jobUser', permissions: ['bigquery.jobs.create'] };
const executing: Omit<Need, 'resource'> = {
  role: 'roles/run.jobsExecutorWithOverrides',
  permissions: ['run.jobs.run', 'run.jobs.runWithOverrides', 'run.executions.cancel'],
};
const following: Omit<Need, 'resource'> = {
  role: 'roles/run.viewer',
  permissions: ['run.executions.get', 'run.executions.list', 'run.tasks.list'],
};

/** A trial for each permission, and first for the account. */
export const cloudTrials = (settings: Settings, call: CallOptions): ReadonlyArray<Trial> => {
  const permissions = googleCloudPermissions({ endpoints: emulators() });
  const needs = needsOf(settings);
  if (needs.length === 0) return [{ name: 'cloud', found: TE.right('nothing in the settings is in Google Cloud') }];
  return [
    {
      name: 'account',
      found: pipe(
        permissions.account,
        TE.map((account) => account ?? 'of a person, or of nobody'),
      ),
    },
    ...needs.flatMap((need) => trialsOf(permissions, need, call)),
  ];
};

const emulators = (): { readonly bucket?: string; readonly project?: string; readonly job?: string } => {
  const bucket = emulatorOf('STORAGE_EMULATOR_HOST');
  const project = emulatorOf('CLOUD_RESOURCE_MANAGER_EMULATOR_HOST');
  const job = emulatorOf('CLOUD_RUN_EMULATOR_HOST');
  return {
    ...(bucket === undefined ? {} : { bucket }),
    ...(project === undefined ? {} : { project }),
    ...(job === undefined ? {} : { job }),
  };
};

/** What the settings name: buckets that are written to, buckets that are only read, projects that queries run in, the job of Cloud Run. */
const needsOf = ({ registry, outputRoot, sources, cloudRunJobs }: Settings): ReadonlyArray<Need> => {
  const written = new Set([
    ...(registry.kind === 'gcs' ? [registry.bucket] : []),
    ...(isBucketAddress(outputRoot) ? bucketOf(`${outputRoot}/output`) : []),
  ]);
  const read = new Set<string>();
  const projects = new Set<string | undefined>(
    isWarehouseAddress(outputRoot) ? [outputRoot.slice('bigquery://'.length).replace(/\.[^.]*$/, '')] : [],
  );
  for (const source of Object.values(sources)) {
    if (source.kind === 'bigquery') projects.add(source.project);
    const files = source.kind === 'duckdb' ? Object.values(source.files) : [];
    for (const file of [...files, source.sql_file ?? '']) for (const bucket of bucketOf(file)) read.add(bucket);
  }
  return [
    ...Array.from(written, (bucket): Need => ({ resource: { kind: 'bucket', bucket }, ...writing })),
    ...Array.from(read).flatMap(
      (bucket): ReadonlyArray<Need> =>
        written.has(bucket) ? [] : [{ resource: { kind: 'bucket', bucket }, ...reading }],
    ),
    ...Array.from(projects, (project): Need => ({ resource: { kind: 'project', project }, ...querying })),
    ...(cloudRunJobs === undefined
      ? []
      : [executing, following].map((of): Need => {
          const { project, location, job } = cloudRunJobs;
          return { resource: { kind: 'job', project, location, job }, ...of };
        })),
  ];
};

const bucketOf = (address: string): ReadonlyArray<string> => {
  const parsed = isBucketAddress(address) ? parseBucketAddress(address) : undefined;
  return parsed === undefined || E.isLeft(parsed) ? [] : [parsed.right.bucket];
};

/** One request for all of a need's permissions. */
const trialsOf = (
  { heldOn, account }: Permissions,
  { resource, role, permissions }: Need,
  call: CallOptions,
): ReadonlyArray<Trial> => {
  let asked: Promise<E.Either<Failure, ReadonlySet<string>>> | undefined;
  const held: TE.TaskEither<Failure, ReadonlySet<string>> = () => (asked ??= heldOn(resource, permissions, call)());
  return permissions.map((permission) => ({
    name: permission,
    found: pipe(
      held,
      TE.chain((those) =>
        those.has(permission)
          ? TE.right(`held on ${nameOf(resource)}`)
          : pipe(
              account,
              TE.chain((whose) =>
                failTask(
                  'PermissionDenied',
                  `not held on ${nameOf(resource)}: give it the role ${role} with: ${grantOf(resource, role, whose)}`,
                ),
              ),
            ),
      ),
    ),
  }));
};

/** The command that gives the role. */
const grantOf = (resource: CloudResource, role: string, account: string | undefined): string => {
  const binding = `--role=${role} --member=${account === undefined ? 'user:ADDRESS' : `serviceAccount:${account}`}`;
  switch (resource.kind) {
    case 'bucket':
      return `gcloud storage buckets add-iam-policy-binding gs://${resource.bucket} ${binding}`;
    case 'project':
      return `gcloud projects add-iam-policy-binding ${resource.project ?? 'PROJECT'} ${binding}`;
    case 'job':
      return `gcloud run jobs add-iam-policy-binding ${resource.job} --project=${resource.project} --region=${resource.location} ${binding}`;
  }
};
