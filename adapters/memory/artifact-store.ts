/** An artifact store in this process's memory: for tests, examples and trying things out. */
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import {
  type ArtifactStore,
  type CallOptions,
  checkFolder,
  checkKey,
  fail,
  type Failure,
  type Listing,
  type ObjectHead,
  type StoredObject,
  type StoreToken,
} from '../../core/index.js';

/** An empty store. What it holds is gone with it. */
export const memoryArtifactStore = (options: { readonly location?: string } = {}): ArtifactStore => {
  const location = options.location ?? 'memory';
  const objects = new Map<string, MemoryObject>();
  let writeCount = 0;

  const write = (key: string, bytes: Uint8Array): E.Either<Failure, StoreToken> => {
    writeCount += 1;
    const token = `${writeCount}`;
    objects.set(key, { bytes: new Uint8Array(bytes), token, modifiedMs: Date.now() });
    return E.right(token);
  };

  return {
    location,

    head: (key, call) => run(call, checkKey(key), () => E.right(O.map(headOf)(O.fromNullable(objects.get(key))))),

    get: (key, call) => run(call, checkKey(key), () => E.right(copyOf(objects.get(key)))),

    getIfChanged: (key, token, call) =>
      run(call, checkKey(key), () => {
        const object = objects.get(key);
        return E.right(object?.token === token ? 'unchanged' : copyOf(object));
      }),

    put: (key, bytes, condition, call) =>
      run(call, checkKey(key), () => {
        const token = objects.get(key)?.token;
        if (condition.kind === 'absent') return token === undefined ? write(key, bytes) : alreadyExists(location, key);
        return token === condition.token
          ? write(key, bytes)
          : fail(
              'Conflict',
              `${key} in ${location} is ${token === undefined ? 'gone' : 'in another state'}: read it again.`,
            );
      }),

    copyIfAbsent: (from, to, call) =>
      run(call, E.flatMap(() => checkKey(to))(checkKey(from)), () => {
        const source = objects.get(from);
        if (source === undefined) return fail('NotFound', `There is no ${from} in ${location}.`);
        return objects.has(to) ? alreadyExists(location, to) : write(to, source.bytes);
      }),

    list: (folder, { limit, pageToken }, call) =>
      run(call, checkFolder(folder), () => {
        if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
          return fail('InvalidInput', `A page holds 1 to 1000 entries, not ${limit}.`);
        }
        return E.right(pageOf(objects, folder, limit, pageToken));
      }),

    delete: (key, call) =>
      run(call, checkKey(key), () => {
        objects.delete(key);
        return E.right(undefined);
      }),
  };
};

/** What the call does happens in one turn, so a cancellation or deadline can only come before it. */
const run =
  <A>(
    call: CallOptions,
    checked: E.Either<Failure, string>,
    work: () => E.Either<Failure, A>,
  ): TaskEither<Failure, A> =>
  async () => {
    if (call.cancellation.aborted) return fail('Cancelled', 'The call was cancelled.');
    if (performance.timeOrigin + performance.now() >= call.deadlineMs) {
      return fail('DeadlineExceeded', 'The deadline of the call had passed.');
    }
    return E.isLeft(checked) ? checked : work();
  };

type MemoryObject = StoredObject & Pick<ObjectHead, 'modifiedMs'>;

const headOf = ({ bytes, token, modifiedMs }: MemoryObject): ObjectHead => ({
  token,
  sizeBytes: bytes.length,
  modifiedMs,
});

const copyOf = (object: MemoryObject | undefined): O.Option<StoredObject> =>
  object === undefined ? O.none : O.some({ bytes: new Uint8Array(object.bytes), token: object.token });

const alreadyExists = (location: string, key: string) =>
  fail('AlreadyExists', `There is already a ${key} in ${location}.`);

/** Tells a folder from an object of the same name, and sorts before everything that a name may go on with. */
const folderMark = '\0';

/** The names after `after` directly below `folder`, in order, until `limit`. */
const pageOf = (
  objects: ReadonlyMap<string, MemoryObject>,
  folder: string,
  limit: number,
  after: string | undefined,
): Listing => {
  const prefix = folder === '' ? '' : `${folder}/`;
  const entries = new Set<string>();
  for (const key of objects.keys()) {
    if (!key.startsWith(prefix)) continue;
    const rest = key.slice(prefix.length);
    const slash = rest.indexOf('/');
    entries.add(slash < 0 ? rest : rest.slice(0, slash) + folderMark);
  }
  const left = [...entries].filter((entry) => after === undefined || entry > after).sort();
  const page = left.slice(0, limit);
  const last = page.at(-1);
  return {
    objects: page.flatMap((name) => {
      const object = objects.get(`${prefix}${name}`);
      return object === undefined ? [] : [{ key: `${prefix}${name}`, ...headOf(object) }];
    }),
    folders: page.filter((entry) => entry.endsWith(folderMark)).map((entry) => entry.slice(0, -1)),
    ...(left.length > limit && last !== undefined ? { nextPageToken: last } : {}),
  };
};
