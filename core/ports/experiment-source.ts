/** Port: where training runs leave their artifacts, metrics and descriptions. */
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../failure.js';
import type { Experiment, ExperimentListing } from '../model/experiment.js';
import type { CallOptions } from './host.js';

/**
 * Reads experiments laid out as `{model_type}/{experiment}/v{n}/`.
 *
 * The adapter promises to read only, and that the artifact's bytes are those that stand there during the call. It may
 * assume nothing about who writes there meanwhile; nobody promises that a training run is finished.
 *
 * Every call may fail `PermissionDenied`, `Unavailable`, `DeadlineExceeded`, `Cancelled`.
 */
export interface ExperimentSource {
  /** Where this is, for people. */
  readonly location: string;

  /**
   * What could be registered, sorted by model type and name. Folders that are no experiments, or have names that no registration takes, are passed over, and versions that
   * the place refuses to show are left out; it fails as the first of those when there is nothing else.
   */
  readonly list: (call: CallOptions) => TaskEither<Failure, ReadonlyArray<ExperimentListing>>;

  /**
   * One version of one experiment, the highest when none is named.
   * Fails `NotFound` when there is no such model type, experiment or version (naming the nearest there is), or when the
   * version holds only a `pipeline.pkl` (naming `examples/export_sklearn.py`); `InvalidInput` when one of its JSON files
   * does not decode (naming the file and each problem), or when what stands in a file's place is no file (a symbolic link, a
   * folder, a pipe): nothing that is there counts as absent.
   */
  readonly read: (
    wanted: { readonly modelType: string; readonly name: string; readonly version?: number },
    call: CallOptions,
  ) => TaskEither<Failure, Experiment>;
}
