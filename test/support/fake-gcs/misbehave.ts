/** How the fake answers a request: as it should, or with a fault. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Answer, asText, refusalOf } from './answers.js';
import type { Fault } from './faults.js';
import type { ApiRequest } from './requests.js';

interface Exchange {
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  readonly request: ApiRequest;
  readonly fault: Fault | undefined;
  readonly random: () => number;
}

/** Answers with what `perform` makes of the request's body, and with the fault that was drawn for it. */
export const misbehave = async (
  { message, response, request, fault, random }: Exchange,
  perform: (body: Buffer) => Answer | Promise<Answer>,
): Promise<void> => {
  if (fault?.kind === 'deaf') {
    message.pause();
    return;
  }
  const sent = await bodyOf(message);
  switch (fault?.kind) {
    case 'silence':
      return;
    case 'reset':
      return reset(message.socket);
    case 'status':
      return send(response, request.kind === 'media' ? asText(refusalOf(fault.status)) : refusalOf(fault.status));
    case 'latency':
      await new Promise((resolve) => setTimeout(resolve, fault.durationMs));
      return send(response, await perform(sent));
    case 'lost':
      await perform(sent);
      return reset(message.socket);
    case 'unanswered':
      await perform(sent);
      return;
    case 'flip': {
      if (request.kind === 'upload') return send(response, await perform(flippedMedia(sent, random)));
      if (request.kind === 'chunk') return send(response, await perform(flipped(sent, random)));
      const answer = await perform(sent);
      return send(
        response,
        request.kind === 'media' ? { ...answer, body: flipped(answer.body ?? sent, random) } : answer,
      );
    }
    case 'truncate': {
      const answer = await perform(sent);
      return send(response, { ...answer, body: half(answer) });
    }
    case 'stall':
    case 'cut': {
      const answer = await perform(sent);
      // Nothing to send half of.
      if ((answer.body?.length ?? 0) === 0) return fault.kind === 'cut' ? reset(message.socket) : undefined;
      response.writeHead(answer.status, headersOf(answer));
      response.flushHeaders();
      await new Promise<void>((resolve) => response.write(half(answer), () => resolve()));
      if (fault.kind === 'cut') message.socket.destroy();
      return;
    }
    default:
      return send(response, await perform(sent));
  }
};

export const send = (response: ServerResponse, answer: Answer): void => {
  response.writeHead(answer.status, headersOf(answer));
  response.end(answer.body);
};

const headersOf = ({ status, headers, body }: Answer): Readonly<Record<string, string | number>> => ({
  ...headers,
  ...(status === 204 || status === 304 ? {} : { 'content-length': body?.length ?? 0 }),
});

const half = ({ body }: Answer): Buffer => (body ?? Buffer.alloc(0)).subarray(0, Math.floor((body?.length ?? 0) / 2));

const reset = (socket: Socket): void => {
  socket.resetAndDestroy();
};

/** A copy with one bit changed. */
const flipped = (bytes: Buffer, random: () => number): Buffer => {
  const copy = Buffer.from(bytes);
  const at = Math.floor(random() * copy.length);
  if (copy.length > 0) copy[at] = (copy[at] ?? 0) ^ (1 << Math.floor(random() * 8));
  return copy;
};

/** A multipart upload with one bit of its media changed. */
const flippedMedia = (body: Buffer, random: () => number): Buffer => {
  const start = body.indexOf('\r\n\r\n', body.indexOf('\r\n\r\n') + 4) + 4;
  const end = body.lastIndexOf('\r\n--');
  return Buffer.concat([body.subarray(0, start), flipped(body.subarray(start, end), random), body.subarray(end)]);
};

export const bodyOf = async (message: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk);
  return Buffer.concat(chunks);
};
