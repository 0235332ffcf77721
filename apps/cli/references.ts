/** From what people write on the command line to the fields of requests. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import type * as t from 'io-ts';
import {
  decode,
  fail,
  type Failure,
  failureOf,
  type ModelReference,
  parseModelReference,
  type Problem,
} from '../../core/index.js';

/** What `--help` says of REF. */
export const referenceHelp =
  'REF names one version of a model: type/name (the latest), type/name@3 (version 3) or type/name@champion (the one under the alias champion).';

/** `type/name@3` as `{ version: 3 }`, `type/name@champion` as `{ alias: 'champion' }`, `type/name` as nothing. */
export const selected = ({ selector }: ModelReference): { readonly version?: number; readonly alias?: string } =>
  selector.kind === 'version'
    ? { version: selector.version }
    : selector.kind === 'alias'
      ? { alias: selector.alias }
      : {};

/** The fields of a scoring request that name its model. */
export const scored = (reference: ModelReference) => {
  const { version, alias } = selected(reference);
  const { modelType, name } = reference.model;
  return { model_type: modelType, model_name: name, model_version: version, model_alias: alias };
};

/** A model without a version. Fails `InvalidInput`. */
export const parseModel = (reference: string): E.Either<Failure, ModelReference['model']> =>
  reference.includes('@')
    ? fail('InvalidInput', `"${reference}" names a version, and a model is asked for: write type/name.`)
    : pipe(
        parseModelReference(reference),
        E.map(({ model }) => model),
      );

/** `name=value` pairs of a flag that can be repeated. Fails `InvalidInput` with each that is no pair, or has the name of one before. */
export const parsePairs = (
  flag: string,
  pairs: ReadonlyArray<string>,
): E.Either<Failure, Readonly<Record<string, string>>> => {
  const entries = pairs.map(
    (pair) => [pair.slice(0, Math.max(0, pair.indexOf('='))), pair.slice(pair.indexOf('=') + 1)] as const,
  );
  const problems = entries.flatMap(([name], i): ReadonlyArray<Problem> => {
    const told = (detail: string) => [{ pointer: flag, detail: `"${pairs[i]}" ${detail}` }];
    if (name === '') return told('is not name=value');
    return entries.findIndex(([other]) => other === name) < i ? told(`names ${name} a second time`) : [];
  });
  const details = problems.map(({ detail }) => detail).join('; ');
  return problems.length > 0
    ? E.left(failureOf('InvalidInput', `${flag} takes name=value: ${details}.`, problems))
    : E.right(Object.fromEntries(entries));
};

/** A flag's value as a number where it is a decimal one; what is not is left for the request's codec to refuse by name. */
export const numeric = (given: string | undefined): number | string | undefined =>
  given !== undefined && decimal.test(given) && Number.isFinite(Number(given)) ? Number(given) : given;

const decimal = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;

/** The fields that were given. */
export const present = (fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/**
 * A request that was made of flags. Fails `InvalidInput` with each problem under its flag's name: `/on_error` is `--on-error`, `/gate/min_r2` is
 * `--min r2`, and `flags` names those that are called otherwise than their fields.
 */
export const decodeFlags =
  <A>(codec: t.Decoder<unknown, A>, flags: Readonly<Record<string, string>> = {}) =>
  (request: Readonly<Record<string, unknown>>): E.Either<Failure, A> =>
    pipe(
      decode(codec, 'The command line')(request),
      E.mapLeft(({ tag, problems, problemTotal }) => {
        const told = problems.map(({ pointer, detail }) => ({ pointer: flagAt(pointer, flags), detail }));
        const message = `${told.map(({ pointer, detail }) => `${pointer} ${detail}`).join('; ')}.`;
        return failureOf(tag, message, told, problemTotal);
      }),
    );

const flagAt = (pointer: string, flags: Readonly<Record<string, string>>): string => {
  const [field = '', ...inside] = pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
  const [, rule, metric] = (field === 'gate' && /^(min|max)_(.*)$/s.exec(inside[0] ?? '')) || [];
  if (rule !== undefined) return `--${rule} ${metric}`;
  return [flags[field] ?? `--${field.replaceAll('_', '-')}`, ...inside].join(' ');
};
