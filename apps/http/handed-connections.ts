/**
 * Closes a gap in Node's cluster: the primary process forgets a connection that it handed to a worker which died before it took it, or which
 * refused it as the last one, and the client waits for ever (nodejs/node-v0.x-archive#7006, nodejs/node#21746).
 * docs/decisions/0005-workers-by-cluster.md says why this is worth it.
 */
import type { Worker } from 'node:cluster';

/** What cluster sends with a connection (`newconn`), and what a worker answers to it. Neither is documented. */
interface HandOver {
  readonly act?: unknown;
  readonly seq?: unknown;
  readonly ack?: unknown;
  readonly accepted?: unknown;
}

interface Connection {
  readonly close: () => void;
}

/**
 * Connections that the worker refuses, or never takes because it dies, go to another one, or are closed when no other serves. To be called when it
 * is forked.
 */
export const saveConnectionsOf = (worker: Worker, hasAnother: () => boolean): void => {
  const { process: child } = worker;
  const untaken = new Map<unknown, Connection>();
  const send = child.send.bind(child) as (message: HandOver, handle?: Connection, ...rest: unknown[]) => boolean;
  child.send = (message: HandOver, handle?: unknown, ...rest: unknown[]) => {
    const connection = handle as Connection | undefined;
    if (message.act === 'newconn' && connection !== undefined) untaken.set(message.seq, connection);
    return send(message, connection, ...rest);
  };
  // By now cluster has given what was refused to another worker, if there is one.
  child.on('internalMessage', ({ ack, accepted }: HandOver) => {
    const connection = untaken.get(ack);
    untaken.delete(ack);
    if (connection !== undefined && accepted !== true && !hasAnother()) connection.close();
  });
  const save = (): void => {
    // What it answered before it died is still being read.
    if (child.connected) return void setImmediate(save);
    // Node does not notice by itself that a worker is gone which had a connection to confirm: its channel never tells of its end.
    worker.disconnect();
    // As if it had answered that it is shutting down.
    for (const ack of untaken.keys())
      child.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack, accepted: false } satisfies HandOver & { cmd: string });
  };
  worker.on('exit', save);
};
