/** The rows of a statement, page by page, by one query job. */
import { type CallOptions, cancellationSource } from '../../core/index.js';
import { orRaise } from '../google-cloud/errors.js';
import type { SourceColumn } from './columns.js';
import type { JobReference } from './jobs.js';
import { cancelQuery, type Page, type QueryPlace, readPage, startQuery } from './query-job.js';
import type { Statement } from './sql.js';

/** What an opened source holds. */
export interface Opened {
  readonly place: QueryPlace;
  readonly statement: Statement;
  /** What the ids of its jobs are derived from. */
  readonly key: string;
  readonly columns: ReadonlyArray<SourceColumn>;
  readonly bytes: number;
  readonly modelDataset: string | undefined;
  readonly call: CallOptions;
  /** Raises the failure of a call that is already over. */
  readonly assertOngoing: () => Promise<void>;
  /** Cancellations of queries that nobody waits for any more. */
  readonly endings: Set<Promise<void>>;
}

/** Pages of at most `rowLimit` rows, up to the last, or the first that `isEnough`. Each is fetched while the one before it is worked on. */
export async function* pagesOf(
  { place, key, call, assertOngoing, endings }: Opened,
  statement: Statement,
  rowLimit: number,
  isEnough: (page: Page) => boolean = () => false,
): AsyncGenerator<Page, void, undefined> {
  const ending = cancellationSource();
  const forget = call.cancellation.onAbort(ending.cancel);
  const mine = { deadlineMs: call.deadlineMs, cancellation: ending.cancellation };
  let begun: JobReference | undefined;
  let isDone = false;
  try {
    const job = await startQuery(place, statement, key, mine, (asked) => {
      begun = asked;
    });
    const pageAfter = (token: string | undefined) => {
      const page = readPage(place, job, token, rowLimit, mine);
      // It may still be under way when nobody wants it any more.
      page.catch(() => undefined);
      return page;
    };
    let next: ReturnType<typeof pageAfter> | undefined = pageAfter(undefined);
    while (next !== undefined) {
      const page: Page = orRaise(await next);
      isDone = true;
      await assertOngoing();
      next = page.nextToken === undefined || isEnough(page) ? undefined : pageAfter(page.nextToken);
      yield page;
    }
  } finally {
    forget();
    ending.cancel();
    if (begun !== undefined && !isDone) endings.add(cancelQuery(place, begun));
  }
}
