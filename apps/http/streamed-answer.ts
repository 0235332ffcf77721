/** Sends an answer as it is made, no faster than the client takes it, and tells how it ended. */
import type { ServerResponse } from 'node:http';
import * as E from 'fp-ts/lib/Either.js';
import type * as TE from 'fp-ts/lib/TaskEither.js';
import { cancellationOf } from '../../adapters/node-host.js';
import {
  type CallOptions,
  type Cancellation,
  fail,
  type Failure,
  failure,
  type PredictionEncoder,
  type PredictionStream,
  type ScoreAnswer,
} from '../../core/index.js';
import type { StreamFormat } from './answer-formats.js';
import { failureDocument, type HttpContext } from './respond.js';
import { scoreAnswerJson } from './score-answer-json.js';

export interface StreamedAnswer {
  readonly into: PredictionStream;
  /** Ends the answer as the outcome says; one that failed before its first byte is left to be answered as any other. */
  readonly end: (outcome: E.Either<Failure, ScoreAnswer>) => Promise<E.Either<Failure, ScoreAnswer>>;
}

/** `onPart` is told of each part that the client took. */
export const streamAnswer = (
  ctx: HttpContext,
  { contentType, hasTrailer }: StreamFormat,
  encoder: PredictionEncoder,
  { cancellation }: CallOptions,
  onPart: () => void,
): StreamedAnswer => {
  const { res } = ctx;
  const send =
    (part: string | Uint8Array): TE.TaskEither<Failure, void> =>
    async () => {
      if (part.length > 0 && !cancellation.aborted && !res.write(part)) await settled(res, 'drain', cancellation);
      if (cancellation.aborted) return fail('Cancelled', 'The client went away, or took nothing any more.');
      onPart();
      return E.right(undefined);
    };
  const begin = (): void => {
    ctx.respond = false;
    ctx.status = 200;
    ctx.set('Content-Type', contentType);
  };
  /** Whoever takes nothing takes no last part either, and is told by the connection. */
  const breakOff = (failed: Failure): E.Either<Failure, never> => {
    res.destroy();
    return E.left(failed);
  };
  const finish = async (answer: ScoreAnswer): Promise<E.Either<Failure, ScoreAnswer>> => {
    const report = hasTrailer ? `{"$report":${scoreAnswerJson(answer)}}\n` : '';
    for (const part of [encoder.end(), report]) {
      const sent = await send(part)();
      if (E.isLeft(sent)) return breakOff(sent.left);
    }
    res.end();
    await settled(res, 'finish', cancellation);
    return res.writableFinished
      ? E.right(answer)
      : breakOff(failure('Cancelled', 'The client did not take the end of the answer.'));
  };
  const finishFailed = async (failed: Failure): Promise<E.Either<Failure, never>> => {
    if (!hasTrailer || res.destroyed || res.writableNeedDrain) return breakOff(failed);
    res.end(`{"$failure":${JSON.stringify(failureDocument(ctx, failed))}}\n`);
    await settled(res, 'finish', cancellationOf(AbortSignal.timeout(lastLineMs)));
    return res.writableFinished ? E.left(failed) : breakOff(failed);
  };
  return {
    into: {
      begin: (columns) => async () => {
        const head = encoder.begin(columns);
        if (cancellation.aborted) return fail('Cancelled', 'The client went away before the answer began.');
        begin();
        return send(head)();
      },
      write: (batch) => send(encoder.encode(batch)),
    },
    end: async (outcome) => {
      if (ctx.respond !== false) return outcome;
      return E.isRight(outcome) ? finish(outcome.right) : finishFailed(outcome.left);
    },
  };
};

/** What a client may take to take the line that says what failed. */
const lastLineMs = 1_000;

/** Settles at the event, or as soon as it cannot come any more. */
const settled = (res: ServerResponse, event: 'drain' | 'finish', { onAbort }: Cancellation): Promise<void> =>
  new Promise((resolve) => {
    const settle = (): void => {
      res.off(event, settle).off('close', settle);
      forget();
      resolve();
    };
    let forget = (): void => undefined;
    res.once(event, settle).once('close', settle);
    forget = onAbort(settle);
    if (res.closed) settle();
  });
