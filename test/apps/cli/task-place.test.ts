/** Where a worker finds out which task it is. */
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { taskPlaceOf } from '../../../apps/cli/task-place.js';

const placed: ReadonlyArray<
  readonly [what: string, env: Readonly<Record<string, string>>, index: number, count: number]
> = [
  ['nobody', {}, 0, 1],
  ['a hand', { SCOREKEEPER_TASK_INDEX: '1', SCOREKEEPER_TASK_COUNT: '3' }, 1, 3],
  ['a count alone', { SCOREKEEPER_TASK_COUNT: '3' }, 0, 1],
  ['empty variables', { SCOREKEEPER_TASK_INDEX: '', CLOUD_RUN_TASK_INDEX: '', CLOUD_RUN_TASK_COUNT: '' }, 0, 1],
  ['Cloud Run jobs', { CLOUD_RUN_TASK_INDEX: '0', CLOUD_RUN_TASK_COUNT: '10' }, 0, 10],
  ['a Kubernetes Indexed Job', { JOB_COMPLETION_INDEX: '4', SCOREKEEPER_TASK_COUNT: '5' }, 4, 5],
  ['AWS Batch', { AWS_BATCH_JOB_ARRAY_INDEX: '9', AWS_BATCH_JOB_ARRAY_SIZE: '10' }, 9, 10],
  ['Google Batch', { BATCH_TASK_INDEX: '2', BATCH_TASK_COUNT: '4' }, 2, 4],
  ['Slurm, --array=0-11', slurm(3, 12, 0, 1), 3, 12],
  ['Slurm, --array=1-12', slurm(12, 12, 1, 1), 11, 12],
  ['Slurm, --array=1-7:2', slurm(5, 4, 1, 2), 2, 4],
  ['Slurm, --array=7, a task that is run again', slurm(7, 1, 7, 1), 0, 1],
  ['Slurm, --array=2,50,51', slurm(51, 3, 2, 1), 1, 3],
  [
    'processes in a task of an array',
    { ...slurm(7, 12, 0, 1), SCOREKEEPER_TASK_INDEX: '1', SCOREKEEPER_TASK_COUNT: '2' },
    1,
    2,
  ],
  ['a count of one’s own', { CLOUD_RUN_TASK_INDEX: '1', CLOUD_RUN_TASK_COUNT: '2', SCOREKEEPER_TASK_COUNT: '8' }, 1, 8],
];

function slurm(id: number, count: number, min: number, step: number): Readonly<Record<string, string>> {
  const told = { ID: id, COUNT: count, MIN: min, STEP: step };
  return Object.fromEntries(Object.entries(told).map(([name, value]) => [`SLURM_ARRAY_TASK_${name}`, `${value}`]));
}

for (const [what, env, index, count] of placed) {
  test(`the place by ${what}`, (t) => {
    t.deepEqual(taskPlaceOf(env), E.right({ index, count }));
  });
}

const refused: ReadonlyArray<readonly [env: Readonly<Record<string, string>>, message: string]> = [
  [
    { JOB_COMPLETION_INDEX: '4' },
    'JOB_COMPLETION_INDEX says which task this is, and nothing of how many there are: set SCOREKEEPER_TASK_COUNT to their number.',
  ],
  [
    { SCOREKEEPER_TASK_INDEX: '2', SCOREKEEPER_TASK_COUNT: '2' },
    'SCOREKEEPER_TASK_INDEX must be below SCOREKEEPER_TASK_COUNT, got 2 of 2: the first task has the index 0.',
  ],
  [
    { CLOUD_RUN_TASK_INDEX: '-1', CLOUD_RUN_TASK_COUNT: '2' },
    'CLOUD_RUN_TASK_INDEX must be an integer from 0, got "-1".',
  ],
  [{ BATCH_TASK_INDEX: '0', BATCH_TASK_COUNT: '0' }, 'BATCH_TASK_COUNT must be an integer from 1, got "0".'],
  [
    { ...slurm(1, 2, 1, 1), SLURM_ARRAY_TASK_STEP: 'two' },
    'SLURM_ARRAY_TASK_STEP must be an integer from 1, got "two".',
  ],
];

for (const [env, message] of refused) {
  test(`no place: ${message}`, (t) => {
    const place = taskPlaceOf(env);
    if (E.isRight(place)) return t.fail();
    t.is(place.left.tag, 'InvalidInput');
    t.is(place.left.message, message);
  });
}
