/**
 * Ends the HTTP requests of one attempt, to which the client gives no handle: it has no abort signal, and a response that is cut
 * off may leave it waiting for ever. Requests are known by a header, and found through Node's diagnostics channels.
 */
import { randomUUID } from 'node:crypto';
import { subscribe } from 'node:diagnostics_channel';
import { ClientRequest } from 'node:http';
import type { Attempt } from './bounded.js';

const header = 'x-scorekeeper-attempt';

/** Node 20 tells of a request only when it was sent whole, later ones as soon as it is made. */
const channels = ['http.client.request.created', 'http.client.request.start'];

const attempts = new Map<string, (request: ClientRequest) => void>();
const known = new WeakSet<ClientRequest>();
let isListening = false;

const notice = (message: unknown): void => {
  const request = typeof message === 'object' && message !== null && 'request' in message ? message.request : undefined;
  if (!(request instanceof ClientRequest) || known.has(request)) return;
  const id = request.getHeader(header);
  if (id === undefined) return;
  known.add(request);
  const watch = attempts.get(`${id}`);
  // The client was still busy with credentials when the attempt ended.
  if (watch === undefined) request.destroy();
  else watch(request);
};

/** The header that marks a request as the attempt's, so that it ends with the attempt. */
export const headersFor = ({ signal, cut }: Attempt): Readonly<Record<string, string>> => {
  if (!isListening) for (const channel of channels) subscribe(channel, notice);
  isListening = true;
  const id = randomUUID();
  attempts.set(id, (request) => {
    const end = () => request.destroy();
    signal.addEventListener('abort', end, { once: true });
    request.once('close', () => signal.removeEventListener('abort', end));
    request.once('response', (response) => {
      response.once('close', () => {
        if (!response.complete) cut();
      });
    });
  });
  signal.addEventListener('abort', () => attempts.delete(id), { once: true });
  return { [header]: id };
};
