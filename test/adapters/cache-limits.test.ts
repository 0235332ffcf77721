/** A cache whose limit is no number would grow without end: it is not made. */
import test from 'ava';
import { localFilesystemArtifactCache } from '../../adapters/local-filesystem/artifact-cache.js';
import { localFilesystemBucketFileCache } from '../../adapters/local-filesystem/bucket-file-cache.js';
import { lruCacheModelCache } from '../../adapters/lru-cache/model-cache.js';
import { failTask } from '../../core/index.js';

const gone = () => failTask('NotFound', 'gone');
const [folder, files] = ['nowhere', { head: gone, list: gone, download: gone, upload: gone, remove: gone }];

const caches: Readonly<Record<string, (limitBytes: number) => unknown>> = {
  lruCacheModelCache: (limitBytes) => lruCacheModelCache({ limitBytes }),
  localFilesystemArtifactCache: (limitBytes) => localFilesystemArtifactCache({ folder, limitBytes }),
  localFilesystemBucketFileCache: (limitBytes) => localFilesystemBucketFileCache({ files, folder, limitBytes }),
};

for (const [name, make] of Object.entries(caches)) {
  test(`${name} refuses a limit that is no number, or a negative one`, (t) => {
    for (const limitBytes of [Number.NaN, -1])
      t.throws(() => make(limitBytes), {
        instanceOf: RangeError,
        message: `limitBytes must be a number of 0 or more, got ${limitBytes}: correct it, or leave it out.`,
      });
    t.notThrows(() => make(0));
  });
}
