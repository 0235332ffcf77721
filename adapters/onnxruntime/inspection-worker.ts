/** A process of its own that inspects the artifact on standard input and answers on standard output, as one line of JSON. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { fail } from '../../core/index.js';
import { inspectSession } from './inspection.js';
import { whyNotLoaded } from './not-loaded.js';
import { loadRuntime, openSession } from './session.js';

/** Given as JSON in the first argument. The process ends itself when it goes beyond a limit. */
export interface InspectionOrder {
  readonly featureNames: ReadonlyArray<string>;
  readonly timeoutMs: number;
  readonly limitBytes: number;
}

const order = JSON.parse(process.argv[2] ?? '') as InspectionOrder;
const watchdog = new Worker(new URL('./inspection-watchdog.js', import.meta.url), { workerData: order });
await once(watchdog, 'message');
watchdog.unref();

const runtime = await loadRuntime();
const artifact = readFileSync(0);
const answer = await openSession(runtime, artifact).then(
  (session) => inspectSession(session, order.featureNames),
  (error: unknown) => fail('ArtifactUnreadable', whyNotLoaded(artifact, error)),
);
process.stdout.write(`${JSON.stringify(answer)}\n`);
