/** Where data goes. */
import { fstatSync, writeFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import { failureTable } from '../failure-table.js';

const fd = 1;

/** Of a file, Node's own stream takes a short write, which is what a disk that fills up gives, for a whole one. */
const wholly = (): Writable =>
  new Writable({
    decodeStrings: true,
    write: (chunk: Buffer, _encoding, done) => {
      try {
        writeFileSync(fd, chunk);
      } catch (error) {
        return done(error as Error);
      }
      done();
    },
  });

/** stdout. Whoever reads a pipe may have seen enough: that ends the process well. Anything else that cannot be written ends it as `Unavailable`. */
export const openStandardOutput = (): Writable => {
  const stdout = fstatSync(fd).isFile() ? wholly() : process.stdout;
  return stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') process.exit(0);
    process.stderr.write(
      `Unavailable: The output cannot be written to stdout: ${reasons[code ?? ''] ?? code ?? message}. What the command changed stays changed.\n`,
    );
    process.exit(failureTable.Unavailable.exit);
  });
};

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full (ENOSPC). Free some space, or send it elsewhere',
  EDQUOT: 'the disk quota is used up (EDQUOT). Free some space, or send it elsewhere',
  EFBIG: 'the file would be larger than this user may write (EFBIG). Raise the limit, or send it elsewhere',
};
