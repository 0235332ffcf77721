/** An execution of a Cloud Run job, and its tasks, as their resources tell of them. */
import { fieldsOf, textOf } from '../google-cloud/errors.js';
import type { Json } from '../google-cloud/rest.js';

/** One run of a job: so many tasks. */
export interface Execution {
  /** `projects/…/locations/…/jobs/…/executions/…` */
  readonly name: string;
  readonly state: 'running' | 'succeeded' | 'failed' | 'cancelling' | 'cancelled';
  readonly taskCount: number;
  readonly runningCount: number;
  readonly succeededCount: number;
  readonly failedCount: number;
  readonly cancelledCount: number;
  /** Tasks that were started again at least once. */
  readonly retriedCount: number;
  /** Why it is in its state, in the service's words; often empty. */
  readonly message: string;
  /** Where its log is, for people; empty until the service tells. */
  readonly logUri: string;
}

/** A task that was given up. */
export interface FailedTask {
  readonly index: number;
  /** None when the container did not end by itself: it was killed, or took too long. */
  readonly exitCode: number | undefined;
  readonly message: string;
  readonly logUri: string;
}

/** https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.jobs.executions */
export const executionOf = (resource: Json): Execution => {
  const { state, message } = stateOf(resource);
  return {
    name: textOf(resource['name']),
    state,
    taskCount: countOf(resource['taskCount']),
    runningCount: countOf(resource['runningCount']),
    succeededCount: countOf(resource['succeededCount']),
    failedCount: countOf(resource['failedCount']),
    cancelledCount: countOf(resource['cancelledCount']),
    retriedCount: countOf(resource['retriedCount']),
    message,
    logUri: textOf(resource['logUri']),
  };
};

/** The arguments with which its containers run. */
export const argsOf = (resource: Json): ReadonlyArray<unknown> => {
  const [container] = listOf(fieldsOf(resource['template'])['containers']);
  return listOf(fieldsOf(container)['args']);
};

/** The task, if it has failed; one that is being tried again has not. https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.jobs.executions.tasks */
export const failedTaskOf = (resource: Json): FailedTask | undefined => {
  const { condition } = completionOf(resource);
  if (condition['state'] !== 'CONDITION_FAILED' || condition['executionReason'] === 'CANCELLED') return undefined;
  const { exitCode, status } = fieldsOf(resource['lastAttemptResult']);
  return {
    index: countOf(resource['index']),
    exitCode: typeof exitCode === 'number' && exitCode !== 0 ? exitCode : undefined,
    message: textOf(fieldsOf(status)['message']) || textOf(condition['message']),
    logUri: textOf(resource['logUri']),
  };
};

const stateOf = (resource: Json): Pick<Execution, 'state' | 'message'> => {
  const { condition, isOver } = completionOf(resource);
  const message = textOf(condition['message']);
  const reason = condition['executionReason'];
  if (condition['state'] === 'CONDITION_SUCCEEDED') return { state: 'succeeded', message };
  if (isOver) return { state: reason === 'CANCELLED' ? 'cancelled' : 'failed', message };
  return { state: reason === 'CANCELLING' ? 'cancelling' : 'running', message };
};

/** The condition `Completed`, which tells how it ended. */
const completionOf = (resource: Json): { readonly condition: Json; readonly isOver: boolean } => {
  const condition = listOf(resource['conditions'])
    .map(fieldsOf)
    .find(({ type }) => type === 'Completed');
  return { condition: condition ?? {}, isOver: condition?.['state'] === 'CONDITION_FAILED' };
};

/** Zero is left out of the answers. */
const countOf = (value: unknown): number => (typeof value === 'number' ? value : 0);

export const listOf = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : []);
