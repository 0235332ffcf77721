/** Tasks that do not wait for each other, a few at a time. */
import * as E from 'fp-ts/lib/Either.js';
import type * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure } from './failure.js';

/** As many requests as a service answers at once without being slower for it. */
export const mostAtATime = 16;

/**
 * The results of `work` on every item, in the order of the items. Once one failed no other is begun; those under way are waited for, and of their
 * failures that of the first item is told.
 */
export const sideBySide =
  <A, B>(
    items: ReadonlyArray<A>,
    work: (item: A, index: number) => TE.TaskEither<Failure, B>,
  ): TE.TaskEither<Failure, ReadonlyArray<B>> =>
  async () => {
    const results: B[] = [];
    const failures: Array<{ readonly index: number; readonly failed: Failure }> = [];
    const waiting = items.entries();
    const goOn = async (): Promise<void> => {
      for (const [index, item] of waiting) {
        const result = await work(item, index)();
        if (E.isRight(result)) results[index] = result.right;
        else failures.push({ index, failed: result.left });
        if (failures.length > 0) return;
      }
    };
    await Promise.all(Array.from({ length: Math.min(mostAtATime, items.length) }, goOn));
    const [first] = failures.toSorted((a, b) => a.index - b.index);
    return first === undefined ? E.right(results) : E.left(first.failed);
  };
