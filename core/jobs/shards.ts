/** Shards: how the rows of a job are cut, and in which order a worker takes them. */
import type { RowRange } from '../ports/job-folder.js';

/** Beginning a shard costs as much as some ten thousand rows of a fast model, so none is smaller without need. */
const leastRows = 131_072;
/** What is lost with a process that is killed. */
const mostRows = 524_288;
/** In between, as many as keep a dozen processes busy. */
const shardsAimedAt = 16;
/** Where there would be more, each has more rows. */
const mostShards = 10_000;

const aimFor = (rowTotal: number): number =>
  Math.max(
    Math.min(Math.max(Math.ceil(rowTotal / shardsAimedAt), leastRows), mostRows),
    Math.ceil(rowTotal / mostShards),
  );

/**
 * Shards of at most `shardRows` rows, or as many as serve data of this size. Cuts rows that lie in groups of these sizes, which are read one by one: small groups go together, one that is larger than a shard is cut in
 * equal parts. Data without rows is one empty shard, so that its output has its columns.
 */
export const cutShards = (rowGroups: ReadonlyArray<number>, shardRows?: number): ReadonlyArray<RowRange> => {
  const aim = shardRows ?? aimFor(rowGroups.reduce((sum, rows) => sum + rows, 0));
  const shards: RowRange[] = [];
  let begin = 0;
  let at = 0;
  const close = (end: number): void => {
    if (end > begin) shards.push({ begin, end });
    begin = end;
  };
  for (const rows of rowGroups) {
    if (at + rows - begin > aim) close(at);
    const pieces = Math.ceil(rows / aim);
    for (let piece = 1; piece < pieces; piece++) close(at + Math.round((rows * piece) / pieces));
    at += rows;
  }
  close(at);
  return shards.length === 0 ? [{ begin: 0, end: 0 }] : shards;
};

/** Which of `count` workers this is, counted from 0. */
export interface WorkerPlace {
  readonly index: number;
  readonly count: number;
}

/**
 * Every shard once: first a worker's own, which are every `count`-th, then those of the others, which may be dead, from their last on: there a
 * living one arrives last.
 */
export const shardOrder = (shardCount: number, { index, count }: WorkerPlace): ReadonlyArray<number> => {
  const own = (worker: number): ReadonlyArray<number> =>
    Array.from({ length: Math.max(0, Math.ceil((shardCount - worker) / count)) }, (_, i) => worker + i * count);
  const others = Array.from({ length: count - 1 }, (_, i) => own((index + 1 + i) % count).toReversed());
  return [...own(index), ...others.flat()];
};
