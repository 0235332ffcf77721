/** The promises of every host. */
import assert from 'node:assert/strict';
import type { Host, QuantileSketch } from '../../core/index.js';
import type { Contract } from './contract.js';

export interface HostHarness {
  readonly host: Host;
}

const uuidVersion4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Each decile of the sorted values, against the sketch: within 1 % of a value at that rank or of its neighbour. */
const assertAccurate = (sketch: QuantileSketch, values: ReadonlyArray<number>): void => {
  const sorted = [...values].sort((a, b) => a - b);
  for (let tenth = 0; tenth <= 10; tenth++) {
    const rank = (tenth / 10) * (sorted.length - 1);
    const estimate = sketch.quantile(tenth / 10);
    const near = [Math.floor(rank), Math.ceil(rank)].some((i) => {
      const value = sorted[i] ?? Number.NaN;
      return Math.abs(estimate - value) <= 0.01 * Math.abs(value) + 1e-12;
    });
    assert.ok(
      near,
      `decile ${tenth}: ${estimate} is not near ${sorted[Math.floor(rank)]} or ${sorted[Math.ceil(rank)]}`,
    );
  }
};

export const hostContract: Contract<HostHarness> = [
  {
    name: 'the clock counts milliseconds since the epoch and does not go back',
    run: async ({ host }) => {
      const readings = Array.from({ length: 1000 }, () => host.nowMs());
      assert.ok(readings.every((reading, i) => i === 0 || reading >= (readings[i - 1] ?? 0)));
      assert.ok((readings[0] ?? 0) > Date.UTC(2024, 0) && (readings[0] ?? 0) < Date.UTC(2100, 0));
    },
  },
  {
    name: 'the clock goes on over a pause',
    run: async ({ host }) => {
      const before = host.nowMs();
      await host.pause(5);
      assert.ok(host.nowMs() > before);
    },
  },
  {
    name: 'turns of the event loop let a pause end',
    run: async ({ host }) => {
      let paused = true;
      const pause = host.pause(1).then(() => {
        paused = false;
      });
      while (paused) await host.turn();
      await pause;
    },
  },
  {
    name: 'a thousand random ids are different version 4 UUIDs',
    run: async ({ host }) => {
      const ids = Array.from({ length: 1000 }, () => host.randomId());
      assert.equal(new Set(ids).size, 1000);
      for (const id of ids) assert.match(id, uuidVersion4);
    },
  },
  {
    name: 'SHA-256 answers the vectors of FIPS 180-4, of a part of a buffer too',
    run: async ({ host }) => {
      const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
      assert.equal(host.sha256(Uint8Array.of(0x61, 0x62, 0x63)), abc);
      assert.equal(host.sha256(Uint8Array.of(0, 0x61, 0x62, 0x63, 0).subarray(1, 4)), abc);
      assert.equal(host.sha256(new Uint8Array(0)), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    },
  },
  {
    name: 'text survives UTF-8, and ill-formed bytes become U+FFFD',
    run: async ({ host }) => {
      for (const text of ['', 'a', 'Größe ≥ 3 😀', '\u0000']) {
        assert.equal(host.utf8.decode(host.utf8.encode(text)), text);
      }
      assert.deepEqual([...host.utf8.encode('é')], [0xc3, 0xa9]);
      assert.equal(host.utf8.decode(Uint8Array.of(0x61, 0xff, 0x62)), 'a\ufffdb');
    },
  },
  {
    name: 'quantiles are NaN while there are none, and within 1 % afterwards, for every sign and size',
    run: async ({ host }) => {
      assert.ok(Number.isNaN(host.quantileSketch().quantile(0.5)));
      const ramp = Array.from({ length: 2001 }, (_, i) => i - 1000);
      const tiny = ramp.map((value) => value * 1e-9);
      const wide = ramp.map((value) => Math.sign(value) * 1.02 ** Math.abs(value));
      const negative = ramp.map((value) => -1 - Math.abs(value));
      for (const values of [ramp, tiny, wide, negative, [7], [-3, 5]]) {
        const sketch = host.quantileSketch();
        for (const value of values) sketch.add(value);
        assertAccurate(sketch, values);
      }
    },
  },
  {
    name: 'quantiles pass over what is not a finite number',
    run: async ({ host }) => {
      const sketch = host.quantileSketch();
      for (const value of [Number.NaN, 4, Number.POSITIVE_INFINITY, 4, Number.NEGATIVE_INFINITY]) sketch.add(value);
      assertAccurate(sketch, [4, 4]);
    },
  },
  {
    name: 'a sketch that is given the values of two others answers as one that was given theirs',
    run: async ({ host }) => {
      const ramp = Array.from({ length: 3001 }, (_, i) => (i - 1000) / 7);
      const [one, two, both, whole] = [0, 1, 2, 3].map(() => host.quantileSketch());
      for (const value of ramp) {
        (value < 3 ? one : two)?.add(value);
        whole?.add(value);
      }
      for (const part of [one, two]) for (const [value, count] of part?.values() ?? []) both?.add(value, count);
      for (let hundredth = 0; hundredth <= 100; hundredth++)
        assert.equal(both?.quantile(hundredth / 100), whole?.quantile(hundredth / 100));
      assert.deepEqual(both?.values(), whole?.values());
      assert.deepEqual(host.quantileSketch().values(), []);
    },
  },
];
