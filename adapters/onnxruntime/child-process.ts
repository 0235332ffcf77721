/** A process of its own that runs one script over bytes on its standard input, and answers in one line of JSON on its standard output. */
import { type ExecFileException, execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import type { Task } from 'fp-ts/lib/Task.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type CallOptions, fail, type Failure } from '../../core/index.js';

/** How long the process may take, and how much memory it may hold, before it ends itself. */
export interface ChildLimits {
  readonly timeoutMs: number;
  readonly limitBytes: number;
}

/** What the script, which is beside this file, answers to the order and to the input, whose pieces it finds one after the other. */
export const runInChild = <A>(
  script: string,
  order: ChildLimits,
  input: ReadonlyArray<Uint8Array>,
  call: CallOptions,
): TE.TaskEither<Failure, A> =>
  pipe(
    TE.fromEither(stillWanted(call)),
    TE.flatMapTask(() => runWorker(script, order, input, call)),
    TE.flatMapEither((exit) => judge<A>(exit, call)),
  );

const nowMs = (): number => performance.timeOrigin + performance.now();

/** Fails `Cancelled`, `DeadlineExceeded`. */
export const stillWanted = (call: CallOptions): E.Either<Failure, void> => {
  if (call.cancellation.aborted) return fail('Cancelled', 'The artifact was no longer wanted.');
  if (nowMs() >= call.deadlineMs) return fail('DeadlineExceeded', 'The artifact was not read within the time allowed.');
  return E.right(undefined);
};

/** How a worker ended, and what it had answered by then. */
interface WorkerExit {
  readonly error: ExecFileException | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Outputs of sample rows, at most. */
const mostAnswerBytes = 2 ** 26;

const folder = fileURLToPath(new URL('./', import.meta.url));

const runWorker =
  (script: string, order: ChildLimits, input: ReadonlyArray<Uint8Array>, call: CallOptions): Task<WorkerExit> =>
  () =>
    new Promise((resolve) => {
      const worker = execFile(
        process.execPath,
        // It runs one batch: code that is optimised for more comes too late.
        ['--no-opt', `${folder}${script}`, JSON.stringify(order)],
        {
          // An artifact may name files beside it: here are none of the caller's.
          cwd: folder,
          // A debugger or a preloaded module of this process is not meant for the worker.
          env: { ...process.env, NODE_OPTIONS: '', ORT_DISABLE_TELEMETRY: '1' },
          timeout: Math.max(1, Math.min(Math.ceil(call.deadlineMs - nowMs()), 2 ** 31 - 1)),
          killSignal: 'SIGKILL',
          maxBuffer: mostAnswerBytes,
        },
        (error, stdout, stderr) => {
          stopListening();
          resolve({ error, stdout, stderr });
        },
      );
      const stopListening = call.cancellation.onAbort(() => worker.kill('SIGKILL'));
      // A worker that ends before it has read everything tells so by its exit.
      worker.stdin?.on('error', () => undefined);
      for (const piece of input) worker.stdin?.write(piece);
      worker.stdin?.end();
    });

const judge = <A>({ error, stdout, stderr }: WorkerExit, call: CallOptions): E.Either<Failure, A> => {
  const end = stdout.indexOf('\n');
  if (end >= 0) return JSON.parse(stdout.slice(0, end)) as E.Either<Failure, A>;
  if (call.cancellation.aborted) return fail('Cancelled', 'The inspection of the artifact was cancelled.');
  if (error?.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER')
    return fail(
      'ArtifactUnreadable',
      `The artifact gave more than ${mostAnswerBytes / 2 ** 20} MiB for its sample rows.`,
    );
  if (error?.syscall?.startsWith('spawn') === true)
    return fail('Unavailable', `No process could be started to inspect the artifact (${error.code}): try again.`);
  if (error?.killed)
    return fail('DeadlineExceeded', 'The inspection of the artifact did not end within the time allowed.');
  if (error?.signal) return fail('ArtifactUnreadable', `The artifact crashed the runtime (${error.signal}).`);
  throw new Error(`The inspection worker failed: ${stderr || error?.message}`);
};
