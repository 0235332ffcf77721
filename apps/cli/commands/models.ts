/** `models`: lists what is registered. */
import { Option } from 'clipanion';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type Failure, ModelsRequest } from '../../../core/index.js';
import { BaseCommand } from '../base-command.js';
import { decodeFlags, numeric, present } from '../references.js';
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

  modelType = Option.String('--model-type', { description: 'TYPE: List only models of this type' });
  name = Option.String('--name', { description: 'NAME: List only models of this name' });
  latest = Option.Boolean('--latest', false, { description: 'List only the latest version of each model' });
  limit = Option.String('--limit', { description: 'N: List at most this many versions (default: all of them)' });
  pageToken = Option.String('--page-token', { description: 'TOKEN: Go on after the page that named this token' });

  perform(): TE.TaskEither<Failure, void> {
    const request = present({
      model_type: this.modelType,
      name: this.name,
      latest: this.latest || undefined,
      limit: numeric(this.limit),
      page_token: this.pageToken,
    });
    return pipe(
      TE.fromEither(decodeFlags(ModelsRequest)(request)),
      TE.flatMap((decoded) =>
        this.withService(({ service, cancellation }) => service.models(decoded, { cancellation })),
      ),
      TE.map(({ models, nextPageToken }) => {
        if (this.json) this.printJson(models);
        else if (Object.values(models).flat().length === 0) this.print(`Nothing${this.asked()} is registered here.`);
        else this.print(renderModels(models, this.widthOf('stdout')));
        if (nextPageToken !== undefined) this.say(`There is more: --page-token ${nextPageToken}`);
      }),
    );
  }

  private asked(): string {
    const type = this.modelType === undefined ? '' : ` of the type "${this.modelType}"`;
    return this.name === undefined ? type : `${type} with the name "${this.name}"`;
  }
}
