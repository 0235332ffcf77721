/** The metrics gate: thresholds that an experiment's test metrics must meet before it is registered. */
import * as E from 'fp-ts/lib/Either.js';
import * as t from 'io-ts';
import { show } from '../decode.js';
import { type Failure, failureOf } from '../failure.js';
import type { Metrics } from './experiment.js';

const isRule = (key: string): boolean => /^(?:min|max)_./.test(key);

/** Thresholds by rule: `min_r2` is met by an r2 at or above it, `max_rmse` by an rmse at or below it. */
export const Gate: t.Type<Readonly<Record<string, number>>, Record<string, number>, unknown> = new t.Type(
  'Gate',
  (u): u is Readonly<Record<string, number>> =>
    t.UnknownRecord.is(u) &&
    !Array.isArray(u) &&
    Object.entries(u).every(([key, value]) => isRule(key) && Number.isFinite(value)),
  (u, context) => {
    if (!t.UnknownRecord.is(u) || Array.isArray(u)) {
      return t.failure(u, context, `must be an object of thresholds such as {"min_r2": 0.5}, got ${show(u)}`);
    }
    const errors: t.Errors = Object.entries(u).flatMap(([key, value]) => {
      const place = [...context, { key, type: t.number }];
      if (!isRule(key)) return [{ value, context: place, message: 'must begin with min_ or max_' }];
      if (!Number.isFinite(value)) return [{ value, context: place, message: `must be a number, got ${show(value)}` }];
      return [];
    });
    return errors.length > 0 ? t.failures(errors) : t.success(u as Record<string, number>);
  },
  (gate) => ({ ...gate }),
);
export type Gate = t.TypeOf<typeof Gate>;

/** The thresholds of the model types that users already have. */
export const defaultGates: Readonly<Record<string, Gate>> = {
  hurdle: { min_auc: 0.7, min_accuracy: 0.7 },
  rating: { min_r2: 0.5, max_rmse: 1.0 },
  complexity: { min_r2: 0.4, max_rmse: 0.8 },
  users_rated: { min_r2: 0.5, max_rmse: 1.0 },
};

/** One threshold and how the experiment stands to it. `value` is null when the metric is missing or not a number. */
export const GateCheck = t.readonly(
  t.type({
    rule: t.keyof({ min: null, max: null }),
    metric: t.string,
    threshold: t.number,
    value: t.union([t.number, t.null]),
    passed: t.boolean,
  }),
);
export type GateCheck = t.TypeOf<typeof GateCheck>;

/** Holds test metrics against the gate. Every check is reported; a metric that is missing or no finite number fails its own. */
export const checkGate = (gate: Gate, metrics: Metrics): ReadonlyArray<GateCheck> =>
  Object.entries(gate).map(([key, threshold]) => {
    const rule = key.startsWith('min_') ? 'min' : 'max';
    const metric = key.slice(4);
    const found = metrics[metric];
    const value = typeof found === 'number' && Number.isFinite(found) ? found : null;
    const passed = value !== null && (rule === 'min' ? value >= threshold : value <= threshold);
    return { rule, metric, threshold, value, passed };
  });

/** The checks, when all passed. Fails `GateRejected` with every check, its value, and whether it passed; its problems are those that did not. */
export const passGate = (
  what: string,
  checks: ReadonlyArray<GateCheck>,
): E.Either<Failure, ReadonlyArray<GateCheck>> => {
  const failed = checks.filter((check) => !check.passed);
  if (failed.length === 0) return E.right(checks);
  const passed = checks.filter((check) => check.passed);
  const told = failed.map((check) => ({ pointer: `/metrics/test/${check.metric}`, detail: tellCheck(check) }));
  const message = [
    `${what} does not pass the metrics gate (${failed.length} of ${checks.length} checks failed): ${failed.map(tellCheck).join('; ')}.`,
    ...(passed.length > 0 ? [`Passed: ${passed.map(tellCheck).join('; ')}.`] : []),
    'Train a better one, change the threshold, or skip the gate with skip_validation (--skip-validation).',
  ].join(' ');
  return E.left({ ...failureOf('GateRejected', message, told), checks });
};

const tellCheck = ({ rule, metric, threshold, value }: GateCheck): string =>
  value === null
    ? `${metric} is missing or not a finite number, and must be ${rule === 'min' ? 'at least' : 'at most'} ${threshold}`
    : `${metric} is ${showValue(rule, value, threshold)}, and must be ${rule === 'min' ? 'at least' : 'at most'} ${threshold}`;

/** Six figures, unless the check would then seem to end otherwise. */
const showValue = (rule: GateCheck['rule'], value: number, threshold: number): number => {
  const rounded = Number(value.toPrecision(6));
  const passes = (seen: number): boolean => (rule === 'min' ? seen >= threshold : seen <= threshold);
  return passes(rounded) === passes(value) ? rounded : value;
};
