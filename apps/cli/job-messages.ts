/** What a worker of a job and the process that forked it say to each other. */
import type { Failure, ShardProgress } from '../../core/index.js';

export type FromJobWorker =
  | ({ readonly kind: 'progress' } & ShardProgress)
  /** It cannot go on, and ends. */
  | { readonly kind: 'failed'; readonly failure: Failure };

/** To be obeyed as SIGTERM is. */
export interface ToJobWorker {
  readonly kind: 'stop';
}
