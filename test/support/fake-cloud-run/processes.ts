/** Tasks of the fake as processes: the command line as it ships, which is the image's entry point. */
import { start } from '../../apps/cli/command-line.js';
import type { RunTask } from './executions.js';

/** In the folder `cwd`, with the variables of the job resource. */
export const tasksAsProcesses =
  (cwd: string, jobEnv: Readonly<Record<string, string>> = {}): RunTask =>
  ({ args, env }) => {
    const { child, ended } = start(cwd, args, { ...jobEnv, ...env });
    return { ended: ended.then(({ code }) => code), stop: () => void child.kill('SIGTERM') };
  };
