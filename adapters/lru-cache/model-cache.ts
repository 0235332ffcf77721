/** Adapter: loaded models in a least-recently-used cache (npm lru-cache) that lends them out. */
import * as E from 'fp-ts/lib/Either.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import { LRUCache } from 'lru-cache';
import { checkLimits, type Failure, type LoadedModel, type ModelCache } from '../../core/index.js';

/** A model from the moment its load begins. Who asks becomes a user at once, so that it cannot go before it is lent. */
interface Entry {
  readonly loaded: Promise<E.Either<Failure, LoadedModel>>;
  users: number;
  evicted: boolean;
}

/** Holds at most `limitBytes` of models; a bigger one is loaded, used and released. */
export const lruCacheModelCache = ({ limitBytes }: { readonly limitBytes: number }): ModelCache => {
  checkLimits({ limitBytes });
  const loading = new Map<string, Entry>();
  const releases = new Set<Promise<void>>();
  let hits = 0;
  let misses = 0;

  const releaseIfUnused = (entry: Entry): void => {
    if (!entry.evicted || entry.users > 0) return;
    const release = entry.loaded
      .then((loaded) => (E.isRight(loaded) ? loaded.right.release() : undefined))
      // What cannot be given back is lost, which is nobody's failure.
      .catch(() => undefined)
      .finally(() => releases.delete(release));
    releases.add(release);
  };

  const held = new LRUCache<string, Entry>({
    // The library takes 0 for no limit.
    maxSize: Math.max(1, limitBytes),
    dispose: (entry) => {
      entry.evicted = true;
      releaseIfUnused(entry);
    },
  });

  const begin = (key: string, load: TaskEither<Failure, LoadedModel>): Entry => {
    const takeIn = async (): Promise<E.Either<Failure, LoadedModel>> => {
      try {
        const loaded = await load();
        if (E.isRight(loaded) && !entry.evicted) {
          held.set(key, entry, { size: Math.max(1, Math.ceil(loaded.right.sizeBytes)) });
          // The library does not take in what is bigger than the whole cache.
          entry.evicted = !held.has(key);
        }
        return loaded;
      } finally {
        loading.delete(key);
      }
    };
    const entry: Entry = { loaded: Promise.resolve().then(takeIn), users: 0, evicted: false };
    loading.set(key, entry);
    return entry;
  };

  const withModel: ModelCache['withModel'] = (key, load, use) => async () => {
    const shared = held.get(key) ?? loading.get(key);
    const entry = shared ?? begin(key, load);
    if (shared === undefined) misses++;
    else hits++;
    entry.users++;
    try {
      const loaded = await entry.loaded;
      if (E.isRight(loaded)) return await use(loaded.right)();
      // The one who began the load gave up; the others did not.
      return shared !== undefined && gaveUp(loaded.left) ? await withModel(key, load, use)() : loaded;
    } finally {
      entry.users--;
      releaseIfUnused(entry);
    }
  };

  return {
    withModel,
    usage: () => ({ modelCount: held.size, sizeBytes: held.calculatedSize, hits, misses }),
    clear: async () => {
      for (const entry of loading.values()) entry.evicted = true;
      held.clear();
      await Promise.all(releases);
    },
  };
};

const gaveUp = ({ tag }: Failure): boolean => tag === 'Cancelled' || tag === 'DeadlineExceeded';
