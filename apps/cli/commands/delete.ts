/** `delete`: a version's artifact goes for good. */
import { Option } from 'clipanion';
import type { Service } from '../../../core/index.js';
import { pinnedHelp, RecordedVersionCommand } from '../version-command.js';

export class DeleteCommand extends RecordedVersionCommand {
  static override paths = [['delete']];

  static override usage = {
    description: 'Deletes a version’s artifact for good, without asking. Its record and its number stay.',
    examples: [
      ['Delete the artifact of version 3', '$0 delete rating/production_rating_model@3'],
      [
        'Only take it out of use, which can be undone',
        '$0 archive rating/production_rating_model@3 --reason "Too old"',
      ],
    ] satisfies Array<[string, string]>,
    details: `${pinnedHelp}\n\nA version under an alias is not deleted: promote another version first. Who was interrupted repeats it.`,
  };

  by = Option.String('--by', { description: 'WHO: Record who deleted it (default: registered_by of the settings)' });

  protected readonly outcome = 'is deleted: its artifact is gone, its record and its number stay.';

  protected changeOf(service: Service) {
    return service.deleteVersion;
  }
}
