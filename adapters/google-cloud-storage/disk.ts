/** What this machine's disk says while files come from a bucket or go there, as failures. */
import { failure, type Failure, type FailureTag } from '../../core/index.js';

const told: Readonly<Record<string, readonly [FailureTag, string]>> = {
  ENOSPC: ['Unavailable', 'the disk of this machine is full: free some space and try again'],
  EDQUOT: ['Unavailable', "this user's disk quota is used up: free some space and try again"],
  EFBIG: ['Unavailable', 'the file would be larger than this user may write: raise the limit (ulimit -f)'],
  EMFILE: ['Unavailable', 'this process has too many open files: raise the limit (ulimit -n) or do less at once'],
  ENOENT: ['Unavailable', 'its copy on this machine, or the folder for it, is gone: try again'],
  EACCES: ['PermissionDenied', 'access to its copy on this machine was refused'],
  EPERM: ['PermissionDenied', 'access to its copy on this machine was refused'],
  EROFS: ['PermissionDenied', 'its copy would be on a read-only file system'],
  EIO: ['Unavailable', 'the disk of this machine failed: try again'],
};

/** What the disk meant for the file at `address`. What is no such answer is a bug, and thrown again. */
export const diskFailure =
  (address: string) =>
  (error: unknown): Failure => {
    const code = error instanceof Error && 'code' in error ? `${error.code}` : '';
    const known = told[code];
    if (known === undefined) throw error;
    return failure(known[0], `${address}: ${known[1]} (${code}).`);
  };
