/** Where a command looks for experiments. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as E from 'fp-ts/lib/Either.js';
import { fail, type Failure } from '../../core/index.js';
import { isBucketAddress } from '../settings.js';

export interface ExperimentsPlace {
  /** The folder that holds `{model_type}/{experiment}`; the registry's own when absent. */
  readonly experimentsDir?: string;
}

/**
 * The folder that `--experiments` names; else `./models/experiments` when `wanted` (`{model_type}/{experiment}`, or empty) is there: people
 * train locally and register to a bucket; else the registry's own. Fails `NotFound`, and `Unavailable` for a bucket.
 */
export const chooseExperiments = (named: string | undefined, wanted: string): E.Either<Failure, ExperimentsPlace> => {
  if (named !== undefined && isBucketAddress(named)) {
    return fail(
      'Unavailable',
      `${named} is in Google Cloud Storage, for which this version has no adapter yet: give a folder.`,
    );
  }
  if (named !== undefined && !existsSync(named)) {
    return fail(
      'NotFound',
      `There is no folder ${named}: --experiments names the one that holds {model_type}/{experiment}.`,
    );
  }
  const local = resolve(named ?? join('models', 'experiments'));
  return E.right(named !== undefined || existsSync(join(local, wanted)) ? { experimentsDir: local } : {});
};
