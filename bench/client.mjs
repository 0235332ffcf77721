// A thread that posts one score request, reads its answer to the end, and tells its bytes as they come: `piece` is sent `times` times.
import { once } from 'node:events';
import { request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parentPort, workerData } from 'node:worker_threads';

const { url, headers, piece, times } = workerData;
const pieces = function* () {
  for (let sent = 0; sent < times; sent++) yield Buffer.from(piece);
};
const asked = request(url, { method: 'POST', headers });
const sent = pipeline(Readable.from(pieces()), asked);
const [response] = await once(asked, 'response');
let end = Buffer.alloc(0);
for await (const chunk of response) {
  parentPort.postMessage({ bytes: chunk.length });
  end = Buffer.concat([end, chunk]).subarray(-4_096);
}
await sent;
if (response.statusCode !== 200 || end.includes('$failure')) throw new Error(`${response.statusCode} ${end}`);
parentPort.postMessage('done');
