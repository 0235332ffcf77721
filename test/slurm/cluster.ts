/** A Slurm cluster of two nodes on this machine, of Debian's packages `slurmctld`, `slurmd`, `slurm-client` and `munge`, for as long as a test takes. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

/** Of each node, whatever the machine has: so many tasks run at once. */
const cpus = 2;

export interface Cluster {
  /** Runs one of Slurm's commands, or another program that is to find the cluster, and answers with its stdout. */
  readonly run: (program: string, args: ReadonlyArray<string>) => Promise<string>;
  /** Settles once no job is queued or runs. */
  readonly idle: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** The daemons run as this user; `env` is what jobs are submitted with. */
export const startCluster = async (env: Readonly<Record<string, string>>): Promise<Cluster> => {
  // Sockets have short names.
  const folder = await mkdtemp(join(tmpdir(), 'slurm-'));
  const [control = 0, one = 0, two = 0] = await freePorts(3);
  const socket = join(folder, 'munge.socket');
  const configuration = join(folder, 'slurm.conf');
  await writeFile(join(folder, 'key'), randomBytes(128), { mode: 0o600 });
  const user = userInfo().username;
  await writeFile(
    configuration,
    Object.entries({
      ClusterName: 'two',
      SlurmctldHost: 'localhost',
      SlurmctldPort: control,
      AuthType: 'auth/munge',
      AuthInfo: `socket=${socket}`,
      SlurmUser: user,
      SlurmdUser: user,
      StateSaveLocation: folder,
      SlurmdSpoolDir: join(folder, 'spool-%n'),
      SlurmctldPidFile: join(folder, 'slurmctld.pid'),
      SlurmdPidFile: join(folder, 'slurmd-%n.pid'),
      SlurmdParameters: 'config_overrides',
      ProctrackType: 'proctrack/pgid',
      TaskPlugin: 'task/none',
      SelectType: 'select/cons_tres',
      SelectTypeParameters: 'CR_Core',
      ReturnToService: 2,
    })
      .map(([name, value]) => `${name}=${value}\n`)
      .join('') +
      [
        ['one', one],
        ['two', two],
      ]
        .map(
          ([name, port]) =>
            `NodeName=${name} NodeHostname=localhost NodeAddr=127.0.0.1 Port=${port} CPUs=${cpus} RealMemory=4096\n`,
        )
        .join('') +
      'PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n',
  );
  const environment = { ...env, SLURM_CONF: configuration };
  const daemons: ChildProcess[] = [];
  let said = '';
  const daemon = (program: string, ...args: ReadonlyArray<string>): void => {
    const child = spawn(program, args, { env: environment, stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.on('data', (text: Buffer) => (said = `${said}${text}`.slice(-4_000)));
    child.on('error', (error) => (said += error));
    daemons.push(child);
  };
  const run: Cluster['run'] = async (program, args) =>
    (await promisify(execFile)(program, [...args], { env: environment })).stdout.trim();
  const stop = async (): Promise<void> => {
    const alive = daemons.filter(
      ({ pid, exitCode, signalCode }) => pid !== undefined && exitCode === null && signalCode === null,
    );
    const ended = alive.map((child) => once(child, 'close'));
    for (const child of alive) child.kill('SIGTERM');
    await Promise.all(ended);
    await rm(folder, { recursive: true, force: true });
  };
  const file = (name: string): string => join(folder, name);
  daemon(
    'munged',
    ...[
      '--foreground',
      '--force',
      `--socket=${socket}`,
      `--key-file=${file('key')}`,
      `--pid-file=${file('munged.pid')}`,
    ],
    ...[`--log-file=${file('munged.log')}`, `--seed-file=${file('munged.seed')}`],
  );
  daemon('slurmctld', '-D');
  for (const node of ['one', 'two']) daemon('slurmd', '-D', '-N', node);
  for (let tries = 0; ; tries++) {
    const states = await run('sinfo', ['--noheader', '--Node', '--format=%T']).catch((error: unknown) => `${error}`);
    if (states === 'idle\nidle') break;
    if (tries === 100) {
      await stop();
      throw new Error(`no cluster: ${states}\n${said}`);
    }
    await pause(200);
  }
  const idle = async (): Promise<void> => {
    while ((await run('squeue', ['--noheader'])) !== '') await pause(200);
  };
  return { run, idle, stop };
};

const freePorts = async (count: number): Promise<ReadonlyArray<number>> => {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
};
