/** `restore`: undoes `archive`. */
import type { Service } from '../../../core/index.js';
import { pinnedHelp, VersionCommand } from '../version-command.js';

export class RestoreCommand extends VersionCommand {
  static override paths = [['restore']];

  static override usage = {
    description: 'Undoes archive: the version can be the latest, and under an alias, again.',
    examples: [['Restore version 3', '$0 restore rating/production_rating_model@3']] satisfies Array<[string, string]>,
    details: pinnedHelp,
  };

  protected readonly outcome = 'is not archived.';

  protected changeOf(service: Service) {
    return service.restore;
  }
}
