/** `POST /score`: rows in one of several forms, whole or as they arrive, and predictions likewise. */
import type { RouterContext } from '@koa/router';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { nodeHost } from '../../adapters/node-host.js';
import {
  type Failure,
  failTask,
  type JsonObject,
  type PassingRows,
  type ScoreAnswer,
  type Service,
} from '../../core/index.js';
import { type OpenAnswer, streamedAnswerOf } from './answer-formats.js';
import { jsonEncodingOf, mediaTypeOf, openBody, parseJsonObject, readJsonBytes } from './body.js';
import type { HttpLimits } from './limits.js';
import type { Answer, Exchange } from './respond.js';
import { count, optional, type Route } from './routes.js';
import { rowReaderOf } from './row-bodies.js';
import { scoreAnswerJson } from './score-answer-json.js';
import type { ScoringJobs } from './scoring-jobs.js';
import { type Stillness, watchStillness } from './stillness.js';
import type { StreamedAnswer } from './streamed-answer.js';

const { nowMs } = nodeHost();

/** A scoring's answer: how long its request took to parse, and the instant from which on it was only to be written. */
export interface Scored extends Answer {
  readonly answer: ScoreAnswer;
  readonly parseMs: number;
  readonly scoredMs: number;
}

type Context = RouterContext<Exchange>;

export const scoreRoute =
  (service: Service, limits: HttpLimits, jobs?: ScoringJobs): Route<Scored | Answer> =>
  (ctx) => {
    const { req, query, querystring, state } = ctx;
    const openAnswer = streamedAnswerOf(state.accepted);
    const readRows = rowReaderOf(mediaTypeOf(req.headers));
    if (readRows !== undefined) {
      return scoreStream(service, limits, ctx, openAnswer, (watch) =>
        pipe(
          TE.fromEither(openBody(req, watch.control, watch.moved)),
          TE.chainTaskK(({ bytes, close }) => async () => ({
            request: requestOf(query),
            rows: await readRows(bytes, limits),
            close,
          })),
        ),
      );
    }
    if (querystring !== '') {
      const fields = Object.keys(query).join(', ');
      return pipe(
        TE.fromEither(jsonEncodingOf(req.headers)),
        TE.chain(() =>
          failTask('InvalidInput', `POST /score has no query with a body of JSON: move ${fields} into the body.`),
        ),
      );
    }
    // Most requests are a row or a few: written without layers.
    return async () => {
      const bytes = await readJsonBytes(limits)(req, state.control)();
      if (E.isLeft(bytes)) return bytes;
      const startedMs = nowMs();
      const request = parseJsonObject(limits)(bytes.right);
      const parseMs = nowMs() - startedMs;
      if (E.isLeft(request)) return request;
      if (openAnswer !== undefined) {
        const asked = { request: request.right, parseMs };
        return scoreStream(service, limits, ctx, openAnswer, () => TE.right(asked))();
      }
      if (jobs?.takes(request.right) === true) return jobs.start(request.right, state.control)();
      const answer = await service.score(request.right, state.control)();
      return E.isLeft(answer) ? answer : E.right(scoredAs(parseMs, true)(answer.right));
    };
  };

/** The fields of a request whose body is its rows: numbers where the query can only say them as text. */
const requestOf = ({
  model_version,
  start_year,
  end_year,
  ...texts
}: Readonly<Record<string, unknown>>): JsonObject => ({
  ...texts,
  ...optional({ model_version: count(model_version), start_year: count(start_year), end_year: count(end_year) }),
});

/** What is asked, and how its rows come when they are not in it. */
interface Asked {
  readonly request: JsonObject;
  readonly parseMs?: number;
  readonly rows?: PassingRows;
  readonly close?: () => void;
}

/** Scores rows as they arrive, or answers as predictions are made, or both. */
const scoreStream =
  (
    service: Service,
    limits: HttpLimits,
    ctx: Context,
    openAnswer: OpenAnswer | undefined,
    ask: (watch: Stillness) => TE.TaskEither<Failure, Asked>,
  ): TE.TaskEither<Failure, Scored> =>
  async () => {
    const watch = watchStillness(ctx.state.control, limits.requestTimeoutMs);
    const asked = await ask(watch)();
    let answer: StreamedAnswer | undefined;
    try {
      if (E.isLeft(asked)) return asked;
      const { request, parseMs = 0, rows } = asked.right;
      answer = await openAnswer?.(ctx, watch);
      const control = {
        ...watch.control,
        onProgress: watch.moved,
        ...(rows === undefined ? {} : { rows }),
        ...(answer === undefined ? {} : { into: answer.into }),
      };
      const scored = pipe(await service.score(request, control)(), E.mapLeft(watch.told));
      const ended = answer === undefined ? scored : await answer.end(scored);
      return pipe(ended, E.map(scoredAs(parseMs, answer === undefined)));
    } finally {
      await answer?.close();
      if (E.isRight(asked)) asked.right.close?.();
      watch.release();
    }
  };

/** As JSON, unless it was sent in another format. */
const scoredAs =
  (parseMs: number, isJson: boolean) =>
  (answer: ScoreAnswer): Scored => {
    const scoredMs = nowMs();
    const timingsMs = answer.performance_diagnostics.timings_ms;
    return { answer, parseMs, scoredMs, timingsMs, ...(isJson ? { json: scoreAnswerJson(answer) } : {}) };
  };
