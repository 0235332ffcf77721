/** The contract in memory. */
import test from 'ava';
import { memoryArtifactStore } from '../../../adapters/memory/artifact-store.js';
import { artifactStoreContract } from '../../contracts/artifact-store.js';

for (const { name, run } of artifactStoreContract) {
  test(name, async (t) => {
    await run({
      makeStore: async () => {
        const store = memoryArtifactStore();
        return { store, another: store, close: async () => undefined };
      },
    });
    t.pass();
  });
}
