/** Starts the fixture's workers, and clients that say which connections failed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { createInterface } from 'node:readline';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { countOf, until } from './metrics.js';

const fixture = fileURLToPath(new URL('./workers-fixture.js', import.meta.url));

export interface Workers {
  readonly child: ChildProcess;
  /** The exit code and the signal. */
  readonly exited: Promise<unknown>;
  /** The next line on stdout. */
  readonly line: () => Promise<string>;
}

export const startWorkers = (t: ExecutionContext, mode: 'serve' | 'hold' | 'crash', port = 0): Workers => {
  // Many processes that live for seconds: it is not worth their while to optimise code.
  const child = spawn(process.execPath, ['--no-opt', fixture, `${port}`, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return { child, exited: once(child, 'exit'), line: async () => `${(await lines.next()).value}` };
};

/** Where they listen, which their first line says. */
export const urlOf = async ({ line }: Pick<Workers, 'line'>): Promise<string> => (await line()).split(' ')[0] ?? '';

/** How one request went: the process that answered it, or why none did. */
export type Outcome = { readonly pid: number } | { readonly error: string };

/** The error of a request that is neither answered nor broken off for a long time. */
export const unanswered = 'not answered';

/** Scores once over the agent's connection. */
export const scoreOnce = (url: string, agent: Agent): Promise<Outcome> =>
  new Promise((resolve) => {
    const asked = request(`${url}/score`, {
      agent,
      method: 'POST',
      timeout: 20_000,
      headers: { 'content-type': 'application/json' },
    })
      .on('response', (response) => {
        json(response).then(
          (answer) => resolve({ pid: Number((answer as { readonly job_id: string }).job_id) }),
          (error: Error) => resolve({ error: error.message }),
        );
      })
      .on('timeout', () => asked.destroy(new Error(unanswered)))
      .on('error', (error) => resolve({ error: error.message }));
    asked.end('{}');
  });

/** A request that failed, and the process that had answered the one before it from the same client. */
export interface Broken {
  readonly error: string;
  readonly pid: number | undefined;
}

/** Clients that score one request after the other until they are stopped; those with one connection open another only after a failure. */
export const keepScoring = (
  url: string,
  clientCount: number,
  connections: 'one connection' | 'a new connection each' = 'one connection',
) => {
  const broken: Broken[] = [];
  const answeredBy = new Map<number, number>();
  let going = true;
  const client = async (): Promise<void> => {
    const agent = new Agent({ keepAlive: connections === 'one connection', maxSockets: 1 });
    let pid: number | undefined;
    while (going) {
      const outcome = await scoreOnce(url, agent);
      if ('error' in outcome) {
        broken.push({ error: outcome.error, pid });
        pid = undefined;
      } else {
        pid = outcome.pid;
        answeredBy.set(pid, (answeredBy.get(pid) ?? 0) + 1);
      }
    }
    agent.destroy();
  };
  const clients = Array.from({ length: clientCount }, client);
  return {
    broken,
    /** How many requests each process answered. */
    answeredBy,
    stop: async (): Promise<void> => {
      going = false;
      await Promise.all(clients);
    },
  };
};

/** Waits until at least as many workers ended, and two serve. One more ends where another process has taken the port, which is tried again. */
export const replaced = (url: string, endedCount: number): Promise<void> =>
  until(async () => {
    try {
      const ended = await countOf(url, 'scorekeeper_workers_ended_total');
      return ended >= endedCount && (await countOf(url, 'scorekeeper_workers')) === 2;
    } catch {
      // Its connection was one to the worker that was killed.
      return false;
    }
  });
