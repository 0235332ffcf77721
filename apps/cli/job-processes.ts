/** Works at a job with child processes: forks workers, replaces one that ends before its time, and stops them all. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import * as E from 'fp-ts/lib/Either.js';
import type * as TE from 'fp-ts/lib/TaskEither.js';
import { type Cancellation, fail, type Failure, failure, type ScoringProgress } from '../../core/index.js';
import { failureTable } from '../failure-table.js';
import type { FromJobWorker, ToJobWorker } from './job-messages.js';

export interface JobProcessesOptions {
  /** The job's folder. */
  readonly path: string;
  readonly count: number;
  /** The flags that say which registry it is. */
  readonly flags: ReadonlyArray<string>;
  /** Of all processes together. */
  readonly onProgress: (progress: ScoringProgress) => void;
  readonly cancellation: Cancellation;
}

/** Workers that may end one after the other without a shard being done in between. */
const mostDeaths = 3;

/** What a worker that was told to stop may take; then it is killed. */
const graceMs = 5_000;

const main = fileURLToPath(new URL('main.js', import.meta.url));

/**
 * Succeeds once every shard of the job has a commit. Fails as the first worker does whose failure is not to be tried again, `Cancelled`, and
 * `Unavailable` when workers keep ending.
 */
export const workWithProcesses =
  ({ path, count, flags, onProgress, cancellation }: JobProcessesOptions): TE.TaskEither<Failure, void> =>
  () =>
    new Promise((resolve) => {
      const workers = new Set<ChildProcess>();
      const rowsOf = new Map<number, number>();
      const committed = new Set<number>();
      let rowsScored = 0;
      let rowsFound = 0;
      let deaths = 0;
      let outcome: E.Either<Failure, void> | undefined;
      let patience: NodeJS.Timeout | undefined;
      let forget = (): void => undefined;

      const start = (index: number): void => {
        const worker = fork(main, ['job', 'work', ...flags, '--', path], {
          env: { ...process.env, SCOREKEEPER_TASK_INDEX: `${index}`, SCOREKEEPER_TASK_COUNT: `${count}` },
          stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
        });
        workers.add(worker);
        let said = '';
        let failed: Failure | undefined;
        worker.stderr?.setEncoding('utf8').on('data', (text: string) => {
          said = `${said}${text}`.slice(-2_000);
        });
        worker.on('message', (message: FromJobWorker) => {
          if (message.kind === 'failed') failed = message.failure;
          else hear(message);
        });
        // What cannot be sent was for one that ends; one that could not be forked has no end of its own.
        worker.on('error', () => worker.pid === undefined && ended(worker, index, null, noFork));
        worker.on('close', (code, signal) =>
          ended(worker, index, code, failed ?? crashed(code, signal, said), failed === undefined ? 'died' : 'failed'),
        );
      };

      const hear = ({ shard, rowsScored: rows, isCommitted }: FromJobWorker & { kind: 'progress' }): void => {
        const before = rowsOf.get(shard);
        // Nobody of these scored any of its rows.
        if (before === undefined && isCommitted) rowsFound += rows;
        if (rows > (before ?? 0)) {
          rowsOf.set(shard, rows);
          rowsScored += rows - (before ?? 0);
          onProgress({ rowsScored, rowsFound });
        }
        if (!isCommitted || committed.has(shard)) return;
        committed.add(shard);
        deaths = 0;
      };

      const ended = (
        worker: ChildProcess,
        index: number,
        code: number | null,
        why: Failure,
        how: 'died' | 'failed' = 'died',
      ): void => {
        if (!workers.delete(worker)) return;
        if (outcome === undefined) {
          if (code === 0) end(E.right(undefined));
          else if (how === 'failed' && failureTable[why.tag].retry !== 'yes') end(E.left(why));
          else if (++deaths >= mostDeaths) end(E.left(why));
          else start(index);
        }
        settle();
      };

      const end = (as: E.Either<Failure, void>): void => {
        outcome ??= as;
        for (const worker of workers) stop(worker);
        patience ??= setTimeout(() => {
          for (const worker of workers) worker.kill('SIGKILL');
        }, graceMs);
        settle();
      };

      const settle = (): void => {
        if (outcome === undefined || workers.size > 0) return;
        clearTimeout(patience);
        forget();
        resolve(outcome);
      };

      // It may come at once.
      forget = cancellation.onAbort(() => end(fail('Cancelled', 'The scoring was stopped.')));
      for (let index = 0; index < count && outcome === undefined; index++) start(index);
    });

const noFork = failure('Unavailable', 'No process could be started: the system allows no more.');

const crashed = (code: number | null, signal: string | null, said: string): Failure =>
  failure(
    'Unavailable',
    `A process that scored ended with ${signal ?? `exit code ${code}`}, and so did those in its place.${said === '' ? '' : ` It said: ${said.trim()}`}`,
  );

const stop = (worker: ChildProcess): void => {
  const message: ToJobWorker = { kind: 'stop' };
  if (worker.connected) worker.send(message, undefined, undefined, () => undefined);
};
