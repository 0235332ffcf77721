/** Golden rows: does the exported artifact predict what the training code did? */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { pointerToken, show } from '../decode.js';
import { fail, type Failure, failure, failureOf, type Problem, problemLimit } from '../failure.js';
import type { Golden } from '../model/experiment.js';
import type { Signature } from '../model/signature.js';
import type { CallOptions, Host } from '../ports/host.js';
import { checkColumns } from './check-columns.js';
import { coerceFeatures } from './features.js';
import { readRows } from './rows.js';
import type { BatchColumn, RowBatch } from './row-batch.js';
import { scoreBatch, type ScoringModel } from './score.js';

/** How far a prediction may be from the training code's, relative to the larger of 1 and that. */
export const tolerance = 1e-5;

/**
 * Predicts the golden rows again and answers with how many there were. Fails `InvalidInput` when they are no rows or say nothing of what
 * was predicted, `SignatureMismatch` when they do not fit the signature, and
 * `ArtifactUnreadable` when a prediction is further than 1e-5·max(1, |golden|) from the training code's, naming the rows.
 */
export const checkGolden =
  (host: Host) =>
  (golden: Golden, model: ScoringModel, signature: Signature, call: CallOptions): TE.TaskEither<Failure, number> =>
    pipe(
      TE.fromEither(saysSomething(golden)),
      TE.chainEitherK(() => goldenFeatures(golden, signature)),
      TE.chain((batch) => scoreBatch(host)(model, batch, call)),
      TE.chainEitherK((predicted) => compare(golden, predicted)),
    );

const saysSomething = ({ predictions }: Golden): E.Either<Failure, void> =>
  Object.keys(predictions).length > 0
    ? E.right(undefined)
    : fail(
        'InvalidInput',
        'golden.json holds no predictions, so nothing would be checked. Write what the training code predicted, or leave the file out.',
      );

/** The texts of the first golden row, by column; none where the rows cannot be read, which `goldenFeatures` tells. */
export const goldenTexts = ({ data }: Golden): Readonly<Record<string, string>> =>
  pipe(
    readRows(data, []),
    E.flatMap(({ columnNames }) => readRows(data, columnNames)),
    E.match(
      () => ({}),
      ({ rows, rowCount }) =>
        Object.fromEntries(
          [...rows(0, Math.min(1, rowCount)).columns].flatMap(([name, { values }]) =>
            typeof values[0] === 'string' ? [[name, values[0]]] : [],
          ),
        ),
    ),
  );

/** The golden rows as features. Fails `InvalidInput`, `SignatureMismatch`. */
export const goldenFeatures = (golden: Golden, { features }: Signature): E.Either<Failure, RowBatch> =>
  pipe(
    readRows(
      golden.data,
      features.map(({ name }) => name),
    ),
    E.chainFirst(({ present, pointerTo }) => checkColumns(features, present, (name) => pointerTo(0, name))),
    E.mapLeft((failed): Failure => ({ ...failed, message: `In golden.json: ${failed.message}` })),
    E.filterOrElse(
      ({ rowCount }) => rowCount > 0,
      () =>
        failure(
          'InvalidInput',
          'golden.json holds no rows, so nothing would be checked. Write some sample rows, or leave the file out.',
        ),
    ),
    E.chain(({ rows, rowCount, pointerTo }) => {
      const { batch, problems, problemTotal } = coerceFeatures(features, rows(0, rowCount), problemLimit);
      const told = problems.map(({ row, column, detail }) => ({ pointer: pointerTo(row, column), detail }));
      return problemTotal === 0
        ? E.right(batch)
        : E.left(
            failureOf(
              'SignatureMismatch',
              `golden.json does not fit the model: ${told[0]?.pointer} ${told[0]?.detail}.`,
              told,
              problemTotal,
            ),
          );
    }),
  );

const compare = (golden: Golden, predicted: RowBatch): E.Either<Failure, number> => {
  const problems: Problem[] = [];
  let total = 0;
  const tellAt = (pointer: string, detail: string): void => {
    total++;
    if (problems.length < problemLimit) problems.push({ pointer, detail });
  };
  for (const [name, values] of Object.entries(golden.predictions)) {
    const column = predicted.columns.get(name);
    const pointer = `/predictions/${pointerToken(name)}`;
    if (column === undefined)
      tellAt(pointer, `is no prediction of this model, which has ${[...predicted.columns.keys()].join(', ')}`);
    else if (values.length !== predicted.rowCount)
      tellAt(pointer, `has ${values.length} values for ${predicted.rowCount} rows`);
    else {
      for (const [row, wanted] of values.entries()) {
        const got = valueAt(column, row);
        if (!agrees(got, wanted))
          tellAt(`${pointer}/${row}`, `the training code predicted ${show(wanted)}, the artifact ${show(got)}`);
      }
    }
  }
  return total === 0
    ? E.right(predicted.rowCount)
    : E.left(
        failureOf(
          'ArtifactUnreadable',
          `The artifact does not predict what golden.json says (${total} differ): ${problems[0]?.pointer} ${problems[0]?.detail}. Export the pipeline again, or write new golden rows.`,
          problems,
          total,
        ),
      );
};

/** A prediction as golden.json would hold it. */
const valueAt = (column: BatchColumn, row: number): unknown => {
  const value = column.values[row];
  return column.type === 'bool' ? value === 1 : typeof value === 'bigint' ? Number(value) : value;
};

/** What is not finite agrees with itself, and with null. */
const agrees = (got: unknown, wanted: unknown): boolean =>
  typeof got === 'number' && typeof wanted === 'number' && Number.isFinite(wanted)
    ? Math.abs(got - wanted) <= tolerance * Math.max(1, Math.abs(wanted))
    : Object.is(got, wanted) || (wanted === null && typeof got === 'number' && !Number.isFinite(got));
