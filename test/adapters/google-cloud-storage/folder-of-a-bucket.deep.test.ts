/** The store's contract in a folder of a bucket, through the real client. */
import { keepsContract, newBucket, shared } from './contract-in-buckets.js';

keepsContract('in a folder of a bucket', () => ({
  bucket: newBucket(),
  // As outputs are named, whose jobs are there.
  prefix: "dt=2026-01-01/it's ü, 100% (of them)/games.parquet.job/1",
  apiEndpoint: shared.url,
}));
