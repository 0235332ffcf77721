/** Sharded jobs over memory: whoever dies wherever, and however many work or finish at once, every row is in the output once. */
import test from 'ava';
import fc from 'fast-check';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { memoryDataSource } from '../../adapters/memory/data-source.js';
import { memoryJobFolders } from '../../adapters/memory/job-folder.js';
import type { BatchColumn, Failure, OpenJobFolder, PredictionSink, RowBatch, ScoreAnswer } from '../../core/index.js';
import { failure } from '../../core/index.js';
import { finishJob } from '../../core/jobs/finish-job.js';
import { jobStatus } from '../../core/jobs/job-status.js';
import { joinedColumns } from '../../core/jobs/part-output.js';
import { type JobPorts, planJob, type PlannedJob, type Repetition } from '../../core/jobs/plan-job.js';
import { cutShards, shardOrder } from '../../core/jobs/shards.js';
import { type ShardProgress, workShards } from '../../core/jobs/work-shards.js';
import { rememberResolved } from '../../core/registry/remember-resolved.js';
import { cancellable, leftOf, rightOf, rowBatch, scoringService, sums, typed, unhurried } from '../support/scoring.js';
import { type StoreCall, wrapStore } from '../support/store-faults.js';

const rowCount = 95;
/** Shards of 10 rows, the last of 5. */
const shardRows = 10;
const request = { ...sums, data_source: 'rows', output_location: 'out.parquet' } as const;

const table = (count = rowCount, change: Readonly<Record<number, number | null>> = {}): RowBatch => {
  const values = Array.from({ length: count }, (_, row) => (row in change ? (change[row] ?? null) : row));
  return rowBatch({
    id: typed('int64', ...values.map((_, row) => BigInt(1000 + row))),
    a: typed('float32', ...values),
    b: typed('float32', ...values.map(() => 1)),
  });
};

/** A place for jobs over a table; `change` replaces the table. */
const place = async (rows = table()) => {
  const staged = new Map<string, RowBatch>();
  const sources = { rows: memoryDataSource({ table: rows, keys: ['id'], staged }) };
  const { ports, service } = await scoringService({ sources });
  const jobFolder = memoryJobFolders({ sink: ports.sink, staged });
  const all: JobPorts = { ...ports, ...rememberResolved(ports, 0), jobFolder };
  return {
    ports: all,
    service,
    sink: ports.sink,
    change: (to: RowBatch): JobPorts => ({
      ...all,
      sources: { rows: memoryDataSource({ table: to, keys: ['id'], staged }) },
    }),
  };
};

const plan = (ports: JobPorts, repetition: Repetition = 'done', asked: object = {}) =>
  planJob(ports, { shardRows })({ ...request, ...asked }, repetition, unhurried);

const work = (ports: JobPorts, { path }: PlannedJob, index = 0, count = 1, onProgress = (_: ShardProgress) => {}) =>
  workShards(ports)(path, { index, count }, onProgress, unhurried);

const finish = (ports: JobPorts, { path }: PlannedJob) => finishJob(ports)(path, unhurried);

/** A whole run, as one command does it. */
const run = (ports: JobPorts, asked: object = {}): TE.TaskEither<Failure, ScoreAnswer> =>
  pipe(
    plan(ports, 'done', asked),
    TE.chain((job) =>
      pipe(
        work(ports, job),
        TE.chain(() => finish(ports, job)),
      ),
    ),
  );

const cells = (batches: ReadonlyArray<RowBatch>, name: string): ReadonlyArray<unknown> =>
  batches.flatMap(({ columns }) => [...((columns.get(name) as BatchColumn).values as Iterable<unknown>)]);

/** prediction = 1 + 2 a + 3 b */
const expected = Array.from({ length: rowCount }, (_, row) => 4 + 2 * row);

type Place = Awaited<ReturnType<typeof place>>;

const output = ({ sink }: Place, location = 'out.parquet') => {
  const batches = sink.outputs.get(location)?.batches ?? [];
  return { ids: cells(batches, 'id').map(Number), predictions: cells(batches, 'prediction') };
};

const whole = {
  ids: Array.from({ length: rowCount }, (_, row) => 1000 + row),
  predictions: expected,
};

/** The places below a job's folder where rows are left. */
const rowFiles = ({ sink }: Place): ReadonlyArray<string> =>
  [...sink.outputs.keys()].filter((name) => name.includes('.job/'));

test('a job gives what one scoring gives, and then its rows are gone', async (t) => {
  const here = await place();
  const answer = rightOf(await run(here.ports)());
  t.deepEqual(output(here), whole);
  t.deepEqual(rowFiles(here), []);
  const alone = rightOf(await here.service.score({ ...request, output_location: 'alone.parquet' })());
  t.deepEqual(output(here, 'alone.parquet'), whole);
  const { timings_ms: _, prediction_distribution: sharded, ...counts } = answer.performance_diagnostics;
  const { timings_ms: __, prediction_distribution: exact, ...same } = alone.performance_diagnostics;
  t.deepEqual(counts, same);
  t.deepEqual(answer.scoring_parameters, alone.scoring_parameters);
  t.deepEqual(answer.model_details, alone.model_details);
  t.is(answer.output_location, 'memory/out.parquet');
  for (const figure of ['count', 'nulls', 'min', 'max'] as const)
    t.is(sharded['prediction']?.[figure], exact['prediction']?.[figure]);
  t.true(sharded['prediction']?.approximate);
  const [schema, same_] = ['out.parquet', 'alone.parquet'].map((at) => here.sink.outputs.get(at)?.schema);
  t.deepEqual(schema?.columns, same_?.columns);
  t.is(schema?.constants.find(({ name }) => name === 'job_id')?.value, answer.job_id);
});

test('a source is opened for its job, under the same id when the job is planned again', async (t) => {
  const here = await place();
  const openings: Array<string | undefined> = [];
  const rows = memoryDataSource({ table: table(), keys: ['id'], staged: new Map() });
  const open: typeof rows.open = (range, call, opening) => {
    openings.push(opening?.jobId);
    return openings.length === 1 ? TE.left(failure('Unavailable', 'Gone.')) : rows.open(range, call, opening);
  };
  const ports = { ...here.ports, sources: { rows: { ...rows, open } } };
  leftOf(await plan(ports)(), 'Unavailable');
  const { job_id } = rightOf(await plan(ports)());
  t.deepEqual(openings, [job_id, job_id]);
});

/** A process over the place that dies at its `nth` call of a port, or, `after`, when that was acknowledged. */
const mortal = (ports: JobPorts, nth: number, when: 'before' | 'after') => {
  let calls = 0;
  const dead = failure('Unavailable', 'This process is dead.');
  const guard =
    <A>(task: TE.TaskEither<Failure, A>): TE.TaskEither<Failure, A> =>
    async () => {
      calls++;
      if (calls > nth || (calls === nth && when === 'before')) return E.left(dead);
      const result = await task();
      return calls === nth ? E.left(dead) : result;
    };
  const guarded = (sink: PredictionSink): PredictionSink => ({
    ...sink,
    open: (...asked) =>
      pipe(
        guard(sink.open(...asked)),
        TE.map((writer) => ({
          ...writer,
          commit: guard(writer.commit),
          clear: guard(writer.clear),
          abort: async () => {},
        })),
      ),
    join: (...asked) =>
      pipe(
        guard(sink.join(...asked)),
        TE.map((joined) => ({ commit: guard(joined.commit), abort: async () => {} })),
      ),
    digest: (...asked) => guard(sink.digest(...asked)),
  });
  const jobFolder: OpenJobFolder = (path) => {
    const folder = ports.jobFolder(path);
    return {
      ...folder,
      documents: wrapStore(folder.documents, (_: StoreCall) => guard),
      parts: guarded(folder.parts),
      outputs: guarded(folder.outputs),
      removeRows: (call) => guard(folder.removeRows(call)),
    };
  };
  return { ports: { ...ports, sink: guarded(ports.sink), jobFolder }, calls: () => calls };
};

test('a process that dies before or after any of its steps is followed by one that finishes the job', async (t) => {
  const counted = mortal((await place()).ports, Number.POSITIVE_INFINITY, 'before');
  rightOf(await run(counted.ports)());
  const total = counted.calls();
  t.true(total > 60, `${total} steps`);
  for (const when of ['before', 'after'] as const) {
    for (let nth = 1; nth <= total; nth++) {
      const here = await place();
      const first = await run(mortal(here.ports, nth, when).ports)();
      t.true(E.isLeft(first), `step ${nth}`);
      const answer = rightOf(await run(here.ports)());
      t.deepEqual(output(here), whole, `${when} step ${nth}`);
      t.is(answer.performance_diagnostics.total_scored, rowCount, `${when} step ${nth}`);
      t.deepEqual(rowFiles(here), [], `${when} step ${nth}`);
    }
  }
});

test('processes that die one after the other, each some steps later, finish the job without doing a shard again', async (t) => {
  const here = await place();
  const done = new Set<number>();
  for (let nth = 8; ; nth += 1) {
    const { ports } = mortal(here.ports, nth, 'after');
    const job = await plan(ports)();
    if (E.isLeft(job)) continue;
    const again: number[] = [];
    const worked = await work(ports, job.right, 0, 1, ({ shard, isCommitted }) => {
      if (isCommitted) done.add(shard);
      else if (done.has(shard)) again.push(shard);
    })();
    t.deepEqual(again, [], 'no shard with a commit is scored again');
    if (E.isLeft(worked)) continue;
    if (E.isRight(await finish(ports, job.right)())) break;
  }
  t.deepEqual(output(here), whole);
});

test('of many workers at once, also several in one place, every shard counts once; so it is with finishers', async (t) => {
  const here = await place();
  const jobs = await Promise.all([1, 2, 3].map(() => plan(here.ports)()));
  const [job, ...others] = jobs.map(rightOf);
  if (job === undefined) return t.fail();
  for (const other of others) t.is(other.path, job.path);
  const places = [0, 0, 1, 2, 2, 3];
  for (const worked of await Promise.all(places.map((index) => work(here.ports, job, index, 4)()))) rightOf(worked);
  t.is(rowFiles(here).length, 10, 'parts that were too late are gone');
  const answers = (await Promise.all([1, 2, 3, 4].map(() => finish(here.ports, job)()))).map(rightOf);
  for (const { performance_diagnostics: did } of answers) t.is(did.total_scored, rowCount);
  t.deepEqual(output(here), whole);
  t.deepEqual(rowFiles(here), []);
});

test('a worker without shards of its own leaves the last one to the worker that is at it, and does those of one that never came', async (t) => {
  const here = await place();
  const { host } = here.ports;
  const scored: string[] = [];
  const slowly = (name: string): JobPorts => ({
    ...here.ports,
    jobFolder: (path) => {
      const folder = here.ports.jobFolder(path);
      return {
        ...folder,
        readStaged: (rows, keys, range) => {
          const source = folder.readStaged(rows, keys, range);
          scored.push(`${name} ${range.begin}`);
          return {
            ...source,
            open: (...asked) =>
              pipe(
                TE.fromTask(() => host.pause(300)),
                TE.chain(() => source.open(...asked)),
              ),
          };
        },
      };
    },
  });
  const job = rightOf(await plan(here.ports)());
  const first = work(slowly('first'), job, 0, 2)();
  await host.pause(100);
  for (const worked of await Promise.all([first, work(slowly('second'), job, 1, 2)()])) rightOf(worked);
  t.is(scored.length, 10, scored.join());
  rightOf(await finish(here.ports, job)());
  t.deepEqual(output(here), whole);

  const alone = rightOf(await plan(here.ports, 'again')());
  rightOf(await work(slowly('alone'), alone, 0, 2)());
  t.is(scored.length, 20);
  rightOf(await finish(here.ports, alone)());
  t.deepEqual(output(here), whole);
});

test('a worker waits for another one until its deadline, and no longer', async (t) => {
  const here = await place(table(15));
  let nowMs = here.ports.host.nowMs();
  const pause = async (durationMs: number): Promise<void> => {
    nowMs += durationMs;
  };
  const ports: JobPorts = {
    ...here.ports,
    host: { ...here.ports.host, nowMs: () => nowMs, pause },
    jobFolder: (path) => {
      const folder = here.ports.jobFolder(path);
      return {
        ...folder,
        readStaged: (...asked) => {
          nowMs += 1_000;
          return folder.readStaged(...asked);
        },
      };
    },
  };
  const job = rightOf(await plan(ports)());
  const deadlineMs = nowMs + 1_250;
  const failed = leftOf(
    await workShards(ports)(job.path, { index: 1, count: 2 }, () => {}, { ...unhurried, deadlineMs })(),
    'DeadlineExceeded',
  );
  t.regex(failed.message, /time allowed ran out|deadline/);
  // It did its own shard, looked for the other every 100 ms, and then tried that itself.
  t.deepEqual([nowMs - deadlineMs], [50 + 1_000]);
});

test('a worker that is late for a job that is finished does nothing, and one that works meanwhile harms nothing', async (t) => {
  const here = await place();
  const job = rightOf(await plan(here.ports)());
  rightOf(await work(here.ports, job)());
  rightOf(await finish(here.ports, job)());
  const told: ShardProgress[] = [];
  rightOf(await work(here.ports, job, 1, 3, (progress) => told.push(progress))());
  t.is(told.length, 10);
  t.true(told.every(({ isCommitted }) => isCommitted));
  t.deepEqual(output(here), whole);
});

test('a worker whose rows go while it reads them, since the job is finished, has nothing left to do', async (t) => {
  const here = await place();
  const job = rightOf(await plan(here.ports)());
  const jobFolder: OpenJobFolder = (path) => {
    const folder = here.ports.jobFolder(path);
    const finished = pipe(
      work(here.ports, job),
      TE.chain(() => finish(here.ports, job)),
      TE.chain(() => TE.left(failure('DataUnreadable', 'The rows are gone.'))),
    );
    return {
      ...folder,
      readStaged: (rows, keys, range) => ({ ...folder.readStaged(rows, keys, range), open: () => finished }),
    };
  };
  rightOf(await work({ ...here.ports, jobFolder }, job)());
  t.deepEqual(output(here), whole);
});

test('the status tells what is done, from the plan on until the output is in its place', async (t) => {
  const here = await place();
  const job = rightOf(await plan(here.ports, 'done', { output_location: 'made/here/out.parquet' })());
  const status = async () => rightOf(await jobStatus(here.ports)(job.path, unhurried)());
  const planned = {
    ...{ job_id: job.job_id, path: job.path, data_source: 'rows', output_location: 'memory/made/here/out.parquet' },
    ...{ shard_count: 10, row_count: rowCount, rows_refused: 0 },
  };
  t.like(await status(), { ...planned, state: 'begun', shards_committed: 0, rows_scored: 0 });
  t.like((await status()).model, { model_type: sums.model_type, name: sums.model_name, version: 1 });
  const cancellation = cancellable();
  const onProgress = ({ shard, isCommitted }: ShardProgress) =>
    void (isCommitted && shard === 2 && cancellation.abort());
  await workShards(here.ports)(job.path, { index: 0, count: 1 }, onProgress, { ...unhurried, cancellation })();
  t.like(await status(), { ...planned, state: 'begun', shards_committed: 3, rows_scored: 29 });
  rightOf(await work(here.ports, job)());
  t.like(await status(), { ...planned, state: 'worked', shards_committed: 10, rows_scored: rowCount });
  rightOf(await finish(here.ports, job)());
  t.like(await status(), { ...planned, state: 'finished', shards_committed: 10, rows_scored: rowCount });
  t.deepEqual(output(here, 'made/here/out.parquet'), whole);
  leftOf(await jobStatus(here.ports)('memory/nowhere', unhurried)(), 'NotFound');
});

test('a finished job says so; done again, or when its output is not as it left it, it is another job', async (t) => {
  const here = await place();
  const first = rightOf(await run(here.ports)());
  const job = rightOf(await plan(here.ports)());
  t.like(job, { state: 'finished', job_id: first.job_id, shard_count: 10, row_count: rowCount });
  const { timings_ms: _, ...told } = rightOf(await finish(here.ports, job)()).performance_diagnostics;
  const { timings_ms: __, ...before } = first.performance_diagnostics;
  t.deepEqual(told, before);

  const again = rightOf(await plan(here.ports, 'again')());
  t.is(again.state, 'begun');
  t.not(again.job_id, job.job_id);
  t.is(rightOf(await plan(here.ports, 'again')()).path, again.path, 'unfinished, it is resumed');
  t.is(rightOf(await plan(here.ports)()).path, job.path);
  rightOf(await work(here.ports, again)());
  rightOf(await finish(here.ports, again)());
  t.like(rightOf(await plan(here.ports)()), { state: 'finished', path: again.path });

  const warned = async () => rightOf(await finish(here.ports, job)()).performance_diagnostics.warnings;
  t.deepEqual(await warned(), [
    'The job was finished before, and its output was changed or replaced since: score again for another one.',
  ]);
  here.sink.remove('out.parquet');
  t.deepEqual(await warned(), [
    'The job was finished before, and its output is not there any more: score again for another one.',
  ]);
  const anew = rightOf(await plan(here.ports)());
  t.is(anew.state, 'begun');
  t.false([job.path, again.path].includes(anew.path));
});

test('another source, output, parameter or version is another job', async (t) => {
  const here = await place();
  const job = rightOf(await plan(here.ports)());
  const others = [
    await plan(here.change(table(rowCount, { 7: 8 })))(),
    await plan(here.ports, 'done', { output_location: 'other.parquet' })(),
    await plan(here.ports, 'done', { on_error: 'skip' })(),
  ].map(rightOf);
  t.is(new Set([job, ...others].map(({ job_id }) => job_id)).size, 4);
  t.is(rightOf(await plan(here.ports)()).job_id, job.job_id);
  t.regex(job.job_id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('a job that is finished too early, or has no plan, is refused', async (t) => {
  const here = await place();
  const job = rightOf(await plan(here.ports)());
  t.regex(leftOf(await finish(here.ports, job)(), 'Conflict').message, /^10 of 10 shards are not done yet/);
  leftOf(await work(here.ports, { ...job, path: 'memory/nowhere' })(), 'NotFound');
  leftOf(await finish(here.ports, { ...job, path: 'memory/nowhere' })(), 'NotFound');
});

test('a part that is gone, or not what was written, is told, and the previous output stays', async (t) => {
  const here = await place();
  rightOf(await run(here.ports)());
  const job = rightOf(await plan(here.ports, 'again')());
  rightOf(await work(here.ports, job)());
  const [part = ''] = rowFiles(here);
  const schema = { columns: [{ name: 'id', type: 'int64' }], constants: [] } as const;
  const writer = rightOf(await here.sink.open(part, schema, unhurried)());
  rightOf(await writer.commit());
  t.regex(leftOf(await finish(here.ports, job)(), 'DataUnreadable').message, /^The part part-00000-.* was changed/);
  here.sink.remove(part);
  t.regex(leftOf(await finish(here.ports, job)(), 'NotFound').message, /^The part part-00000-.* is not there any more/);
  t.deepEqual(output(here), whole);
});

test('what cannot be a job is refused before anything is written', async (t) => {
  const here = await place();
  const { output_location: _, ...inline } = request;
  const planned = (asked: object, ports = here.ports) =>
    planJob(ports, {})(asked as typeof request, 'done', unhurried)();
  leftOf(await planned(inline), 'InvalidInput');
  leftOf(await planned({ ...sums, data: [{ a: 1, b: 2 }], output_location: 'out.parquet' }), 'InvalidInput');
  const alone = { rows: memoryDataSource({ table: table(), keys: ['id'] }) };
  t.regex(leftOf(await planned(request, { ...here.ports, sources: alone }), 'InvalidInput').message, /one process/);
  leftOf(await here.service.planJob(request)(), 'InvalidInput');
  t.deepEqual([...here.sink.outputs.keys()], []);
});

/** Rows 33 and 71 have no number where the model needs one. */
const holes = table(rowCount, { 33: null, 71: null });

test('rows that do not fit fail a job as they fail a scoring, whichever shard finds them first', async (t) => {
  const strict = {
    inputs: [{ name: 'a', type: 'int64', shape: [null, 1] }],
    outputs: [{ spec: { name: 'variable', type: 'float64', shape: [null, 1] }, holds: 'scores', classes: [] }],
    intercepts: [0],
    weights: { a: [[1]] },
  } as const;
  const staged = new Map<string, RowBatch>();
  const sources = { rows: memoryDataSource({ table: holes, keys: ['id'], staged }) };
  const { ports, service } = await scoringService({ sources, model: structuredClone(strict) as never });
  const all: JobPorts = {
    ...ports,
    ...rememberResolved(ports, 0),
    jobFolder: memoryJobFolders({ sink: ports.sink, staged }),
  };
  const alone = leftOf(await service.score(request)(), 'SignatureMismatch');
  const job = rightOf(await plan(all)());
  for (const index of [0, 1, 7]) t.deepEqual(leftOf(await work(all, job, index, 8)(), 'SignatureMismatch'), alone);

  const skipping = rightOf(await run(all, { on_error: 'skip' })());
  const skipped = rightOf(await service.score({ ...request, output_location: 'alone.parquet', on_error: 'skip' })());
  t.deepEqual(
    skipping.refused?.map(({ row }) => row),
    [33, 71],
  );
  t.deepEqual(skipping.refused, skipped.refused);
  t.is(skipping.refused_total, 2);
  t.is(skipping.rejects_location, 'memory/out.rejects.ndjson');
  const [rejects, same] = ['out', 'alone'].map(
    (name) => ports.sink.outputs.get(`${name}.rejects.ndjson`)?.batches ?? [],
  );
  for (const column of ['row', 'pointer', 'detail'])
    t.deepEqual(cells(rejects ?? [], column), cells(same ?? [], column), column);
  t.is(cells(ports.sink.outputs.get('out.parquet')?.batches ?? [], 'id').length, rowCount - 2);
});

test('data without rows gives an output without rows, with its columns', async (t) => {
  const here = await place(table(0));
  const answer = rightOf(await run(here.ports)());
  t.deepEqual(answer.performance_diagnostics.warnings, ['The source has no rows: nothing was scored.']);
  const schema = here.sink.outputs.get('out.parquet')?.schema;
  t.deepEqual(
    schema?.columns.map(({ name }) => name),
    ['id', 'prediction'],
  );
});

test('a job that is cancelled once its rows are staged has a plan for them, and can go on', async (t) => {
  const here = await place();
  const cancellation = cancellable();
  const ports: JobPorts = {
    ...here.ports,
    jobFolder: (path) => {
      const folder = here.ports.jobFolder(path);
      const stage: typeof folder.stage = (...asked) =>
        pipe(
          folder.stage(...asked),
          TE.map((file) => {
            cancellation.abort();
            return file;
          }),
        );
      return { ...folder, stage };
    },
  };
  const job = rightOf(await planJob(ports, { shardRows })(request, 'done', { ...unhurried, cancellation })());
  t.true(cancellation.aborted);
  rightOf(await work(here.ports, job)());
  rightOf(await finish(here.ports, job)());
  t.deepEqual(output(here), whole);
});

test('a worker that is told to stop leaves its commits to the next', async (t) => {
  const here = await place();
  const job = rightOf(await plan(here.ports)());
  const cancellation = cancellable();
  const stopped = await workShards(here.ports)(
    job.path,
    { index: 0, count: 1 },
    ({ shard, isCommitted }) => void (isCommitted && shard === 4 && cancellation.abort()),
    { ...unhurried, cancellation },
  )();
  leftOf(stopped, 'Cancelled');
  t.is(rowFiles(here).length, 5);
  rightOf(await run(here.ports)());
  t.deepEqual(output(here), whole);
});

test('shards are all the rows in order, and no group is cut that is not larger than a shard', (t) => {
  t.deepEqual(cutShards([]), [{ begin: 0, end: 0 }]);
  t.deepEqual(cutShards([4, 4, 4, 9], 8), [
    { begin: 0, end: 8 },
    { begin: 8, end: 12 },
    { begin: 12, end: 17 },
    { begin: 17, end: 21 },
  ]);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 50 })), fc.integer({ min: 1, max: 30 }), (groups, rows) => {
      const shards = cutShards(groups, rows);
      const total = groups.reduce((sum, group) => sum + group, 0);
      let at = 0;
      for (const { begin, end } of shards) {
        if (begin !== at || end - begin > rows || (end === begin && total > 0)) return false;
        at = end;
      }
      let edge = 0;
      const inside = groups.some((group) => {
        const [from, to] = [edge, (edge += group)];
        return group <= rows && shards.some(({ begin }) => begin > from && begin < to);
      });
      return at === total && !inside;
    }),
  );
  const shardsOf = (groups: number): number => cutShards(new Array<number>(groups).fill(122_880)).length;
  t.deepEqual([1, 9, 17, 40, 400].map(shardsOf), [1, 9, 17, 20, 100]);
  t.true(shardsOf(50_000) <= 10_000);
});

test('each worker takes every shard once, its own first, and at first no two take the same', (t) => {
  t.deepEqual(shardOrder(7, { index: 1, count: 3 }), [1, 4, 5, 2, 6, 3, 0]);
  fc.assert(
    fc.property(fc.nat(40), fc.integer({ min: 1, max: 50 }), (shards, count) => {
      const orders = Array.from({ length: count }, (_, index) => shardOrder(shards, { index, count }));
      const own = orders.flatMap((order, index) => order.slice(0, Math.max(0, Math.ceil((shards - index) / count))));
      const everyShard = Array.from({ length: shards }, (_, shard) => shard);
      const inOrder = (order: ReadonlyArray<number>) => order.toSorted((a, b) => a - b).join();
      return [own, ...orders].every((order) => inOrder(order) === everyShard.join());
    }),
  );
});

test('a column of JSON values has the narrowest type that holds those of every part', (t) => {
  const column = (...narrow_types: ReadonlyArray<'int64' | 'float64' | 'bool' | 'string'>) => [
    { name: 'k', type: 'string', narrow_types } as const,
  ];
  const typeOf = (...parts: ReadonlyArray<ReturnType<typeof column>>) => joinedColumns(parts)[0]?.type;
  t.is(typeOf(column('int64', 'float64', 'string'), column('float64', 'string')), 'float64');
  t.is(typeOf(column('int64', 'float64', 'bool', 'string'), column('bool', 'string')), 'bool');
  t.is(typeOf(column('int64', 'string'), column('float64', 'string')), 'string');
  t.is(typeOf(column('int64', 'float64', 'string'), column('int64', 'float64', 'string')), 'int64');
});
