/** What would keep a service from ever doing its work, looked for before it listens. */
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../../core/index.js';
import { failureTable } from '../failure-table.js';
import { checkOutputRoot } from '../places.js';
import type { Session } from './base-command.js';

/** A registry that does not answer by then may answer later. */
const patienceMs = 3_000;

/**
 * Succeeds with what may still pass by itself, as sentences: a registry that does not answer. Fails with what only an operator can mend: a
 * file where the registry's or the outputs' folder should be, a bucket that is not there or that refuses this service.
 */
export const beforeServing = ({
  service,
  ports,
  settings,
  cancellation,
}: Session): TE.TaskEither<Failure, ReadonlyArray<string>> =>
  pipe(
    checkOutputRoot(settings.outputRoot),
    TE.flatMap(() => service.ready({ deadlineMs: ports.host.nowMs() + patienceMs, cancellation })),
    TE.map((): ReadonlyArray<string> => []),
    TE.orElse((failed) =>
      failureTable[failed.tag].retry === 'yes'
        ? TE.right([`The registry does not answer yet: ${failed.message}`])
        : TE.left(failed),
    ),
  );
