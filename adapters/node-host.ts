/** Adapter: Node.js as the host, and cancellations from its abort signals. */
import { createHash, randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { createRequire } from 'node:module';
import { setImmediate, setTimeout } from 'node:timers/promises';
import type * as sketches from '@datadog/sketches-js';
import { type Cancellation, type Host, type QuantileSketch, sketchAccuracy } from '../core/index.js';

/** Of this process, and looked up at each reading of it. */
const { timeOrigin } = performance;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The machine this process runs on. A byte order mark at the beginning of decoded text is dropped. */
export const nodeHost = (): Host => ({
  nowMs: () => timeOrigin + performance.now(),
  turn: () => setImmediate(),
  pause: (durationMs) => setTimeout(durationMs),
  randomId: () => randomUUID(),
  sha256: (bytes) => createHash('sha256').update(bytes).digest('hex'),
  utf8: { encode: (text) => encoder.encode(text), decode: (bytes) => decoder.decode(bytes) },
  quantileSketch,
});

const requireLater = createRequire(import.meta.url);

/** DDSketch (Masson, Rim and Lee, VLDB 2019), loaded when it is first needed: commands that score nothing start faster without it. */
const quantileSketch = (): QuantileSketch => {
  const { DDSketch } = requireLater('@datadog/sketches-js') as typeof sketches;
  const sketch = new DDSketch({ relativeAccuracy: sketchAccuracy });
  return {
    add: (value, count) => {
      // The library would count NaN as zero and fill its memory with bins for an infinity.
      if (Number.isFinite(value)) sketch.accept(value, count);
    },
    quantile: (q) => sketch.getValueAtQuantile(q),
    values: () => {
      const { mapping, zeroCount } = sketch;
      const valuesOf = ({ bins, offset }: sketches.DDSketch['store'], sign: 1 | -1) =>
        bins.flatMap((count, i) => (count === 0 ? [] : [[sign * shortest(mapping.value(i + offset)), count] as const]));
      return [
        ...valuesOf(sketch.negativeStore, -1),
        ...(zeroCount === 0 ? [] : [[0, zeroCount] as const]),
        ...valuesOf(sketch.store, 1),
      ];
    },
  };
};

/** In the middle of its bin, which is 2 % wide, four digits are as good as sixteen. The last bin is beyond the largest number. */
const shortest = (value: number): number => Math.min(Number(value.toPrecision(4)), Number.MAX_VALUE);

/** A cancellation that comes when the signal aborts. */
export const cancellationOf = (signal: AbortSignal): Cancellation => {
  // Every call under way listens, and Node would warn of a leak from the eleventh on.
  setMaxListeners(0, signal);
  return {
    get aborted() {
      return signal.aborted;
    },
    onAbort: (f) => {
      if (signal.aborted) {
        f();
        return () => undefined;
      }
      // Of its own: a signal would take the same function only once.
      const listener = (): void => f();
      signal.addEventListener('abort', listener, { once: true });
      return () => signal.removeEventListener('abort', listener);
    },
  };
};
