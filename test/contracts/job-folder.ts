/** The promises of the port JobFolder. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import * as E from 'fp-ts/lib/Either.js';
import * as O from 'fp-ts/lib/Option.js';
import type { TaskEither } from 'fp-ts/lib/TaskEither.js';
import {
  type CallOptions,
  type Failure,
  type JobFolder,
  neverCancelled,
  type RowBatch,
  type RowRange,
  type StagedRows,
} from '../../core/index.js';
import type { Contract } from './contract.js';
import { assertSameCells, collect, countedRows, type Rows } from './sample-rows.js';

/** Jobs of the output `out.parquet`, of which there is nothing yet. */
export interface JobFolderHarness {
  /** The folder of the job with this id, as one more process would open it. */
  readonly openJob: (jobId: string) => JobFolder;
  /** Writes rows to a path of this machine, as a source stages them. */
  readonly write: (path: string, rows: RowBatch) => Promise<StagedRows>;
  /** The rows of the output at this location beside the folder of its jobs; none when there is no output. */
  readonly readBack: (location: string) => Promise<Rows | undefined>;
}

const call: CallOptions = { deadlineMs: Date.now() + 3_600_000, cancellation: neverCancelled };

const expectRight = async <A>(task: TaskEither<Failure, A>): Promise<A> => {
  const result = await task();
  if (E.isLeft(result)) throw new assert.AssertionError({ message: `${result.left.tag}: ${result.left.message}` });
  return result.right;
};

const tagOf = async (task: TaskEither<Failure, unknown>): Promise<string | undefined> => {
  const result = await task();
  return E.isLeft(result) ? result.left.tag : undefined;
};

const plan = '_plan.json';

const create = (folder: JobFolder, key: string, text: string) =>
  folder.documents.put(key, new TextEncoder().encode(text), { kind: 'absent' }, call);

const documentAt = async (folder: JobFolder, key: string): Promise<string | undefined> => {
  const found = await expectRight(folder.documents.get(key, call));
  return O.isSome(found) ? new TextDecoder().decode(found.value.bytes) : undefined;
};

const columnsOf = (rows: RowBatch) => Array.from(rows.columns, ([name, { type }]) => ({ name, type }));

/** A part of the output with these rows. */
const writePart = async ({ parts }: JobFolder, name: string, rows: RowBatch): Promise<void> => {
  const writer = await expectRight(parts.open(name, { columns: columnsOf(rows), constants: [] }, call));
  await expectRight(writer.write(rows));
  await expectRight(writer.commit);
};

const hasPart = async ({ parts }: JobFolder, name: string): Promise<boolean> =>
  O.isSome(await expectRight(parts.digest(name, call)));

/** Nobody stages under another one's name. */
const sourceName = (): string => `source-${randomUUID()}.parquet`;

const stage = async ({ write }: JobFolderHarness, folder: JobFolder, name: string, rows: RowBatch) => {
  const { stagePath } = await expectRight(folder.stagePlace(name));
  const written = await write(stagePath, rows);
  const files = [];
  for (const file of written.files) files.push(await expectRight(folder.stage(name, file, call)));
  return { ...written, files };
};

const wanted = ['row', 'half', 'label'].map((name) => ({ name, role: 'key' as const }));

const read = async (folder: JobFolder, staged: StagedRows, range: RowRange): Promise<Rows> => {
  // Years are none of its business.
  const opened = await expectRight(folder.readStaged(staged, ['row'], range).open({ startYear: 1 }, call));
  try {
    return await collect(opened.read(wanted));
  } finally {
    await opened.close();
  }
};

export const jobFolderContract: Contract<JobFolderHarness> = [
  {
    name: 'a folder of which there is nothing has no documents and no parts, and to remove it is harmless',
    run: async ({ openJob }) => {
      const folder = openJob('1');
      assert.equal(await documentAt(folder, plan), undefined);
      assert.equal(await hasPart(folder, 'part-00000-a.parquet'), false);
      await expectRight(folder.removeRows(call));
      await expectRight(folder.remove(call));
    },
  },
  {
    name: 'of many processes that create one document exactly one does, and all see what it wrote',
    run: async ({ openJob }) => {
      const folders = Array.from({ length: 8 }, () => openJob('1'));
      const created = await Promise.all(folders.map((folder, i) => create(folder, '_commits/00000.json', `${i}`)()));
      const winner = created.findIndex(E.isRight);
      assert.equal(created.filter(E.isRight).length, 1);
      for (const result of created) if (E.isLeft(result)) assert.equal(result.left.tag, 'AlreadyExists');
      for (const folder of folders) assert.equal(await documentAt(folder, '_commits/00000.json'), `${winner}`);
    },
  },
  {
    name: 'staged rows have a path in the folder, and are read range by range by whoever opens it',
    run: async (harness) => {
      const rows = countedRows(1_000);
      const name = sourceName();
      const staged = await stage(harness, harness.openJob('1'), name, rows);
      assert.deepEqual(
        staged.files.map(({ path, row_count }) => [path, row_count]),
        [[name, 1_000]],
      );
      const edges = [0, 300, 300, 1_000];
      const parts = [];
      for (const [i, end] of edges.slice(1).entries())
        parts.push(await read(harness.openJob('1'), staged, { begin: edges[i] ?? 0, end }));
      assert.deepEqual(
        parts.map(({ rowCount }) => rowCount),
        [300, 0, 700],
      );
      for (const [column, expected] of rows.columns) {
        const cells = parts.flatMap((part) => part.cells.get(column) ?? []);
        assertSameCells(expected, cells, column);
      }
    },
  },
  {
    name: 'rows that were staged again under the same name are others: who was told of the first is refused',
    run: async (harness) => {
      const folder = harness.openJob('1');
      const name = sourceName();
      const staged = await stage(harness, folder, name, countedRows(10));
      await stage(harness, folder, name, countedRows(20));
      const source = harness.openJob('1').readStaged(staged, [], { begin: 0, end: 10 });
      assert.equal(await tagOf(source.open({}, call)), 'DataUnreadable');
    },
  },
  {
    name: 'parts of several processes become the output, which stands beside the folder of its jobs',
    run: async ({ openJob, readBack }) => {
      const rows = countedRows(30);
      const names = ['part-00000-a.parquet', 'part-00001-b.parquet'];
      for (const name of names) await writePart(openJob('1'), name, rows);
      const folder = openJob('1');
      const paths = [];
      for (const name of names) paths.push(await expectRight(folder.parts.resolve(name)));
      const schema = { columns: columnsOf(rows), constants: [] };
      const joined = await expectRight(folder.outputs.join('out.parquet', schema, paths, call));
      await expectRight(joined.commit);
      const found = await readBack('out.parquet');
      assert.equal(found?.rowCount, 60);
      assert.deepEqual(
        found?.cells.get('row'),
        Array.from({ length: 60 }, (_, i) => i % 30),
      );
    },
  },
  {
    name: 'rows go, and documents and the output stay',
    run: async (harness) => {
      const folder = harness.openJob('1');
      await expectRight(create(folder, plan, 'the plan'));
      await writePart(folder, 'part-00000-a.parquet', countedRows(3));
      await writePart({ ...folder, parts: folder.outputs }, 'out.parquet', countedRows(4));
      const staged = await stage(harness, folder, sourceName(), countedRows(5));
      await expectRight(harness.openJob('1').removeRows(call));
      assert.equal(await hasPart(folder, 'part-00000-a.parquet'), false);
      assert.equal(await tagOf(folder.readStaged(staged, [], { begin: 0, end: 5 }).open({}, call)), 'NotFound');
      assert.equal(await documentAt(folder, plan), 'the plan');
      assert.equal((await harness.readBack('out.parquet'))?.rowCount, 4);
    },
  },
  {
    name: 'all of a job goes, and nothing of another one, nor of the output',
    run: async ({ openJob, readBack }) => {
      const [folder, other] = [openJob('1'), openJob('10')];
      for (const each of [folder, other]) {
        await expectRight(create(each, plan, 'the plan'));
        await writePart(each, 'part-00000-a.parquet', countedRows(3));
      }
      await writePart({ ...folder, parts: folder.outputs }, 'out.parquet', countedRows(4));
      await expectRight(folder.remove(call));
      assert.equal(await documentAt(folder, plan), undefined);
      assert.equal(await hasPart(folder, 'part-00000-a.parquet'), false);
      assert.equal(await documentAt(other, plan), 'the plan');
      assert.equal(await hasPart(other, 'part-00000-a.parquet'), true);
      assert.equal((await readBack('out.parquet'))?.rowCount, 4);
    },
  },
];
