/** `archive`: a version scores only when it is pinned. */
import { Option } from 'clipanion';
import type { Service } from '../../../core/index.js';
import { pinnedHelp, RecordedVersionCommand } from '../version-command.js';

export class ArchiveCommand extends RecordedVersionCommand {
  static override paths = [['archive']];

  static override usage = {
    description: 'Archives a version: it is never the latest, and scores only when it is named by its number.',
    examples: [
      [
        'Archive version 3, and say why',
        '$0 archive rating/production_rating_model@3 --reason "Trained on duplicated rows"',
      ],
      ['Undo it', '$0 restore rating/production_rating_model@3'],
    ] satisfies Array<[string, string]>,
    details: `${pinnedHelp}\n\nA version under an alias is not archived: promote another version first. Its files never change.`,
  };

  by = Option.String('--by', { description: 'WHO: Record who archived it (default: registered_by of the settings)' });

  protected readonly outcome = 'is archived: it scores only when it is named by its number.';

  protected override needed() {
    return { '--reason TEXT': this.reason };
  }

  protected changeOf(service: Service) {
    return service.archive;
  }
}
