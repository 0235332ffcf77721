/** Adapter: Node.js as the host, and cancellations from its abort signals. */
import { createHash, randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { createRequire } from 'node:module';
import { setImmediate, setTimeout } from 'node:timers/promises';
import type * as sketches from '@datadog/sketches-js';
import type { Cancellation, Host, QuantileSketch } from '../core/index.js';

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
  // With what the counts below lose, 1 %.
  const sketch = new DDSketch({ relativeAccuracy: 0.009 });
  const early = coarseCounts();
  const all = (): sketches.DDSketch => {
    early.drain((value, count) => sketch.accept(value, count));
    return sketch;
  };
  return {
    add: (value, count = 1) => {
      // The library would count NaN as zero and fill its memory with bins for an infinity.
      if (Number.isFinite(value) && !early.add(value, count)) sketch.accept(value, count);
    },
    quantile: (q) => all().getValueAtQuantile(q),
    values: () => {
      const { mapping, zeroCount, negativeStore, store } = all();
      const valuesOf = ({ bins, offset }: sketches.DDSketch['store'], sign: 1 | -1) =>
        bins.flatMap((count, i) => (count === 0 ? [] : [[sign * shortest(mapping.value(i + offset)), count] as const]));
      return [
        ...valuesOf(negativeStore, -1),
        ...(zeroCount === 0 ? [] : [[0, zeroCount] as const]),
        ...valuesOf(store, 1),
      ];
    },
  };
};

/** Binary digits of a number besides its sign and exponent; those that share them differ by 0.2 % at most. */
const digits = 9;
const shift = 23 - digits;

/** Within these, float32 has all digits of a number. */
const leastMagnitude = 2 ** -126;
const greatestMagnitude = 2 ** 127;

/** Numbers by their first digits, so that the sketch, which takes a tenth of a microsecond for each, takes many at once. */
const coarseCounts = () => {
  const counts = new Float64Array(2 ** (1 + 8 + digits));
  const number = new Float32Array(1);
  const bits = new Uint32Array(number.buffer);
  let isEmpty = true;
  return {
    /** False for a number that is not counted here. */
    add: (value: number, count: number): boolean => {
      const magnitude = Math.abs(value);
      if (!(magnitude >= leastMagnitude && magnitude <= greatestMagnitude)) return false;
      number[0] = value;
      const at = (bits[0] as number) >>> shift;
      counts[at] = (counts[at] as number) + count;
      isEmpty = false;
      return true;
    },
    /** Forgets them. Each is known to 0.1 %. */
    drain: (take: (value: number, count: number) => void): void => {
      if (isEmpty) return;
      counts.forEach((count, at) => {
        if (count === 0) return;
        bits[0] = (at << shift) | (1 << (shift - 1));
        take(number[0] as number, count);
      });
      counts.fill(0);
      isEmpty = true;
    },
  };
};

/** In the middle of its bin, which is 2 % wide, four digits are as good as sixteen. */
const shortest = (value: number): number => Number(value.toPrecision(4));

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
