/** An answer that is a Parquet file: made on disk, sent when it is whole, and gone afterwards. */
import { createReadStream } from 'node:fs';
import * as E from 'fp-ts/lib/Either.js';
import type { ParquetStage } from '../../adapters/duckdb/parquet-stage.js';
import type { Failure, ScoreAnswer } from '../../core/index.js';
import type { HttpContext } from './respond.js';
import { openResponseStream } from './response-stream.js';
import type { Stillness } from './stillness.js';
import { breakOff, type StreamedAnswer } from './streamed-answer.js';

/** Every failure of the scoring comes before its first byte. */
export const parquetAnswer = (
  ctx: HttpContext,
  watch: Stillness,
  { into, finish, close }: ParquetStage,
  contentType: string,
): StreamedAnswer => {
  const response = openResponseStream(ctx, watch, contentType);
  const sendFile = async (path: string): Promise<E.Either<Failure, void>> => {
    for await (const part of createReadStream(path)) {
      const sent = await response.send(part as Buffer)();
      if (E.isLeft(sent)) return sent;
    }
    return response.end();
  };
  return {
    into,
    end: async (outcome) => {
      if (E.isLeft(outcome)) return outcome;
      const file = await finish();
      if (E.isLeft(file)) return E.left(watch.told(file.left));
      ctx.set('Content-Length', `${file.right.sizeBytes}`);
      const sent = await sendFile(file.right.path);
      return E.isLeft(sent) ? breakOff(ctx, sent.left) : E.right<Failure, ScoreAnswer>(outcome.right);
    },
    close: async () => {
      response.close();
      await close();
    },
  };
};
