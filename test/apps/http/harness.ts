/** A real server over a service written by hand, for the tests of the REST application. */
import { connect } from 'node:net';
import type { ExecutionContext } from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure, ListedVersion, ScoreAnswer, Service } from '../../../core/index.js';
import { type RunningServer, type ServerOptions, startServer } from '../../../apps/http/main.js';

export const scoreAnswer: ScoreAnswer = {
  job_id: '6b1c1d0e-0000-4000-8000-000000000000',
  model_details: {
    model_type: 'rating',
    name: 'production_rating_model',
    version: 1,
    description: '',
    registered_at: '2026-01-01T00:00:00.000Z',
    original_experiment: {},
    model_info: {},
  },
  scoring_parameters: { model_type: 'rating', start_year: null, end_year: null, data_source: 'inline' },
  performance_diagnostics: {
    rows_read: 1,
    total_scored: 1,
    rows_refused: 0,
    prediction_distribution: {},
    timings_ms: { resolve: 1, load: 2, read: 3, score: 4, write: 5, wait: 6, total: 21 },
    warnings: [],
  },
  output_location: null,
  predictions: [{ row: 0, prediction: 7.5 }],
};

export const listed: ListedVersion = { model_type: 'rating', name: 'm', version: 1, status: 'legacy', aliases: [] };

/** 64 hex digits. */
export const tag = 'ab'.repeat(32);

const notHere = TE.left({
  tag: 'Unavailable' as const,
  message: 'not here',
  problems: [],
  problemTotal: 0,
  ambiguous: false,
});

/** Answers every read, and refuses every change, unless told otherwise. */
export const fakeService = (overrides: Partial<Service>): Service => ({
  register: () => notHere,
  models: () => TE.right({ models: { rating: [listed] } }),
  info: () =>
    TE.right({ info: { registration: listed, model_info: {}, original_experiment: {}, validation_metrics: {} }, tag }),
  promote: () => notHere,
  rollback: () => notHere,
  history: () => notHere,
  archive: () => notHere,
  restore: () => notHere,
  deleteVersion: () => notHere,
  verify: () => notHere,
  gc: () => notHere,
  copy: () => notHere,
  scoreThere: () => notHere,
  experiments: () => TE.right([]),
  score: () => TE.right(scoreAnswer),
  planJob: () => notHere,
  workJob: () => notHere,
  finishJob: () => notHere,
  jobStatus: () => notHere,
  removeJob: () => notHere,
  ready: () => TE.right({ models_loaded: 0, models_loaded_bytes: 0, registry: 'answers', look_ups: [] }),
  usage: () => ({ cache: { modelCount: 0, sizeBytes: 0, hits: 0, misses: 0 }, look_ups: [] }),
  close: async () => undefined,
  ...overrides,
});

/** A server on a free port, closed after the test. */
export const serve = async (
  t: ExecutionContext,
  overrides: Partial<Service> = {},
  options: Partial<ServerOptions> = {},
): Promise<RunningServer> => {
  const started = await startServer({
    service: fakeService(overrides),
    host: '127.0.0.1',
    port: 0,
    graceMs: 0,
    ...options,
  })();
  if (E.isLeft(started)) throw new Error(started.left.message);
  t.teardown(started.right.close);
  return started.right;
};

/** Posts text as JSON to `/score`, unless the headers say otherwise. */
export const post = (
  url: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<Response> =>
  fetch(`${url}/score`, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });

export const problemOf = async (response: Response): Promise<Record<string, unknown>> => {
  if (response.headers.get('content-type') !== 'application/problem+json') throw new Error(await response.text());
  return (await response.json()) as Record<string, unknown>;
};

/** A promise, and what settles it. */
export const latch = <A = void>() => {
  let open: (value: A) => void = () => undefined;
  const opened = new Promise<A>((resolve) => {
    open = resolve;
  });
  return { opened, open };
};

/** A bare connection: what `send` is given goes out as it is; `first` is what comes first, `received` everything until it is closed. */
export const rawConnection = async (url: string) => {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port) });
  await new Promise((resolve) => socket.once('connect', resolve));
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  const first = new Promise<string>((resolve) => socket.once('data', (chunk) => resolve(`${chunk}`)));
  const received = new Promise<string>((resolve) => socket.once('close', () => resolve(text)));
  socket.on('error', () => undefined);
  return {
    send: (part: string | Uint8Array) => new Promise<void>((resolve) => socket.write(part, () => resolve())),
    hangUp: () => socket.destroy(),
    reset: () => socket.resetAndDestroy(),
    first,
    received,
  };
};

/** Keeps what is logged. */
export const recordingLogger = () => {
  const lines: Array<Record<string, unknown>> = [];
  const at = (level: string) => (fields: object) => void lines.push({ level, ...fields });
  return {
    lines,
    logger: { info: at('info'), warn: at('warn'), error: at('error') } as unknown as NonNullable<
      ServerOptions['logger']
    >,
  };
};

export const failureTask = (failure: Partial<Failure> & Pick<Failure, 'tag'>): TE.TaskEither<Failure, never> =>
  TE.left({ message: `a ${failure.tag}`, problems: [], problemTotal: 0, ambiguous: false, ...failure });
