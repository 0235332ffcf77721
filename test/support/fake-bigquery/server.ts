/** A fake of BigQuery's REST API on the loopback: it answers golden statements with canned tables, refuses every other, and fails on command. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Answer, refusal } from '../fake-gcs/answers.js';
import { bodyOf, send } from '../fake-gcs/misbehave.js';
import { partsOf } from './loads.js';
import type { FakeModel } from './models.js';
import type { Golden } from './golden.js';
import { answerTo, type ApiRequest, type Behaviour, type FakeJob, type RequestKind, type World } from './jobs.js';

/**
 * - `refusal` refuses with an error of the API;
 * - `silence` takes the request and never answers; `reset` closes the connection before anything is done;
 * - `lost` does it, then closes the connection; `cut` sends half of the answer, then closes the connection;
 * - `proxy` answers with a page of HTML and 502.
 */
export type Fault =
  | { readonly kind: 'refusal'; readonly status: number; readonly reason: string; readonly message?: string }
  | { readonly kind: 'silence' | 'reset' | 'lost' | 'cut' | 'proxy' };

export interface Rule {
  readonly fault: Fault;
  readonly on: RequestKind;
  /** How many of them, 1 by default. */
  readonly times?: number;
  /** How many of them pass before. */
  readonly after?: number;
}

export interface FakeBigqueryOptions {
  readonly project?: string;
  /** Where all the data is, and a dataset called `predictions`; `US` by default. */
  readonly location?: string;
  /** The most rows of a page, whatever is asked for. */
  readonly pageRowLimit?: number;
  /** Puts a file into a bucket, for exports. */
  readonly upload?: (path: string, address: string) => Promise<unknown>;
  /** The most rows of an exported file; 1,000 by default. */
  readonly fileRowLimit?: number;
}

export interface FakeBigquery {
  /** To be passed as `apiEndpoint`. */
  readonly url: string;
  /** Adds or replaces a golden statement. */
  readonly knows: (golden: Golden) => void;
  /** A file in a bucket that can be imported as a model. */
  readonly imports: (address: string, model: FakeModel) => void;
  /** What befalls the requests that come next. */
  readonly fault: (rule: Rule) => void;
  /** How the job that is inserted next behaves. */
  readonly nextJob: (behaviour: Behaviour) => void;
  /** The rows of `dataset.table`, or of a partition, `dataset.table$partition`. */
  readonly rows: (name: string) => ReadonlyArray<Readonly<Record<string, unknown>>> | undefined;
  readonly jobs: () => ReadonlyArray<FakeJob>;
  /** How many requests of each kind there were. */
  readonly counts: () => Readonly<Partial<Record<RequestKind, number>>>;
  /** Every statement that was sent, dry or not. */
  readonly statements: () => ReadonlyArray<string>;
  /** How many requests carried credentials. */
  readonly authorized: () => number;
  readonly close: () => Promise<void>;
}

export const startFakeBigquery = async (options: FakeBigqueryOptions = {}): Promise<FakeBigquery> => {
  const world: World = {
    project: options.project ?? 'games-project',
    location: options.location ?? 'US',
    goldens: new Map(),
    jobs: new Map(),
    datasets: new Map([['predictions', options.location ?? 'US']]),
    tables: new Map(),
    models: { files: new Map(), imported: new Map() },
    exports: { fileRowLimit: options.fileRowLimit ?? 1000, upload: options.upload ?? noBucket },
    pageRowLimit: options.pageRowLimit ?? Number.POSITIVE_INFINITY,
    behaviours: [],
  };
  const rules: Array<{ readonly rule: Rule; passing: number; left: number }> = [];
  const counts = new Map<RequestKind, number>();
  const statements: string[] = [];
  let authorized = 0;

  const faultFor = (kind: RequestKind): Fault | undefined => {
    for (const entry of rules) {
      if (entry.left === 0 || entry.rule.on !== kind) continue;
      if (entry.passing > 0) {
        entry.passing -= 1;
        continue;
      }
      entry.left -= 1;
      return entry.rule.fault;
    }
    return undefined;
  };

  const serve = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = requestOf(message, await bodyOf(message));
    if (request === undefined) return send(response, refusal(404, 'notFound', `Not Found: ${message.url}`));
    counts.set(request.kind, (counts.get(request.kind) ?? 0) + 1);
    if (message.headers.authorization !== undefined) authorized += 1;
    const statement = request.body.configuration?.query?.query;
    if (statement !== undefined) statements.push(statement);
    const fault = faultFor(request.kind);
    switch (fault?.kind) {
      case 'silence':
        return;
      case 'reset':
        return void message.socket.resetAndDestroy();
      case 'refusal':
        return send(response, refusal(fault.status, fault.reason, fault.message ?? fault.reason));
      case 'proxy':
        return send(response, html);
      case 'lost':
        await answerTo(world, request);
        return void message.socket.resetAndDestroy();
      case 'cut': {
        const answer = await answerTo(world, request);
        const body = answer.body ?? Buffer.alloc(0);
        response.writeHead(answer.status, { ...answer.headers, 'content-length': body.length });
        await new Promise<void>((resolve) => response.write(body.subarray(0, body.length >> 1), () => resolve()));
        return void message.socket.destroy();
      }
      default:
        return send(response, await answerTo(world, request));
    }
  };

  const server = createServer((message, response) => {
    // A client that goes away in the middle is no concern of the fake's.
    serve(message, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    knows: (golden) => void world.goldens.set(golden.sql, golden),
    imports: (address, model) => void world.models.files.set(address, model),
    fault: (rule) => void rules.push({ rule, passing: rule.after ?? 0, left: rule.times ?? 1 }),
    nextJob: (behaviour) => void world.behaviours.push(behaviour),
    rows: (name) => world.tables.get(name),
    jobs: () => [...world.jobs.values()],
    counts: () => Object.fromEntries(counts),
    statements: () => statements,
    authorized: () => authorized,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

const noBucket = (): Promise<never> => Promise.reject(new Error('the fake was given no bucket'));

const html: Answer = {
  status: 502,
  headers: { 'content-type': 'text/html' },
  body: Buffer.from('<html><body>Bad Gateway</body></html>'),
};

const requestOf = ({ method, url = '', headers }: IncomingMessage, sent: Buffer): ApiRequest | undefined => {
  const { pathname, searchParams: query } = new URL(url, 'http://fake');
  const [, upload = '', project = '', collection = '', id = '', verb = ''] =
    /^(\/upload)?\/bigquery\/v2\/projects\/([^/]+)\/(jobs|queries|datasets)(?:\/([^/]+))?(?:\/(cancel))?$/.exec(
      pathname,
    ) ?? [];
  const [, owner = '', dataset = '', kindOfThing = '', thing = ''] =
    /^\/bigquery\/v2\/projects\/([^/]+)\/datasets\/([^/]+)\/(table|model)s\/([^/]+)$/.exec(pathname) ?? [];
  if (owner !== '') {
    const named = kindOfThing === 'table' ? 'table' : 'model';
    return { kind: named, project: owner, id: `${dataset}.${thing}`, query, body: {}, media: Buffer.alloc(0) };
  }
  const { metadata, media } =
    upload === ''
      ? { metadata: sent.toString(), media: Buffer.alloc(0) }
      : partsOf(sent, headers['content-type'] ?? '');
  const body: ApiRequest['body'] = metadata === '' ? {} : JSON.parse(metadata);
  const what = `${method} ${upload}${collection}${id === '' ? '' : '/id'}${verb}`;
  const kind = kindOf(what, body.configuration);
  return kind === undefined ? undefined : { kind, project, id, query, body, media };
};

const kindOf = (
  what: string,
  { dryRun, extract }: ApiRequest['body']['configuration'] = {},
): RequestKind | undefined => {
  switch (what) {
    case 'POST jobs':
      return extract === undefined ? (dryRun === true ? 'dryRun' : 'insert') : 'extract';
    case 'POST /uploadjobs':
      return 'load';
    case 'GET datasets/id':
      return 'dataset';
    case 'GET jobs/id':
      return 'get';
    case 'GET queries/id':
      return 'results';
    case 'POST jobs/idcancel':
      return 'cancel';
    default:
      return undefined;
  }
};
