/**
 * The fake as a process of its own: `node main.js '{"port":0,"buckets":["b"],"seed":1,"chances":{"reset":0.01}}'` prints its URL
 * and serves until it is ended. `GET /fake` tells the counts of requests and faults; `PUT /fake` sets the chances.
 */
import { startFakeGcs } from './server.js';

const { url } = await startFakeGcs(JSON.parse(process.argv[2] ?? '{}'));
process.stdout.write(`${url}\n`);
