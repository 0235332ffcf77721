/** Which of how many tasks this process is, as array schedulers tell it: in variables of their own. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import { fail, type Failure, type WorkerPlace } from '../../core/index.js';

/** The variables of one scheduler. */
interface TaskVariables {
  readonly index: string;
  /** Of all tasks. */
  readonly count?: string;
  /** The index of the first task, and what lies between two, where a task's index is any number that was asked for. */
  readonly first?: string;
  readonly step?: string;
}

const ownCount = 'SCOREKEEPER_TASK_COUNT';

/** The first whose index is set tells. */
const schedulers: ReadonlyArray<TaskVariables> = [
  { index: 'SCOREKEEPER_TASK_INDEX' },
  // https://cloud.google.com/run/docs/container-contract#jobs-env-vars
  { index: 'CLOUD_RUN_TASK_INDEX', count: 'CLOUD_RUN_TASK_COUNT' },
  // An Indexed Job of Kubernetes, which tells no count: https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode
  { index: 'JOB_COMPLETION_INDEX' },
  // https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html
  { index: 'AWS_BATCH_JOB_ARRAY_INDEX', count: 'AWS_BATCH_JOB_ARRAY_SIZE' },
  // https://cloud.google.com/batch/docs/create-run-job#use-predefined-env-vars
  { index: 'BATCH_TASK_INDEX', count: 'BATCH_TASK_COUNT' },
  // https://slurm.schedmd.com/job_array.html#env_vars
  {
    index: 'SLURM_ARRAY_TASK_ID',
    count: 'SLURM_ARRAY_TASK_COUNT',
    first: 'SLURM_ARRAY_TASK_MIN',
    step: 'SLURM_ARRAY_TASK_STEP',
  },
];

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Which task this is, and of how many: `SCOREKEEPER_TASK_COUNT` goes before the scheduler's own count. Without an index it is the only one. An empty
 * variable is none. Fails `InvalidInput`, naming the variable.
 */
export const taskPlaceOf = (env: Environment): E.Either<Failure, WorkerPlace> => {
  const told = schedulers.find(({ index }) => env[index]);
  if (told === undefined) return E.right({ index: 0, count: 1 });
  const countedBy = [ownCount, told.count].find((name) => name !== undefined && env[name]);
  if (countedBy === undefined)
    return fail(
      'InvalidInput',
      `${told.index} says which task this is, and nothing of how many there are: set ${ownCount} to their number.`,
    );
  return pipe(
    E.Do,
    E.apS('index', numberIn(env, told.index, 0)),
    E.apS('count', numberIn(env, countedBy, 1)),
    E.apS('first', told.first === undefined ? E.right(0) : numberIn(env, told.first, 0, '0')),
    E.apS('step', told.step === undefined ? E.right(1) : numberIn(env, told.step, 1, '1')),
    E.flatMap(({ index, count, first, step }) => {
      // Any list of numbers can be such an array; two workers in one place do no harm.
      if (told.first !== undefined)
        return E.right({ index: Math.floor(Math.max(0, index - first) / step) % count, count });
      return index < count
        ? E.right({ index, count })
        : fail(
            'InvalidInput',
            `${told.index} must be below ${countedBy}, got ${index} of ${count}: the first task has the index 0.`,
          );
    }),
  );
};

const numberIn = (env: Environment, name: string, least: 0 | 1, absent = ''): E.Either<Failure, number> => {
  const given = env[name] || absent;
  return /^\d{1,9}$/.test(given) && Number(given) >= least
    ? E.right(Number(given))
    : fail('InvalidInput', `${name} must be an integer from ${least}, got "${given}".`);
};
