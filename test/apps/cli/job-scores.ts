/** A registry with one model and a table that it scores, and what tells whether every row was scored once. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { sql } from '../../adapters/duckdb/files.js';
import { emptyFolder, onnxFixtures, runHere, type Running, writeExperiment } from './command-line.js';

export const reference = 'rating/m';

/** In the folder: the registry, and `rows.parquet` with rows that are told apart by `id`. */
export const scoringFolder = async (rowCount: number): Promise<string> => {
  const folder = await emptyFolder();
  await writeExperiment(join(folder, 'experiments', 'rating', 'e'), join(onnxFixtures, 'columns.onnx'));
  const registered = await runHere(folder, [
    ...['register', '--experiments', 'experiments', '--model-type', 'rating', '--name', 'm', '--experiment', 'e'],
  ]);
  if (registered.code !== 0) throw new Error(registered.stderr);
  await sql(
    `COPY (SELECT range AS id, (range % 1000)::FLOAT AS weight, (range // 1000)::FLOAT AS year FROM range(${rowCount})) TO '${join(folder, 'rows.parquet')}'`,
  );
  return folder;
};

/** Rows of the outputs, at the same place in both, that are not the same in both but for their provenance. */
export const differences = async (one: string, other: string): Promise<unknown> => {
  const rows = (path: string) => `SELECT row, prediction, row_number() OVER () AS place FROM '${path}'`;
  const [[count] = []] = await sql(
    `SELECT count(*) FROM (${rows(one)}) a FULL JOIN (${rows(other)}) b USING (row, prediction, place) WHERE a.place IS NULL OR b.place IS NULL`,
  );
  return Number(count);
};

/** How many rows, how many different ones, and how many scorings they are from. */
export const counts = async (path: string): Promise<ReadonlyArray<number>> => {
  const [found = []] = await sql(
    `SELECT count(*), count(DISTINCT row), count(DISTINCT (job_id, scored_at)), count(*) FILTER (prediction != 1 + 2 * (row % 1000) + 3 * (row // 1000)) FROM '${path}'`,
  );
  return found.map(Number);
};

/** The one folder below the output's job folders. */
export const jobOf = async (output: string): Promise<string> => {
  const [job, ...others] = await readdir(`${output}.job`);
  if (job === undefined || others.length > 0) throw new Error(`${others.length} other jobs`);
  return join(`${output}.job`, job);
};

/** The commits of the output's job so far, by shard; none before there is one. */
export const commitsOf = async (output: string): Promise<ReadonlyMap<string, string>> => {
  try {
    const folder = join(await jobOf(output), '_commits');
    const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
    return new Map(
      await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const)),
    );
  } catch {
    return new Map();
  }
};

/** Settles once the job has a commit, while the command runs. */
export const firstCommit = async (output: string, { ended }: Running): Promise<void> => {
  let isOver = false;
  void ended.then(() => (isOver = true));
  while ((await commitsOf(output)).size === 0) {
    if (isOver) throw new Error(`it ended before its first commit: ${(await ended).stderr}`);
    await pause(5);
  }
};

/** The processes that this one started. Linux alone tells them in a file. */
export const childrenOf = async (pid: number): Promise<ReadonlyArray<number>> => {
  const told = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return told.split(' ').filter(Boolean).map(Number);
};

/** Settles once none of these processes runs. */
export const gone = async (pids: ReadonlyArray<number>): Promise<void> => {
  const runs = (pid: number): boolean => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  while (pids.some(runs)) await pause(10);
};
