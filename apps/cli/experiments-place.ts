/** Where a command looks for experiments. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import { type Failure, failure } from '../../core/index.js';
import { folderAt, parsePlace, type Registry } from '../places.js';

export interface ExperimentsPlace {
  /** The place that holds `{model_type}/{experiment}`; the registry's own when absent. */
  readonly experiments?: Registry;
}

/**
 * The folder, or `gs://` address, that `--experiments` names; else `./models/experiments` when `wanted` (`{model_type}/{experiment}`, or
 * empty) is there: people train locally and register to a bucket; else the registry's own. Fails `NotFound`, `InvalidInput`.
 */
export const chooseExperiments = (named: string | undefined, wanted: string): E.Either<Failure, ExperimentsPlace> => {
  if (named === undefined) {
    const local = join('models', 'experiments');
    return E.right(existsSync(join(local, wanted)) ? { experiments: folderAt(local) } : {});
  }
  return pipe(
    parsePlace('--experiments', named),
    E.filterOrElse(
      (place) => place.kind === 'gcs' || existsSync(place.root),
      () =>
        failure(
          'NotFound',
          `There is no folder ${named}: --experiments names the one that holds {model_type}/{experiment}.`,
        ),
    ),
    E.map((experiments) => ({ experiments })),
  );
};
