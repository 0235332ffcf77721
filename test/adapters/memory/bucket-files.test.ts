/** The contract in memory. */
import test from 'ava';
import { memoryBucketFiles } from '../../../adapters/memory/bucket-files.js';
import { bucketFilesContract } from '../../contracts/bucket-files.js';

for (const { name, run } of bucketFilesContract) {
  test(name, async (t) => {
    await run({
      makeBucket: async () => ({
        files: memoryBucketFiles({ buckets: ['games'] }),
        root: 'gs://games',
        close: async () => undefined,
      }),
    });
    t.pass();
  });
}
