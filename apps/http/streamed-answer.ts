/** An answer that is sent as it is made, and tells how it ended. */
import * as E from 'fp-ts/lib/Either.js';
import { cancellationOf } from '../../adapters/node-host.js';
import type { Failure, PredictionEncoder, PredictionStream, ScoreAnswer } from '../../core/index.js';
import { failureDocument, type HttpContext } from './respond.js';
import { openResponseStream, settled } from './response-stream.js';
import { scoreAnswerJson } from './score-answer-json.js';
import type { Stillness } from './stillness.js';

export interface StreamedAnswer {
  readonly into: PredictionStream;
  /** Ends the answer as the outcome says; one that failed before its first byte is left to be answered as any other. */
  readonly end: (outcome: E.Either<Failure, ScoreAnswer>) => Promise<E.Either<Failure, ScoreAnswer>>;
  /** Frees what it holds, however it went. */
  readonly close: () => Promise<void>;
}

/** What a client may take to take the line that says what failed. */
const lastLineMs = 1_000;

/** Sends what an encoder makes of each batch. With a trailer, the last line says how it went; else only a connection that breaks off tells of a failure. */
export const encodedAnswer = (
  ctx: HttpContext,
  watch: Stillness,
  encoder: PredictionEncoder,
  contentType: string,
  hasTrailer = false,
): StreamedAnswer => {
  const { res } = ctx;
  const { send, end, isBegun, close } = openResponseStream(ctx, watch, contentType);
  const finish = async (answer: ScoreAnswer): Promise<E.Either<Failure, ScoreAnswer>> => {
    const report = hasTrailer ? `{"$report":${scoreAnswerJson(answer)}}\n` : '';
    for (const step of [send(encoder.end()), send(report), end]) {
      const sent = await step();
      if (E.isLeft(sent)) return breakOff(ctx, sent.left);
    }
    return E.right(answer);
  };
  const finishFailed = async (failed: Failure): Promise<E.Either<Failure, never>> => {
    if (!isBegun()) return E.left(failed);
    // Whoever takes nothing takes no last line either.
    if (!hasTrailer || res.destroyed || res.writableNeedDrain) return breakOff(ctx, failed);
    res.end(`{"$failure":${JSON.stringify(failureDocument(ctx, failed))}}\n`);
    await settled(res, 'finish', cancellationOf(AbortSignal.timeout(lastLineMs)));
    return res.writableFinished ? E.left(failed) : breakOff(ctx, failed);
  };
  return {
    into: {
      begin: (columns) => () => send(encoder.begin(columns))(),
      write: (batch) => () => send(encoder.encode(batch))(),
    },
    end: (outcome) => (E.isRight(outcome) ? finish(outcome.right) : finishFailed(outcome.left)),
    close: async () => close(),
  };
};

/** Ends an answer that cannot be whole any more. */
export const breakOff = ({ res }: HttpContext, failed: Failure): E.Either<Failure, never> => {
  res.destroy();
  return E.left(failed);
};
