/** Where a command looks for experiments. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as E from 'fp-ts/lib/Either.js';
import { fail, type Failure } from '../../core/index.js';
import { placeOf } from '../composition/stores.js';
import { isBucketAddress, type Registry } from '../settings.js';

export interface ExperimentsPlace {
  /** The place that holds `{model_type}/{experiment}`; the registry's own when absent. */
  readonly experiments?: Registry;
}

/**
 * The folder, or `gs://` address, that `--experiments` names; else `./models/experiments` when `wanted` (`{model_type}/{experiment}`, or
 * empty) is there: people train locally and register to a bucket; else the registry's own. Fails `NotFound`.
 */
export const chooseExperiments = (named: string | undefined, wanted: string): E.Either<Failure, ExperimentsPlace> => {
  if (named !== undefined && !isBucketAddress(named) && !existsSync(named)) {
    return fail(
      'NotFound',
      `There is no folder ${named}: --experiments names the one that holds {model_type}/{experiment}.`,
    );
  }
  if (named !== undefined) return E.right({ experiments: placeOf(named) });
  const local = join('models', 'experiments');
  return E.right(existsSync(join(local, wanted)) ? { experiments: placeOf(local) } : {});
};
