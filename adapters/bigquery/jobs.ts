/** Jobs under ids that say what they are: whoever asks for the same again finds the one that is there. */
import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import * as E from 'fp-ts/lib/Either.js';
import { ambiguous, type CallOptions, type Failure, neverCancelled } from '../../core/index.js';
import { nowMs } from '../google-cloud/bounded.js';
import { fieldsOf, orRaise, raise, raised } from '../google-cloud/errors.js';
import type { Json } from './client.js';
import { errorOfJob, meaningOf } from './errors.js';
import type { Topic, Warehouse } from './warehouse.js';

/** Where jobs run. */
export interface JobPlace {
  readonly project: string;
  /** Where the data is, `EU` or `europe-west3`; BigQuery finds it out by itself where that is not said. */
  readonly location?: string;
  readonly ask: Warehouse['ask'];
}

/** A job that runs or has run. */
export interface JobReference {
  readonly jobId: string;
  readonly location: string | undefined;
}

/** An id that `content` determines. */
export const jobIdOf = (content: unknown): string =>
  `scorekeeper_${createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 40)}`;

/** The `jobReference` of a request. */
export const referenceOf = ({ project, location }: Pick<JobPlace, 'project' | 'location'>, jobId?: string) => ({
  projectId: project,
  ...(jobId === undefined ? {} : { jobId }),
  ...(location === undefined ? {} : { location }),
});

export const locationOf = (job: Json): string | undefined => {
  const { location } = fieldsOf(job['jobReference']);
  return typeof location === 'string' ? location : undefined;
};

/** A job that failed or was stopped keeps its id, and each look at one is two requests. */
const mostTries = 100;

/** After these the job may be there all the same. */
const noAnswer: ReadonlyArray<Failure['tag']> = ['Cancelled', 'DeadlineExceeded', 'Unavailable'];

/** A job to be there once. */
export interface JobOnce {
  readonly topic: Topic;
  /** Its id, and of those that take its place the beginning. */
  readonly stem: string;
  readonly configuration: object;
  /** What it loads. */
  readonly file?: string;
  /** Whether a job that is there already is of use, and no other has to take its place: unless it failed. */
  readonly isOfUse?: (job: Json) => boolean;
  /** Told of every job before it is asked for, since it may run although nobody answered. */
  readonly onBegin: (job: JobReference) => void;
}

/** Inserts the job unless it is there already. */
export const ensureJob = async (
  place: JobPlace,
  { topic, stem, configuration, file, isOfUse = didNotFail, onBegin }: JobOnce,
  call: CallOptions,
): Promise<JobReference> => {
  for (let tried = 0; tried < mostTries; tried++) {
    const job = { jobId: tried === 0 ? stem : `${stem}_${tried}`, location: place.location };
    onBegin(job);
    const body = { jobReference: referenceOf(place, job.jobId), configuration };
    const inserted = await place.ask(topic, call, { method: 'POST', path: '/jobs', body, file });
    if (E.isRight(inserted)) return { ...job, location: place.location ?? locationOf(inserted.right) };
    if (noAnswer.includes(inserted.left.tag)) throw raised(ambiguous(inserted.left));
    if (inserted.left.tag !== 'AlreadyExists') throw raised(inserted.left);
    const known = orRaise(await readJob(place, job, topic, call));
    if (isOfUse(known)) return { ...job, location: place.location ?? locationOf(known) };
  }
  return raise(
    'Unavailable',
    `The same job failed ${mostTries} times in BigQuery for this scoring: remove what is wrong, and change its output or its SQL.`,
  );
};

const didNotFail = (job: Json): boolean => errorOfJob(job['status']) === undefined;

export const readJob = (
  { ask }: JobPlace,
  { jobId, location }: JobReference,
  topic: Topic,
  call: CallOptions,
): Promise<E.Either<Failure, Json>> => ask(topic, call, { method: 'GET', path: `/jobs/${jobId}`, query: { location } });

/** Between two looks at a job that runs: at first, and at most. */
const betweenLooksMs = { first: 250, most: 2_000 };

/** The job once it is done. Fails as the job does. */
export const awaitJob = async (place: JobPlace, job: JobReference, topic: Topic, call: CallOptions): Promise<Json> => {
  for (let pauseMs = betweenLooksMs.first; ; pauseMs = Math.min(2 * pauseMs, betweenLooksMs.most)) {
    const looked = await readJob(place, job, topic, call);
    // It goes on without us, and may end well.
    if (E.isLeft(looked)) throw raised(ambiguous(looked.left));
    const found = looked.right;
    const status = fieldsOf(found['status']);
    if (status['state'] === 'DONE') {
      const error = errorOfJob(status);
      if (error !== undefined) throw raised(meaningOf(error, { ...topic, project: place.project }));
      return found;
    }
    await setTimeout(pauseMs);
  }
};

const cancelTimeoutMs = 5_000;

/** Tells the service that nobody waits for the job, also when the call that did is over. That it did not listen is not told. */
export const cancelJob = async ({ ask }: JobPlace, { jobId, location }: JobReference, topic: Topic): Promise<void> => {
  const last = { deadlineMs: nowMs() + cancelTimeoutMs, cancellation: neverCancelled };
  await ask(topic, last, { method: 'POST', path: `/jobs/${jobId}/cancel`, query: { location } });
};

/**
 * The job once it is done, begun unless the same configuration was begun under the same `key` before. Fails as the job does. When nobody waits for it any more it is
 * cancelled.
 */
export const runJob = async (
  place: JobPlace,
  topic: Topic,
  key: string,
  configuration: object,
  call: CallOptions,
): Promise<Json> => {
  let begun: JobReference | undefined;
  try {
    const job = await ensureJob(
      place,
      {
        topic,
        stem: jobIdOf([key, place.location ?? '', configuration]),
        configuration,
        onBegin: (asked) => {
          begun = asked;
        },
      },
      call,
    );
    return await awaitJob(place, job, topic, call);
  } catch (error) {
    if (begun !== undefined) await cancelJob(place, begun, topic);
    throw error;
  }
};
