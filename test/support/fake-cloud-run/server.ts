/** A fake of the Cloud Run Admin API v2 on the loopback, with one job whose executions really run their tasks; it fails on command. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Answer, json } from '../fake-gcs/answers.js';
import { bodyOf, send } from '../fake-gcs/misbehave.js';
import { type FakeExecution, type FakeJob, type Overrides, type RunTask, startExecution } from './executions.js';

/** By what is asked for. */
export type RequestKind = 'run' | 'list' | 'get' | 'tasks' | 'cancel';

/**
 * - `refusal` refuses with an error of the API;
 * - `silence` takes the request and never answers; `reset` closes the connection before anything is done;
 * - `lost` does it, then closes the connection;
 * - `proxy` answers with a page of HTML and 502.
 */
export type Fault =
  | { readonly kind: 'refusal'; readonly status: number; readonly code: string; readonly message: string }
  | { readonly kind: 'silence' | 'reset' | 'lost' | 'proxy' };

export interface Rule {
  readonly fault: Fault;
  readonly on: RequestKind;
  /** How many of them, 1 by default. */
  readonly times?: number;
}

export interface FakeCloudRunOptions {
  readonly runTask: RunTask;
  readonly maxRetries?: number;
  readonly parallelism?: number;
}

/** A request as it came. */
export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly body: unknown;
}

export interface FakeCloudRun {
  /** To be passed as `apiEndpoint`. */
  readonly url: string;
  /** What befalls the requests that come next. */
  readonly fault: (rule: Rule) => void;
  readonly executions: () => ReadonlyArray<FakeExecution>;
  readonly requests: () => ReadonlyArray<Asked>;
  /** How many requests carried credentials. */
  readonly authorized: () => number;
  /** Cancels what runs, and closes. */
  readonly close: () => Promise<void>;
}

export const fakeJob = { project: 'games-project', location: 'europe-west1', job: 'scorekeeper-worker' } as const;

export const startFakeCloudRun = async (options: FakeCloudRunOptions): Promise<FakeCloudRun> => {
  const { runTask, maxRetries = 3, parallelism = 10 } = options;
  const { project, location, job: id } = fakeJob;
  const job: FakeJob = { name: `projects/${project}/locations/${location}/jobs/${id}`, maxRetries, parallelism };
  const executions: FakeExecution[] = [];
  const rules: Array<{ readonly rule: Rule; left: number }> = [];
  const requests: Asked[] = [];
  let authorized = 0;

  const faultFor = (kind: RequestKind): Fault | undefined => {
    const found = rules.find(({ rule, left }) => rule.on === kind && left > 0);
    if (found !== undefined) found.left -= 1;
    return found?.rule.fault;
  };

  const answerTo = (kind: RequestKind, name: string, query: URLSearchParams, body: unknown): Answer => {
    const of = executions.find((each) => each.name === name);
    switch (kind) {
      case 'run': {
        const { overrides = {} } = body as { readonly overrides?: Overrides };
        const begun = startExecution(job, executions.length + 1, overrides, runTask);
        executions.push(begun);
        return json({ name: `projects/${project}/locations/${location}/operations/1`, metadata: begun.resource() });
      }
      case 'list':
        return json({ executions: [...executions].reverse().map(({ resource }) => resource()) });
      case 'get':
        return of === undefined ? missing(name) : json(of.resource());
      case 'tasks':
        return of === undefined ? missing(name) : json(paged(of.tasks(), query));
      case 'cancel':
        of?.cancel();
        return of === undefined ? missing(name) : json({ name: 'operations/2', metadata: of.resource() });
    }
  };

  const serve = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '', headers } = message;
    const sent = (await bodyOf(message)).toString();
    const body: unknown = sent === '' ? undefined : JSON.parse(sent);
    requests.push({ method, url, body });
    if (headers.authorization !== undefined) authorized += 1;
    const { pathname, searchParams } = new URL(url, 'http://fake');
    const asked = kindOf(method, pathname);
    if (asked === undefined || !`${asked.name}/`.startsWith(`${job.name}/`)) return send(response, missing(pathname));
    const fault = faultFor(asked.kind);
    const answer = (): Answer => answerTo(asked.kind, asked.name, searchParams, body);
    switch (fault?.kind) {
      case 'silence':
        return;
      case 'reset':
        return void message.socket.resetAndDestroy();
      case 'refusal':
        return send(response, refused(fault.status, fault.code, fault.message));
      case 'proxy':
        return send(response, {
          status: 502,
          headers: { 'content-type': 'text/html' },
          body: Buffer.from('<html><body>Bad Gateway</body></html>'),
        });
      case 'lost':
        answer();
        return void message.socket.resetAndDestroy();
      default:
        return send(response, answer());
    }
  };

  const server = createServer((message, response) => {
    // A client that goes away in the middle is no concern of the fake's.
    serve(message, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fault: (rule) => void rules.push({ rule, left: rule.times ?? 1 }),
    executions: () => executions,
    requests: () => requests,
    authorized: () => authorized,
    close: async () => {
      for (const execution of executions) execution.cancel();
      await Promise.all(executions.map(({ over }) => over));
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
};

const kindOf = (
  method: string,
  pathname: string,
): { readonly kind: RequestKind; readonly name: string } | undefined => {
  const [, job = '', below = '', verb = ''] =
    /^\/v2\/(projects\/[^/]+\/locations\/[^/]+\/jobs\/[^/:]+)((?:\/[^/:]+)*)(?::(\w+))?$/.exec(pathname) ?? [];
  const [, collection = '', id = '', tasks = ''] = below.split('/');
  const name = id === '' ? job : `${job}/${collection}/${id}`;
  if (collection !== '' && collection !== 'executions') return undefined;
  switch (`${method} ${id === '' ? collection : tasks === '' ? 'one' : tasks} ${verb}`.trim()) {
    case 'POST  run':
      return { kind: 'run', name };
    case 'GET executions':
      return { kind: 'list', name };
    case 'GET one':
      return { kind: 'get', name };
    case 'GET tasks':
      return { kind: 'tasks', name };
    case 'POST one cancel':
      return { kind: 'cancel', name };
    default:
      return undefined;
  }
};

const paged = (tasks: ReadonlyArray<object>, query: URLSearchParams): object => {
  const begin = Number(query.get('pageToken') ?? 0);
  const end = begin + Math.min(100, Number(query.get('pageSize') ?? 100));
  return { tasks: tasks.slice(begin, end), ...(end < tasks.length ? { nextPageToken: `${end}` } : {}) };
};

/** https://google.aip.dev/193 */
const refused = (status: number, code: string, message: string): Answer =>
  json({ error: { code: status, message, status: code } }, status);

const missing = (name: string): Answer =>
  refused(404, 'NOT_FOUND', `Resource '${name.slice(name.lastIndexOf('/') + 1)}' was not found`);
