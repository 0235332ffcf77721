/** Sealed documents: JSON that carries the SHA-256 of its own canonical bytes, written once and checked on every read. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as t from 'io-ts';
import { decode } from '../decode.js';
import { type Failure, failure } from '../failure.js';
import type { Host } from '../ports/host.js';
import { nestsDeeper } from './json-depth.js';

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * JSON with the keys of every object in the order of their UTF-16 code units and no white space, as in RFC 8785 for the values that
 * JSON.stringify writes; what JSON cannot hold (NaN, undefined) is what JSON.stringify makes of it.
 */
export const canonicalJson = (value: unknown): string => canonical(JSON.parse(JSON.stringify(value)));

/** Written key by key: an object in JavaScript would put keys that look like numbers first. */
const canonical = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`);
  return `{${members.join(',')}}`;
};

const digest = (host: Host, document: JsonObject): string => {
  const { sha256: _, ...rest } = document;
  return host.sha256(host.utf8.encode(canonicalJson(rest)));
};

/** The stored bytes of `document` with its digest as its last field, for people to read. */
export const sealDocument =
  (host: Host) =>
  (document: JsonObject): Uint8Array =>
    host.utf8.encode(`${JSON.stringify({ ...document, sha256: digest(host, document) }, null, 2)}\n`);

/** Reads what `sealDocument` wrote. Fails `ArtifactUnreadable` when it is not that, or was changed since. */
export const openDocument =
  (host: Host) =>
  <A>(codec: t.Decoder<unknown, A>, where: string) =>
  (bytes: Uint8Array): E.Either<Failure, A> =>
    pipe(
      parseJson(host.utf8.decode(bytes)),
      E.mapLeft(() => failure('ArtifactUnreadable', `${where} is not JSON: it is damaged. Restore it from a copy.`)),
      E.chain(decode(t.UnknownRecord, where, 'ArtifactUnreadable')),
      E.filterOrElse(
        (document) => document['sha256'] === digest(host, document),
        () =>
          failure(
            'ArtifactUnreadable',
            `${where} was changed after it was written: its digest differs. Restore it from a copy.`,
          ),
      ),
      E.chain(decode(codec, where, 'ArtifactUnreadable')),
    );

/**
 * JSON text in which what `pattern` finds outside of string literals is replaced. Piece by piece: a pattern of whole literals runs out of stack on
 * one of some megabytes.
 */
export const replaceInJson = (text: string, pattern: RegExp, by: (found: string) => string): string => {
  let inString = false;
  return text.replace(new RegExp(`\\\\.|"|${pattern.source}`, 'gs'), (found) => {
    if (found === '"') inString = !inString;
    return inString || found === '"' || found.startsWith('\\') ? found : by(found);
  });
};

/** The bare words that Python's `json` writes for numbers that JSON does not have. */
const bareWord = /-?\bInfinity\b|\bNaN\b/;

/** How deep a document may be nested; what walks it may then recurse. */
const depthLimit = 200;

/** JSON, also as Python's `json` writes it: bare `NaN`, `Infinity` and `-Infinity` are read as null. The left is the reason. */
export const parseJson = (text: string): E.Either<string, unknown> =>
  pipe(
    parsed(() => text),
    E.alt(() => parsed(() => replaceInJson(text, bareWord, () => 'null'))),
    E.filterOrElse(
      (value) => !nestsDeeper(text, value, depthLimit),
      () => `it is nested more than ${depthLimit} deep`,
    ),
  );

const parsed = (text: () => string): E.Either<string, unknown> =>
  E.tryCatch(
    (): unknown => JSON.parse(text()),
    (thrown) => (thrown instanceof Error ? thrown.message : `${thrown}`),
  );
