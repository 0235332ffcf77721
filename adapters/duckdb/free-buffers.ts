/** Frees memory outside of V8's heap at once: left to the collector, it makes that collect a heap in which there is no garbage. */
import { MessageChannel } from 'node:worker_threads';

const { port1: nowhere, port2 } = new MessageChannel();
port2.close();

/** Nobody can read them afterwards; each is named once. What is sent into a closed channel is taken from its sender and dropped. */
export const freeBuffers = (buffers: ReadonlyArray<ArrayBuffer>): void => nowhere.postMessage(undefined, buffers);
