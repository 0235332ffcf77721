// How long the event loop of this thread is held at a time, in the processor's own time, so that other work on the machine does not count.
// Linux tells the time of a process's first thread in /proc/self/schedstat, in nanoseconds.
import { openSync, readSync } from 'node:fs';

const file = openSync('/proc/self/schedstat');
const text = Buffer.alloc(64);
/** Of the process's first thread, also when another thread asks. */
export const processorMs = () => {
  readSync(file, text, 0, text.length, 0);
  return Number.parseInt(text.toString('latin1'), 10) / 1e6;
};

/** Looks once a turn; `stop` answers with the milliseconds of each, the longest last. */
export const watchTurns = () => {
  const held = [];
  let going = true;
  let last = processorMs();
  const look = () => {
    if (!going) return;
    const now = processorMs();
    held.push(now - last);
    last = processorMs();
    // A timer and an immediate: everything else that is due comes between two looks.
    setTimeout(() => setImmediate(look), 0);
  };
  look();
  return {
    stop: () => {
      going = false;
      return held.sort((a, b) => a - b);
    },
  };
};
