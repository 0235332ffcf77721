/** `models`: lists what is registered. */
import { Option } from 'clipanion';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../../../core/index.js';
import { BaseCommand } from '../base-command.js';
import { numeric, present } from '../references.js';
import { renderModels } from '../registry-views.js';

export class ModelsCommand extends BaseCommand {
  static override paths = [['models']];

  static override usage = {
    description: 'Lists registered versions, by model type and name.',
    examples: [
      ['Everything', '$0 models'],
      ['The latest version of each model that predicts ratings', '$0 models --model-type rating --latest'],
      ['As GET /models answers it', '$0 models --json'],
    ] satisfies Array<[string, string]>,
  };

  modelType = Option.String('--model-type', { description: 'TYPE: only models of this type' });
  name = Option.String('--name', { description: 'NAME: only models of this name' });
  latest = Option.Boolean('--latest', false, { description: 'Only each model’s latest version' });
  limit = Option.String('--limit', { description: 'N: versions per page (default: everything)' });
  pageToken = Option.String('--page-token', { description: 'TOKEN: the page after the one that told it' });

  perform(): TE.TaskEither<Failure, void> {
    const request = present({
      model_type: this.modelType,
      name: this.name,
      latest: this.latest || undefined,
      limit: numeric(this.limit),
      page_token: this.pageToken,
    });
    return pipe(
      this.withService(({ service, cancellation }) => service.models(request, { cancellation })),
      TE.map(({ models, nextPageToken }) => {
        if (this.json) this.printJson(models);
        else this.print(renderModels(models));
        if (nextPageToken !== undefined) this.say(`There is more: --page-token ${nextPageToken}`);
      }),
    );
  }
}
