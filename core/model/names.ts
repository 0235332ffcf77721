/** Names, versions, aliases and model references, and what may be one. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import type * as t from 'io-ts';
import { decode, integer, text } from '../decode.js';
import { fail, type Failure } from '../failure.js';

/** Windows cannot hold files of these names, with any extension. */
const notADevice = '(?!(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\\.|$))';

/** Folders of the registry itself, which stand where those of the model types do. */
const notReserved = '(?!(?:keys|staging)$)';

/** What is predicted. An open set: any name that follows the grammar is one. */
export const ModelType: t.Type<string, string, unknown> = text(
  'ModelType',
  new RegExp(`^${notADevice}${notReserved}[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?$`),
  'must be 1 to 64 of a-z 0-9 _ -, beginning and ending with a letter or digit, neither "keys" nor "staging", and no device name such as con',
);

/** Names a line of versions of one model type. */
export const ModelName: t.Type<string, string, unknown> = text(
  'ModelName',
  new RegExp(`^${notADevice}(?!.*\\.\\.)[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?$`),
  'must be 1 to 100 of a-z 0-9 . _ - without "..", beginning and ending with a letter or digit, and no device name such as con',
);

/** A movable name for one version. A number is never one, so that `@3` is always a version. */
export const AliasName: t.Type<string, string, unknown> = text(
  'AliasName',
  /^(?!latest$)(?!v?[0-9]+$)[a-z](?:[a-z0-9_-]{0,62}[a-z0-9])?$/,
  'must be 1 to 64 of a-z 0-9 _ -, beginning with a letter, and neither "latest" nor a version',
);

/** Names a training run; training code picks it, so capitals are allowed. */
export const ExperimentName: t.Type<string, string, unknown> = text(
  'ExperimentName',
  new RegExp(`^${notADevice}(?!.*\\.\\.)[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?$`, 'i'),
  'must be 1 to 100 of A-Z a-z 0-9 . _ - without "..", beginning with a letter or digit, ending with no dot, and no device name such as con',
);

/** A positive integer given at registration. */
export const Version: t.Type<number, number, unknown> = integer('Version', 1, 999_999_999);

/** The version that a folder `v{N}` holds, or undefined when it is no such folder. */
export const versionOfFolder = (folder: string): number | undefined =>
  /^v[1-9][0-9]{0,8}$/.test(folder) ? Number(folder.slice(1)) : undefined;

/** One model: a type and a name. */
export interface ModelId {
  readonly modelType: string;
  readonly name: string;
}

/** The model that registrations, and requests to register, have as `model_type` and `name`. */
export const modelIdOf = ({ model_type, name }: { readonly model_type: string; readonly name: string }): ModelId => ({
  modelType: model_type,
  name,
});

/** Which of a model's versions is meant. */
export type VersionSelector =
  | { readonly kind: 'latest' }
  | { readonly kind: 'version'; readonly version: number }
  | { readonly kind: 'alias'; readonly alias: string };

export interface ModelReference {
  readonly model: ModelId;
  readonly selector: VersionSelector;
}

/** The version of this number, or the one under this alias, or without either the latest. */
export const selectorOf = (version: number | undefined, alias: string | undefined): VersionSelector => {
  if (version !== undefined) return { kind: 'version', version };
  return alias === undefined ? { kind: 'latest' } : { kind: 'alias', alias };
};

/** `type/name`, `type/name@3` or `type/name@champion`. Fails `InvalidInput`. */
export const parseModelReference = (reference: string): E.Either<Failure, ModelReference> => {
  const parts = /^([^/@]+)\/([^/@]+)(?:@([^/@]+))?$/.exec(reference);
  if (parts === null) {
    return fail(
      'InvalidInput',
      `"${reference}" is not a model reference: write type/name, type/name@3 or type/name@champion.`,
    );
  }
  const [, modelType, name, selector] = parts;
  return pipe(
    E.Do,
    E.apS('modelType', decode(ModelType, `The model type of "${reference}"`)(modelType)),
    E.apS('name', decode(ModelName, `The model name of "${reference}"`)(name)),
    E.bindTo('model'),
    E.apS('selector', parseSelector(reference, selector)),
  );
};

const parseSelector = (reference: string, selector: string | undefined): E.Either<Failure, VersionSelector> => {
  if (selector === undefined || selector === 'latest') return E.right({ kind: 'latest' });
  if (/^0[0-9]/.test(selector)) {
    return fail(
      'InvalidInput',
      `The version of "${reference}" begins with a zero: write it as versions are shown, such as 3.`,
    );
  }
  if (/^[0-9]+$/.test(selector)) {
    return pipe(
      decode(Version, `The version of "${reference}"`)(Number(selector)),
      E.map((version) => ({ kind: 'version', version })),
    );
  }
  return pipe(
    decode(AliasName, `The alias of "${reference}"`)(selector),
    E.map((alias) => ({ kind: 'alias', alias })),
  );
};

/** `type/name`, as people write a model. */
export const showModel = (model: ModelId): string => `${model.modelType}/${model.name}`;
