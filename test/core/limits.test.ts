/** Limits and settings that are no numbers, or negative ones, are refused where they are given. */
import test from 'ava';
import { leftOf, rightOf, scoringService, sums } from '../support/scoring.js';

const wrong: ReadonlyArray<readonly [given: unknown, told: string]> = [
  [Number.NaN, 'NaN'],
  [-1, '-1'],
  [Number.NEGATIVE_INFINITY, '-Infinity'],
  ['10', '"10"'],
];

for (const [given, told] of wrong) {
  for (const name of ['inlineRowLimit', 'refreshMs']) {
    test(`a service is not made with ${name} ${told}`, async (t) => {
      await t.throwsAsync(scoringService({ settings: { [name]: given } }), {
        instanceOf: RangeError,
        message: `${name} must be a number of 0 or more, got ${told}: correct it, or leave it out.`,
      });
    });
  }

  test(`a scoring with inlineRowLimit ${told} fails`, async (t) => {
    const { service } = await scoringService();
    const scored = await service.score({ ...sums, data: [{ a: 1, b: 0 }] }, { inlineRowLimit: given as number })();
    t.is(
      leftOf(scored, 'InvalidInput').message,
      `The limit inlineRowLimit must be a number of 0 or more, got ${told}: correct it, or leave it out.`,
    );
  });
}

test('no limit, and none at all, are limits', async (t) => {
  for (const inlineRowLimit of [1, Number.POSITIVE_INFINITY, undefined]) {
    const settings = { refreshMs: 0, ...(inlineRowLimit === undefined ? {} : { inlineRowLimit }) };
    const { service } = await scoringService({ settings });
    t.is(rightOf(await service.score({ ...sums, data: [{ a: 1, b: 0 }] })()).predictions?.length, 1);
  }
  const { service } = await scoringService({ settings: { inlineRowLimit: 0 } });
  leftOf(await service.score({ ...sums, data: [{ a: 1, b: 0 }] })(), 'TooLarge');
});
