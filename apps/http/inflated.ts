/** Inflates the body of a request, and refuses what comes behind the end of what is compressed: zlib passes over it, rows and all. */
import type { IncomingMessage } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';
import type { Unzip } from 'node:zlib';
import inflate from 'inflation';

/** The request itself where its encoding is `identity`; else a stream that ends with an error when the body is damaged, or goes on behind its end. */
export const inflated = (request: IncomingMessage, encoding: string): Readable => {
  if (encoding === 'identity') return request;
  const whole = new PassThrough();
  let arrivedBytes = 0;
  let isAtEnd = false;
  // The package reads `encoding`, and gives streams of zlib; its published types do not know it.
  const inflating = inflate(request, { encoding } as object) as unknown as Unzip;
  const refuseMore = (): void => {
    if (isAtEnd && arrivedBytes > inflating.bytesWritten) whole.destroy(new Error('There is more behind the end.'));
  };
  const end = (): void => {
    if (!whole.destroyed) whole.end();
  };
  request.on('data', (part: Buffer) => {
    arrivedBytes += part.length;
    refuseMore();
  });
  inflating
    .on('error', (error) => whole.destroy(error))
    .on('end', () => {
      isAtEnd = true;
      refuseMore();
      request.unpipe(inflating);
      if (request.readableEnded) end();
      else request.once('end', end).resume();
    })
    .pipe(whole, { end: false });
  return whole.once('close', () => inflating.destroy());
};
