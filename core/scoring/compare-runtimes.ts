/** Runs a model on the same rows in this runtime and in BigQuery ML's, and compares what they make of them. */
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { show } from '../decode.js';
import type { Failure } from '../failure.js';
import type { Experiment } from '../model/experiment.js';
import { bigqueryRuntime, type RuntimeComparison } from '../model/push-down.js';
import type { Feature, Signature } from '../model/signature.js';
import type { CallOptions } from '../ports/host.js';
import type { InferenceEngine, Tensor } from '../ports/inference-engine.js';
import { feedsOf, inputsOf } from './feeds.js';
import { goldenFeatures, tolerance } from './golden.js';
import { allocateColumn, type Column, type RowBatch } from './row-batch.js';

/** What came of both, and why that keeps the other one from scoring with the model: sentences, none when they agree. */
export interface Compared {
  readonly comparison: RuntimeComparison;
  readonly reasons: ReadonlyArray<string>;
}

type Outputs = ReadonlyMap<string, Tensor>;

interface Difference {
  readonly largestDifference: number | null;
  readonly reasons: ReadonlyArray<string>;
}

/**
 * Compares on the experiment's golden rows, or else on sample rows; none where the other runtime is not installed, or this one cannot run the sample
 * rows. Fails `DeadlineExceeded`, `Cancelled`, and as `load` does.
 */
export const compareRuntimes =
  (engine: InferenceEngine) =>
  (
    { artifact, golden }: Pick<Experiment, 'artifact' | 'golden'>,
    signature: Signature,
    call: CallOptions,
  ): TE.TaskEither<Failure, O.Option<Compared>> =>
  async () => {
    const { runInBigqueryRuntime } = engine;
    const rows = golden === undefined ? E.right(sampleRows(signature)) : goldenFeatures(golden, signature);
    if (E.isLeft(rows)) return rows;
    if (runInBigqueryRuntime === undefined) return E.right(O.none);
    const { rowCount } = rows.right;
    const feeds = feedsOf([{ inputs: inputsOf(signature), batch: rows.right, begin: 0, end: rowCount }], new Map());
    const there = await runInBigqueryRuntime(artifact, feeds, call)();
    const comparedAs = ({ largestDifference, reasons }: Difference): E.Either<Failure, O.Option<Compared>> =>
      E.right(
        O.some({
          comparison: {
            runtime: bigqueryRuntime,
            rows_of: golden === undefined ? 'sample' : 'golden',
            row_count: rowCount,
            largest_difference: largestDifference,
          },
          reasons,
        }),
      );
    if (E.isLeft(there)) {
      const reasons = [`ONNX Runtime ${bigqueryRuntime} does not run it. ${there.left.message}`];
      return there.left.tag === 'ArtifactUnreadable' ? comparedAs({ largestDifference: null, reasons }) : there;
    }
    if (O.isNone(there.right)) return E.right(O.none);
    // What never ends does not end there, either, in a process that may be killed: only what did is run in this one.
    const here = await TE.bracket(
      engine.load(artifact, call),
      ({ run }) => run(feeds),
      ({ release }) => TE.fromTask(release),
    )();
    if (E.isLeft(here)) return here.left.tag === 'InferenceFailed' ? E.right(O.none) : here;
    return comparedAs(compareOutputs(here.right, there.right.value));
  };

/** Values that a feature may hold; each feature begins at another one, so that no row is like another. */
const sampleNumbers = [0, 1, -1, 0.5, 1000, 2020, Number.NaN, 3.25];
const sampleTexts = ['', 'a', 'A', 'b', '0', 'ä', 'other', 'none'];

const sampleRows = ({ features }: Signature): RowBatch => ({
  rowCount: sampleNumbers.length,
  columns: new Map(features.map((feature, at) => [feature.name, sampleColumn(feature, at)])),
});

const sampleColumn = ({ type, fill }: Feature, at: number): Column => {
  const column = allocateColumn(type, sampleNumbers.length);
  const target = column.values as { [row: number]: unknown };
  for (let row = 0; row < sampleNumbers.length; row++) {
    const place = (row + at) % sampleNumbers.length;
    const number = sampleNumbers[place] ?? 0;
    const whole = Number.isInteger(number) ? number : Number(fill ?? 0);
    switch (type) {
      case 'float32':
      case 'float64':
        target[row] = Number.isNaN(number) ? Number(fill ?? Number.NaN) : number;
        break;
      case 'int64':
        target[row] = BigInt(whole);
        break;
      case 'int32':
        target[row] = whole;
        break;
      case 'bool':
        target[row] = place % 2;
        break;
      case 'string':
        target[row] = sampleTexts[place];
        break;
    }
  }
  return column;
};

/** The largest difference, and where the outputs differ by more than golden rows may, one sentence for the first. */
const compareOutputs = (here: Outputs, there: Outputs): Difference => {
  let largest = 0;
  let reason: string | undefined;
  let differing = 0;
  for (const [name, { values, shape }] of here) {
    const others = there.get(name)?.values;
    const width = shape[1] ?? 1;
    for (let at = 0; at < values.length; at++) {
      const difference = differenceOf(values[at], others?.[at]);
      largest = Math.max(largest, difference);
      if (difference <= tolerance) continue;
      differing++;
      reason ??= `output "${name}", row ${Math.floor(at / width)}: ${tell(others?.[at])} there, ${tell(values[at])} here`;
    }
  }
  if (reason === undefined) return { largestDifference: largest, reasons: [] };
  return {
    largestDifference: Number.isFinite(largest) ? largest : null,
    reasons: [
      `ONNX Runtime ${bigqueryRuntime} predicts otherwise (${differing} ${differing === 1 ? 'value differs' : 'values differ'} by more than ${tolerance}·max(1, |value|)): ${reason}.`,
    ],
  };
};

/** |a − b| / max(1, |b|); what is no finite number is the same or infinitely far. */
const differenceOf = (a: unknown, b: unknown): number => {
  if (Object.is(a, b)) return 0;
  if (typeof a !== 'number' || typeof b !== 'number') return Number.POSITIVE_INFINITY;
  const difference = Math.abs(a - b) / Math.max(1, Math.abs(b));
  return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
};

const tell = (value: unknown): string => (typeof value === 'string' ? show(value) : `${value}`);
