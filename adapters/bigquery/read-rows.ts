/** A source's rows as a stream of batches. */
import * as E from 'fp-ts/lib/Either.js';
import type { BatchStream, Failure, RawRows, WantedColumn } from '../../core/index.js';
import { toFailure } from '../google-cloud/errors.js';
import { bigquery } from './errors.js';
import { type Opened, pagesOf } from './pages.js';
import { asTheyAre, batchesOf } from './selection.js';

/** The wanted columns, page by page. */
export const read = (opened: Opened, wanted: ReadonlyArray<WantedColumn>): BatchStream => ({
  [Symbol.asyncIterator]: () => asStream(opened, directly(opened, wanted)),
});

async function* directly(
  opened: Opened,
  wanted: ReadonlyArray<WantedColumn>,
): AsyncGenerator<RawRows, void, undefined> {
  const selection = asTheyAre(opened.statement, opened.columns, wanted);
  yield* batchesOf(selection, pagesOf(opened, selection.statement, selection.rowLimit));
}

/** What is raised ends it as a failure. */
export async function* asStream(
  opened: Opened,
  batches: AsyncIterable<RawRows>,
): AsyncGenerator<E.Either<Failure, RawRows>, void, undefined> {
  try {
    for await (const batch of batches) yield E.right(batch);
  } catch (error) {
    yield E.left(rowsFailed(opened)(error));
  }
}

/** What was raised while the rows were on their way. */
export const rowsFailed = ({ place }: Opened): ((error: unknown) => Failure) =>
  toFailure(bigquery)("the source's rows", `project ${place.project}`);
