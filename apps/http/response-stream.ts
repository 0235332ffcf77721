/** The body of a successful answer that is sent piece by piece, no faster than the client takes it. */
import type { ServerResponse } from 'node:http';
import * as E from 'fp-ts/lib/Either.js';
import type * as TE from 'fp-ts/lib/TaskEither.js';
import { type Cancellation, fail, type Failure } from '../../core/index.js';
import type { HttpContext } from './respond.js';
import type { Stillness } from './stillness.js';

export interface ResponseStream {
  /** Fails `Cancelled` when nobody takes it any more. */
  readonly send: (part: string | Uint8Array) => TE.TaskEither<Failure, void>;
  /** Whether anything was sent, so that no other answer can be. What is held back until then is thrown away when there is another answer. */
  readonly isBegun: () => boolean;
  /** Ends the answer. Fails `Cancelled` when its end was not taken. */
  readonly end: TE.TaskEither<Failure, void>;
  /** Throws away what is held back. */
  readonly close: () => void;
}

/** So much is held back, for so long: what fails soon is answered with a problem, and not by a broken connection. */
const heldBytes = 2 ** 16;
const heldMs = 100;

/** Nothing is sent before the first part. */
export const openResponseStream = (
  ctx: HttpContext,
  { control: { cancellation }, moved }: Stillness,
  contentType: string,
): ResponseStream => {
  const { res } = ctx;
  let held: Array<string | Uint8Array> = [];
  let heldLength = 0;
  let timer: NodeJS.Timeout | undefined;
  const isBegun = (): boolean => ctx.respond === false;

  const begin = (): void => {
    clearTimeout(timer);
    if (isBegun() || cancellation.aborted) return;
    ctx.respond = false;
    ctx.status = 200;
    ctx.set('Content-Type', contentType);
    for (const part of held) res.write(part);
    held = [];
  };
  const gone = (): E.Either<Failure, never> =>
    fail('Cancelled', 'The client went away, or took nothing any more, before the end of the answer.');

  return {
    isBegun,
    send: (part) => async () => {
      if (cancellation.aborted) return gone();
      if (isBegun()) {
        if (part.length > 0) res.write(part);
      } else {
        held.push(part);
        heldLength += part.length;
        timer ??= setTimeout(begin, heldMs);
        if (heldLength >= heldBytes) begin();
      }
      if (res.writableNeedDrain) await settled(res, 'drain', cancellation);
      if (cancellation.aborted) return gone();
      moved();
      return E.right(undefined);
    },
    end: async () => {
      begin();
      if (cancellation.aborted) return gone();
      res.end();
      await settled(res, 'finish', cancellation);
      return res.writableFinished ? E.right(undefined) : gone();
    },
    close: () => clearTimeout(timer),
  };
};

/** Settles at the event, or as soon as it cannot come any more. */
export const settled = (res: ServerResponse, event: 'drain' | 'finish', { onAbort }: Cancellation): Promise<void> =>
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
