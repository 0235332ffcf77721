/** `experiments`: lists what could be registered. */
import { Option } from 'clipanion';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../../../core/index.js';
import { BaseCommand } from '../base-command.js';
import { chooseExperiments } from '../experiments-place.js';
import { table } from '../table.js';

export class ExperimentsCommand extends BaseCommand {
  static override paths = [['experiments']];

  static override usage = {
    description: 'Lists the experiments that could be registered.',
    examples: [
      ['Those in ./models/experiments, else the registry’s own', '$0 experiments'],
      ['Those in another folder', '$0 experiments --experiments ../training/models/experiments'],
    ] satisfies Array<[string, string]>,
  };

  experiments = Option.String('--experiments', {
    description: 'DIR|gs://…: Look in this folder, which holds one folder for each model type',
  });

  perform(): TE.TaskEither<Failure, void> {
    return pipe(
      this.withService(
        ({ service, ports, cancellation }) => {
          this.say(`experiments: ${ports.experiments.location}`);
          return service.experiments({ cancellation });
        },
        () => chooseExperiments(this.experiments, ''),
      ),
      TE.map((listings) => {
        if (this.json) {
          this.printJson(listings.map(({ modelType, name, versions }) => ({ model_type: modelType, name, versions })));
        } else if (listings.length === 0) {
          this.print('There are no experiments here.');
        } else {
          const rows = listings.map(({ modelType, name, versions }) => [modelType, name, versions.join(', ')]);
          this.print(table(['model type', 'experiment', 'versions'], rows, { width: this.widthOf('stdout') }));
        }
      }),
    );
  }
}
