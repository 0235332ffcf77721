/** From io-ts to failures: decodes at the edge, with a JSON Pointer and a sentence for each problem. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as t from 'io-ts';
import { type Failure, type FailureTag, failureOf, nearest, type Problem, problemLimit } from './failure.js';

/**
 * Decodes `value`, which is `what` ("the request", "metadata.json"), as `codec` says.
 * Fails `tag` with every problem, each with its pointer.
 */
export const decode =
  <A>(codec: t.Decoder<unknown, A>, what: string, tag: FailureTag = 'InvalidInput') =>
  (value: unknown): E.Either<Failure, A> =>
    pipe(
      codec.decode(value),
      E.mapLeft((errors) => {
        const problems = problemsOf(errors);
        const listed = problems.slice(0, 3).map((p) => `${p.pointer === '' ? '' : `${p.pointer} `}${p.detail}`);
        const total = errors.reduce((sum, error) => sum + (standsFor.get(error) ?? 1) - 1, problems.length);
        const more = total > listed.length ? `; and ${total - listed.length} more` : '';
        return failureOf(tag, `${what} is not valid: ${listed.join('; ')}${more}.`, problems, total);
      }),
    );

/** A string that `grammar` matches; `rule` says the grammar in words, as in "must be 1 to 64 of …". */
export const text = (name: string, grammar: RegExp, rule: string): t.Type<string, string, unknown> => {
  const is = (u: unknown): u is string => typeof u === 'string' && grammar.test(u);
  return new t.Type(
    name,
    is,
    (u, context) => (is(u) ? t.success(u) : t.failure(u, context, `${rule}, got ${show(u)}`)),
    t.identity,
  );
};

/** An integer from `least` to `most`. */
export const integer = (name: string, least: number, most: number): t.Type<number, number, unknown> => {
  const is = (u: unknown): u is number => Number.isInteger(u) && (u as number) >= least && (u as number) <= most;
  return new t.Type(
    name,
    is,
    (u, context) =>
      is(u) ? t.success(u) : t.failure(u, context, `must be an integer from ${least} to ${most}, got ${show(u)}`),
    t.identity,
  );
};

/**
 * An object with these fields and no others; an unknown field is refused by name. An optional field that is null is absent, as clients write
 * it that have a place for every field; it is not in what is decoded.
 */
export const closed = <R extends t.Props, O extends t.Props>(name: string, required: R, optional: O) => {
  const shape = t.intersection([t.type(required), t.partial(optional)], name);
  type Shape = t.TypeOf<typeof shape>;
  const known = [...Object.keys(required), ...Object.keys(optional)];
  const is = (u: unknown): u is Shape =>
    shape.is(u) && !Array.isArray(u) && Object.keys(u).every((key) => known.includes(key));
  return new t.Type<Shape, t.OutputOf<typeof shape>, unknown>(
    name,
    is,
    (u, context) => {
      if (!t.UnknownRecord.is(u) || Array.isArray(u)) return t.failure(u, context, `must be an object, got ${show(u)}`);
      const unknown = Object.keys(u).filter((key) => !known.includes(key));
      // There may be millions: those beyond are counted only.
      const extra = unknown.slice(0, problemLimit).map((key, i): t.ValidationError => {
        const near = nearest(key, known);
        const cure = near === undefined ? `known are ${known.join(', ')}` : `did you mean ${near}?`;
        const error = {
          value: u[key],
          context: [...context, { key, type: t.unknown }],
          message: `is an unknown field (${cure})`,
        };
        if (i === problemLimit - 1) standsFor.set(error, unknown.length - i);
        return error;
      });
      // Under the shape's own type, so that its branches are known for no place in the value.
      const inner = context.map((entry, i) => (i === context.length - 1 ? { ...entry, type: shape } : entry));
      const validated = shape.validate(withoutNulls(u, optional), inner);
      const errors = [...extra, ...(E.isLeft(validated) ? validated.left : [])];
      return errors.length > 0 ? t.failures(errors) : validated;
    },
    shape.encode,
  );
};

/** How many unknown fields there are from that of an error on, where it is the last that is told. */
const standsFor = new WeakMap<t.ValidationError, number>();

/**
 * The codec, which takes what its guard takes without a look at each field's place: nearly everything is as it should be. Only for codecs whose
 * fields have guards as strict as their decoders.
 */
export const guarded = <A, O>(codec: t.Type<A, O>): t.Type<A, O> =>
  new t.Type(
    codec.name,
    codec.is,
    (u, context) => (codec.is(u) ? t.success(u) : codec.validate(u, context)),
    codec.encode,
  );

const withoutNulls = (
  given: Readonly<Record<string, unknown>>,
  optional: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> => {
  const isAbsent = (key: string): boolean => given[key] === null && Object.hasOwn(optional, key);
  return Object.keys(given).some(isAbsent)
    ? Object.fromEntries(Object.entries(given).filter(([key]) => !isAbsent(key)))
    : given;
};

/** A value in a message: its JSON when that is short, else its kind. */
export const show = (u: unknown): string => {
  if (u === undefined) return 'nothing';
  if (typeof u === 'bigint') return `${u}`;
  if (typeof u === 'number') return `${u}`;
  const json = typeof u === 'object' && u !== null ? undefined : JSON.stringify(u);
  if (json !== undefined) return json.length <= 60 ? json : `${json.slice(0, 57)}…"`;
  return Array.isArray(u) ? 'an array' : 'an object';
};

/** One problem per place: a union's branches are told together. */
const problemsOf = (errors: t.Errors): ReadonlyArray<Problem> => {
  const byPointer = new Map<string, { details: string[]; expected: string[]; value: unknown }>();
  for (const error of errors) {
    const pointer = pointerOf(error.context);
    const entry = byPointer.get(pointer) ?? { details: [], expected: [], value: error.value };
    if (error.message === undefined) entry.expected.push(error.context.at(-1)?.type.name ?? 'something else');
    else entry.details.push(error.message);
    byPointer.set(pointer, entry);
  }
  return [...byPointer].map(([pointer, { details, expected, value }]) => {
    const required = value === undefined && details.length === 0;
    const told = required ? ['is required'] : details;
    const types = [...new Set(expected.map(plainName))].join(' or ');
    return {
      pointer,
      detail: told.length > 0 ? [...new Set(told)].join('; ') : `must be ${types}, got ${show(value)}`,
    };
  });
};

/** What a codec without a sentence of its own expects, in words: io-ts names it by its structure. */
const plainName = (name: string): string => {
  if (/^(?:ReadonlyArray|Array)</.test(name)) return 'an array';
  if (/^(?:\{|Partial<|Readonly<|UnknownRecord$|\(\{)/.test(name)) return 'an object';
  return name.replace(/^\((.*)\)$/, '$1').replaceAll(' | ', ' or ');
};

/** RFC 6901. Branches of unions and intersections are io-ts's own context entries and no place in the value. */
const pointerOf = (context: t.Context): string =>
  context
    .filter((_, i) => {
      const parent = i === 0 ? undefined : context[i - 1]?.type;
      return i > 0 && !(parent instanceof t.IntersectionType || parent instanceof t.UnionType);
    })
    .map((entry) => `/${pointerToken(entry.key)}`)
    .join('');

/** One reference token of a JSON Pointer. Of a key that is longer than any name, only the beginning. */
export const pointerToken = (key: string | number): string =>
  brief(`${key}`).replaceAll('~', '~0').replaceAll('/', '~1');

/** A name in a message: whole, unless it is longer than names are. No failure is as large as what was sent. */
export const brief = (name: string): string => (name.length <= longestName ? name : `${name.slice(0, longestName)}…`);

const longestName = 200;
