/** What each failure is to the outside: HTTP status, exit code, title, and whether trying again can help. */
import type { FailureTag } from '../core/index.js';

export interface FailureRow {
  /** Null where nobody is left to be answered. */
  readonly status: number | null;
  /** The command's exit code. Node itself exits with 1 to 13 for its own reasons; only 2 is shared, with usage errors. */
  readonly exit: number;
  readonly title: string;
  readonly retry: 'no' | 'yes' | 'after re-reading' | null;
}

/** Statuses and exit codes are API, and never change meaning. */
export const failureTable = {
  InvalidInput: { status: 400, exit: 2, title: 'The request is not valid', retry: 'no' },
  NotFound: { status: 404, exit: 20, title: 'Not found', retry: 'no' },
  AlreadyExists: { status: 409, exit: 21, title: 'Already exists', retry: 'no' },
  Conflict: { status: 412, exit: 22, title: 'It changed meanwhile', retry: 'after re-reading' },
  SignatureMismatch: { status: 422, exit: 23, title: 'The rows do not fit the model', retry: 'no' },
  GateRejected: { status: 422, exit: 24, title: 'The metrics gate rejected the experiment', retry: 'no' },
  ArtifactUnreadable: { status: 422, exit: 25, title: 'The artifact cannot be served', retry: 'no' },
  DataUnreadable: { status: 422, exit: 26, title: 'The data cannot be read', retry: 'no' },
  TooLarge: { status: 413, exit: 27, title: 'Above a limit', retry: 'no' },
  PermissionDenied: { status: 403, exit: 28, title: 'Permission denied', retry: 'no' },
  InferenceFailed: { status: 500, exit: 29, title: 'The model failed to run', retry: 'no' },
  DeadlineExceeded: { status: 504, exit: 30, title: 'The time allowed ran out', retry: 'yes' },
  Unavailable: { status: 503, exit: 75, title: 'A backing service did not answer', retry: 'yes' },
  Cancelled: { status: null, exit: 130, title: 'Cancelled', retry: null },
} as const satisfies Record<FailureTag, FailureRow>;
