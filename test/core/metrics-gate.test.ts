/** The metrics gate: which thresholds hold, what each check tells, and what is refused. */
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import * as fc from 'fast-check';
import { defaultGates, Gate } from '../../core/index.js';
import { checkGate, passGate } from '../../core/model/metrics-gate.js';

test('the four model types have the thresholds that users know', (t) => {
  t.deepEqual(defaultGates, {
    hurdle: { min_auc: 0.7, min_accuracy: 0.7 },
    rating: { min_r2: 0.5, max_rmse: 1 },
    complexity: { min_r2: 0.4, max_rmse: 0.8 },
    users_rated: { min_r2: 0.5, max_rmse: 1 },
  });
  for (const gate of Object.values(defaultGates)) t.true(Gate.is(gate) && E.isRight(Gate.decode(gate)));
});

const checks: ReadonlyArray<
  readonly [what: string, threshold: string, metrics: Record<string, unknown>, value: number | null, passed: boolean]
> = [
  ['above a minimum', 'min_r2', { r2: 0.6 }, 0.6, true],
  ['exactly a minimum', 'min_r2', { r2: 0.5 }, 0.5, true],
  ['just below a minimum', 'min_r2', { r2: 0.49999999999999994 }, 0.49999999999999994, false],
  ['below a maximum', 'max_rmse', { rmse: 0.4 }, 0.4, true],
  ['exactly a maximum', 'max_rmse', { rmse: 0.5 }, 0.5, true],
  ['above a maximum', 'max_rmse', { rmse: 0.6 }, 0.6, false],
  ['zero below a maximum', 'max_rmse', { rmse: 0 }, 0, true],
  ['negative zero', 'max_rmse', { rmse: -0 }, -0, true],
  ['missing', 'min_r2', { rmse: 0.6 }, null, false],
  ['missing for a maximum', 'max_rmse', {}, null, false],
  ['null', 'max_rmse', { rmse: null }, null, false],
  ['NaN', 'max_rmse', { rmse: Number.NaN }, null, false],
  ['infinite for a minimum', 'min_r2', { r2: Number.POSITIVE_INFINITY }, null, false],
  ['minus infinite for a maximum', 'max_rmse', { rmse: Number.NEGATIVE_INFINITY }, null, false],
  ['text that looks like a number', 'min_r2', { r2: '0.9' }, null, false],
  ['true', 'min_r2', { r2: true }, null, false],
  ['a list', 'min_r2', { r2: [0.9] }, null, false],
  ['inherited by every object', 'max_constructor', {}, null, false],
  ['of a longer name', 'min_min_r2', { min_r2: 0.9, r2: 0 }, 0.9, true],
];
for (const [what, threshold, metrics, value, passed] of checks) {
  test(`a metric that is ${what} ${passed ? 'passes' : 'fails'} ${threshold}`, (t) => {
    const [rule, metric] = [threshold.slice(0, 3), threshold.slice(4)];
    const [check] = checkGate({ [threshold]: 0.5 }, metrics);
    t.deepEqual<unknown, unknown>(check, { rule, metric, threshold: 0.5, value, passed });
  });
}

test('every check is reported, passed or not, in the order of the gate', (t) => {
  const report = checkGate({ min_r2: 0.5, max_rmse: 1, min_auc: 0.7, max_mae: 2 }, { r2: 0.4, rmse: 0.9, mae: 'x' });
  t.deepEqual(
    report.map(({ metric, passed }) => [metric, passed]),
    [
      ['r2', false],
      ['rmse', true],
      ['auc', false],
      ['mae', false],
    ],
  );
});

test('a gate without thresholds passes and reports nothing', (t) => {
  t.deepEqual(passGate('It', checkGate({}, {})), E.right([]));
});

test('checks that all pass are given on', (t) => {
  const report = checkGate({ min_r2: 0.5 }, { r2: 0.5 });
  t.deepEqual(passGate('It', report), E.right(report));
});

test('a rejection tells six figures of a value, and more where the check would then seem to end otherwise', (t) => {
  const report = checkGate(
    { min_r2: 0.5, max_rmse: 1, max_mae: 0.79999991 },
    { r2: 0.123456789, rmse: 1.0000001, mae: 0.7999999 },
  );
  const result = passGate('It', report);
  if (E.isRight(result)) return t.fail('passed');
  t.deepEqual(
    result.left.problems.map(({ detail }) => detail),
    ['r2 is 0.123457, and must be at least 0.5', 'rmse is 1.0000001, and must be at most 1'],
  );
  t.regex(result.left.message, /Passed: mae is 0\.7999999, and must be at most 0\.79999991\./);
});

test('a rejection names every check and its value, and as problems those that failed', (t) => {
  const report = checkGate({ min_r2: 0.5, max_rmse: 1, min_auc: 0.7 }, { r2: 0.4, rmse: 0.9 });
  const result = passGate('Experiment rating/x v1', report);
  if (E.isRight(result)) return t.fail('passed');
  t.is(result.left.tag, 'GateRejected');
  t.regex(
    result.left.message,
    /^Experiment rating\/x v1 does not pass the metrics gate \(2 of 3 checks failed\): r2 is 0.4, and must be at least 0.5; auc is missing or not a finite number, and must be at least 0\.7\. Passed: rmse is 0\.9, and must be at most 1\. Train a better one/,
  );
  t.deepEqual(result.left.checks, report);
  t.deepEqual(
    result.left.problems.map(({ pointer }) => pointer),
    ['/metrics/test/r2', '/metrics/test/auc'],
  );
  t.deepEqual(
    result.left.problems.map(({ detail }) => detail),
    ['r2 is 0.4, and must be at least 0.5', 'auc is missing or not a finite number, and must be at least 0.7'],
  );
  return undefined;
});

const thresholds: ReadonlyArray<readonly [what: string, gate: unknown, accepted: boolean]> = [
  ['none', {}, true],
  ['negative and zero', { min_r2: -1, max_rmse: 0 }, true],
  ['infinite', { max_rmse: Number.POSITIVE_INFINITY }, false],
  ['without a metric', { min_: 1 }, false],
  ['of another rule', { mean_r2: 1 }, false],
  ['in capitals', { MIN_r2: 1 }, false],
  ['text', { min_r2: '1' }, false],
  ['null', null, false],
];
for (const [what, gate, accepted] of thresholds) {
  test(`thresholds that are ${what} are ${accepted ? 'taken' : 'refused'}`, (t) => {
    t.is(E.isRight(Gate.decode(gate)), accepted);
  });
}

test('a check passes exactly when the metric is a finite number on the right side, whatever the numbers', (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom('min', 'max'),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.double(),
      (rule, threshold, value) => {
        const [check] = checkGate({ [`${rule}_m`]: threshold }, { m: value });
        t.is(check?.passed, Number.isFinite(value) && (rule === 'min' ? value >= threshold : value <= threshold));
        t.is(check?.value, Number.isFinite(value) ? value : null);
      },
    ),
  );
});
