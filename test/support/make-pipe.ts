/** A named pipe, which blocks whoever opens it to read. Not on Windows. */
import { execFileSync } from 'node:child_process';

export const makePipe = (path: string): void => {
  execFileSync('env', ['mkfifo', path]);
};
