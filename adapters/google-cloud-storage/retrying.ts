/** A store that tries again what failed for a passing reason. */
import type { ArtifactStore } from '../../core/index.js';
import { persistently, type RetryPolicy } from '../google-cloud/persistently.js';

/** The same store, in which a call that is `Unavailable` is made again, as `persistently` says. */
export const retrying = (store: ArtifactStore, policy?: RetryPolicy): ArtifactStore => {
  const again = persistently(policy);
  return {
    location: store.location,
    head: (key, call) => again(call, store.head(key, call)),
    get: (key, call) => again(call, store.get(key, call)),
    getIfChanged: (key, token, call) => again(call, store.getIfChanged(key, token, call)),
    put: (key, bytes, condition, call) => again(call, store.put(key, bytes, condition, call)),
    copyIfAbsent: (from, to, call) => again(call, store.copyIfAbsent(from, to, call)),
    list: (folder, page, call) => again(call, store.list(folder, page, call)),
    delete: (key, call) => again(call, store.delete(key, call)),
  };
};
