/** Strict JSON (RFC 8259) with a limit on its depth; a fault is told by line and column. */
import * as E from 'fp-ts/lib/Either.js';
import { type Failure, fail, nestsDeeper } from '../../core/index.js';

/** Fails `TooLarge` when it nests deeper than `depthLimit`, `InvalidInput` when it is not JSON; bare `NaN` and `Infinity` are not. */
export const parseStrictJson =
  (depthLimit: number) =>
  (text: string): E.Either<Failure, unknown> => {
    let value: unknown;
    try {
      // V8 does not recurse, and deep JSON takes it no more memory than flat JSON of the same size.
      value = JSON.parse(text);
    } catch {
      return textNestsDeeper(text, depthLimit)
        ? tooDeep(depthLimit)
        : fail('InvalidInput', `The body is not JSON: ${faultOf(text)}.`);
    }
    return nestsDeeper(text, value, depthLimit) ? tooDeep(depthLimit) : E.right(value);
  };

const tooDeep = (depthLimit: number): E.Either<Failure, never> =>
  fail('TooLarge', `The body nests deeper than the limit json_depth, which is ${depthLimit}: send flatter JSON.`);

/** Whether text that is no JSON nests deeper than the limit: what looks for its fault recurses. */
const textNestsDeeper = (text: string, limit: number): boolean => {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === 0x5c) i++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > limit) return true;
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
  return false;
};

const faultOf = (text: string): string => {
  if (text.trim() === '') return 'it is empty; send an object';
  const at = faultOffset(text);
  const before = text.slice(0, at);
  const place = `line ${before.split('\n').length}, column ${at - before.lastIndexOf('\n')}`;
  if (at === text.length) return `it ends too early, at ${place}`;
  const cure = /^(?:NaN|-?Infinity)/.test(text.slice(at, at + 9)) ? '; write null for a missing value' : '';
  return `unexpected ${JSON.stringify(String.fromCodePoint(text.codePointAt(at) ?? 0))} at ${place}${cure}`;
};

const space = /[ \t\n\r]*/y;
const openObject = /\{/y;
const closeObject = /\}/y;
const openArray = /\[/y;
const closeArray = /\]/y;
const comma = /,/y;
const colon = /:/y;
const quote = /"/y;
const stringPart = /[ !#-[\]-\uffff]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const scalar = /true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

/** Where text that JSON.parse refused stops being JSON: V8 does not always say. Recurses as deep as the depth limit. */
const faultOffset = (text: string): number => {
  let at = 0;
  const eat = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    if (!pattern.test(text)) return false;
    at = pattern.lastIndex;
    return true;
  };
  const token = (pattern: RegExp): boolean => eat(space) && eat(pattern);
  const string = (): boolean => {
    if (!token(quote)) return false;
    while (eat(stringPart));
    return eat(quote);
  };
  const list = (item: () => boolean, close: RegExp): boolean => {
    if (token(close)) return true;
    do {
      if (!item()) return false;
    } while (token(comma));
    return token(close);
  };
  const member = (): boolean => string() && token(colon) && value();
  const value = (): boolean => {
    if (token(openObject)) return list(member, closeObject);
    if (token(openArray)) return list(value, closeArray);
    return text[at] === '"' ? string() : eat(scalar);
  };
  if (value()) eat(space);
  return at;
};
