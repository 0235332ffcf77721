/** Registers. */
import type { Registration } from '../model/registration.js';

/** What became of a request to register. */
export interface Registered {
  readonly registration: Registration;
  /** `existing`: the idempotency key had made it before. `dry-run`: every check passed and nothing was written. */
  readonly outcome: 'created' | 'existing' | 'dry-run';
  /** What was not as asked although the version was registered, each a sentence. */
  readonly warnings: ReadonlyArray<string>;
}
