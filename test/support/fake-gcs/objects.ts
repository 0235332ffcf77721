/** What a fake bucket holds: objects with generations, preconditions on them, and the limit of their rate of change. */
import { createHash } from 'node:crypto';
import { type Answer, conditionNotMet, invalid, notModified, tooManyWrites } from './answers.js';
import { crc32c } from './crc32c.js';

export interface FakeObject {
  readonly name: string;
  readonly bytes: Buffer;
  readonly generation: bigint;
  readonly metageneration: bigint;
  readonly timeCreated: string;
  /** What the writer said of it: contentType, cacheControl, metadata, … */
  readonly described: Readonly<Record<string, unknown>>;
  /** Composed objects have none. */
  readonly md5Hash: string | undefined;
  readonly crc32c: string;
}

/** Objects by name, and their names in order. */
export interface FakeBucket {
  readonly name: string;
  readonly objects: Map<string, FakeObject>;
  readonly names: string[];
  readonly changedAtMs: Map<string, number>;
}

export const emptyBucket = (name: string): FakeBucket => ({
  name,
  objects: new Map(),
  names: [],
  changedAtMs: new Map(),
});

export const objectOf = (
  name: string,
  bytes: Buffer,
  generation: bigint,
  described: Readonly<Record<string, unknown>>,
): FakeObject => ({
  name,
  bytes,
  generation,
  metageneration: 1n,
  timeCreated: new Date().toISOString(),
  described,
  md5Hash: createHash('md5').update(bytes).digest('base64'),
  crc32c: crc32c(bytes),
});

/** Where `name` is in the order of names, or would be. */
const placeOf = (names: ReadonlyArray<string>, name: string): number => {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((names[middle] ?? '') < name) low = middle + 1;
    else high = middle;
  }
  return low;
};

export const store = (bucket: FakeBucket, object: FakeObject): void => {
  if (!bucket.objects.has(object.name)) bucket.names.splice(placeOf(bucket.names, object.name), 0, object.name);
  bucket.objects.set(object.name, object);
  bucket.changedAtMs.set(object.name, performance.now());
};

export const remove = (bucket: FakeBucket, name: string): void => {
  if (bucket.objects.delete(name)) bucket.names.splice(placeOf(bucket.names, name), 1);
  bucket.changedAtMs.set(name, performance.now());
};

/** The object's resource (https://cloud.google.com/storage/docs/json_api/v1/objects#resource), or the `fields` of it. */
export const resourceOf = (bucket: FakeBucket, object: FakeObject): Readonly<Record<string, unknown>> => ({
  kind: 'storage#object',
  id: `${bucket.name}/${object.name}/${object.generation}`,
  contentType: 'application/octet-stream',
  ...object.described,
  name: object.name,
  bucket: bucket.name,
  generation: `${object.generation}`,
  metageneration: `${object.metageneration}`,
  size: `${object.bytes.length}`,
  md5Hash: object.md5Hash,
  crc32c: object.crc32c,
  etag: Buffer.from(`${object.generation}/${object.metageneration}`).toString('base64'),
  storageClass: 'STANDARD',
  timeCreated: object.timeCreated,
  updated: object.timeCreated,
});

const checks: ReadonlyArray<readonly [parameter: string, property: 'generation' | 'metageneration', equal: boolean]> = [
  ['GenerationMatch', 'generation', true],
  ['GenerationNotMatch', 'generation', false],
  ['MetagenerationMatch', 'metageneration', true],
  ['MetagenerationNotMatch', 'metageneration', false],
];

/**
 * The answer to a request whose preconditions do not hold of the live object; undefined when they do. `prefix` is `if`, or
 * `ifSource` for the source of a rewrite. Generation 0 stands for no live object.
 */
export const unmetCondition = (
  query: URLSearchParams,
  live: FakeObject | undefined,
  purpose: 'read' | 'write',
  prefix: 'if' | 'ifSource' = 'if',
): Answer | undefined => {
  for (const [parameter, property, equal] of checks) {
    const wanted = query.get(`${prefix}${parameter}`);
    if (wanted === null) continue;
    if (!/^\d{1,19}$/.test(wanted)) return invalid(`Invalid value for: Invalid long value: '${wanted}'.`);
    if (((live?.[property] ?? 0n) === BigInt(wanted)) === equal) continue;
    return !equal && purpose === 'read' ? notModified : conditionNotMet(equal ? 'If-Match' : 'If-None-Match');
  }
  return undefined;
};

/** The answer to a change that comes within a second of the last one of the same object; undefined when it may come. */
export const tooSoon = (bucket: FakeBucket, name: string): Answer | undefined => {
  const changedAtMs = bucket.changedAtMs.get(name);
  return changedAtMs !== undefined && performance.now() - changedAtMs < 1000
    ? tooManyWrites(bucket.name, name)
    : undefined;
};
