/** Composition: what stands behind the ports as settings and overrides say. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import * as E from 'fp-ts/lib/Either.js';
import { memoryPredictionSink } from '../../adapters/memory/prediction-sink.js';
import { compose } from '../../apps/composition/compose.js';
import { sinkOnDemand } from '../../apps/composition/on-demand.js';
import { folderAt } from '../../apps/places.js';
import { failureTable } from '../../apps/failure-table.js';
import { type Flags, resolveSettings, type Settings } from '../../apps/settings.js';
import { type CallOptions, neverCancelled } from '../../core/index.js';
import { emptyFolder } from './cli/command-line.js';

const call: CallOptions = { deadlineMs: Number.MAX_SAFE_INTEGER, cancellation: neverCancelled };

const settingsIn = (workingDir: string, content: unknown = {}, flags: Flags = {}): Settings => {
  const settings = resolveSettings(
    flags,
    { env: {}, workingDir },
    { name: 'scorekeeper.json', dir: workingDir, content },
  );
  if (E.isLeft(settings)) throw new Error(settings.left.message);
  return settings.right;
};

test('an empty folder composes to a service that answers, closes, and writes nothing', async (t) => {
  const root = await emptyFolder();
  const { service, ports, close } = compose(settingsIn(root));
  t.deepEqual(await service.models({})(), E.right({ models: {} }));
  t.deepEqual(await service.experiments()(), E.right([]));
  t.is(ports.store.location, `local folder ${root}`);
  t.is(ports.experiments.location, `local folder ${root}/models/experiments`);
  t.is(ports.sink.root, root);
  await t.notThrowsAsync(close());
});

test('overrides replace the place of experiments and outputs, and add a source', async (t) => {
  const root = await emptyFolder();
  const elsewhere = await emptyFolder();
  await mkdir(join(elsewhere, 'rating', 'mine', 'v2'), { recursive: true });
  await writeFile(join(elsewhere, 'rating', 'mine', 'v2', 'pipeline.onnx'), 'bytes');
  await writeFile(join(elsewhere, 'rows.csv'), 'a,b\n1,2\n');
  const name = join(elsewhere, 'rows.csv');
  const { service, ports, close } = compose(settingsIn(root), {
    experiments: folderAt(elsewhere),
    outputRoot: elsewhere,
    sourceFile: { name, keys: ['a'] },
  });
  t.deepEqual(await service.experiments()(), E.right([{ modelType: 'rating', name: 'mine', versions: [2] }]));
  t.is(ports.experiments.location, `local folder ${elsewhere}`);
  t.is(ports.sink.root, elsewhere);
  t.deepEqual(ports.sources[name]?.keys, ['a']);
  const opened = await ports.sources[name]?.open({}, call)();
  if (opened === undefined || E.isLeft(opened)) return t.fail('the source does not open');
  t.deepEqual(opened.right.columnNames, ['a', 'b']);
  await opened.right.close();
  await close();
});

test('declared sources read their files and their query file relative to the settings file, at every opening', async (t) => {
  const root = await emptyFolder();
  await writeFile(join(root, 'rows.csv'), 'a,b\n1,2\n');
  const { ports, close } = compose(
    settingsIn(root, {
      sources: { rows: { kind: 'duckdb', files: { rows: 'rows.csv' }, sql_file: 'query.sql', keys: ['a'] } },
    }),
  );
  const columns = async () => {
    const opened = await ports.sources['rows']?.open({}, call)();
    if (opened === undefined) throw new Error('there is no such source');
    if (E.isLeft(opened)) return opened.left.message;
    await opened.right.close();
    return opened.right.columnNames;
  };
  t.regex(
    `${await columns()}`,
    /query\.sql is not there: put it where sql_file says, from the folder of the settings file on/,
  );
  await writeFile(join(root, 'query.sql'), 'select a from rows');
  t.deepEqual(await columns(), ['a']);
  await writeFile(join(root, 'query.sql'), 'select b, a from rows');
  t.deepEqual(await columns(), ['b', 'a']);
  await rm(join(root, 'rows.csv'));
  t.is(await columns(), 'rows.csv: there is no such file in the folder of the settings file, where its path begins.');
  await close();
});

test('an adapter is made once, when it is first used, and again only where that failed', async (t) => {
  let made = 0;
  const sink = sinkOnDemand('here', async () => {
    made++;
    if (made === 1) throw new Error('no memory');
    return memoryPredictionSink();
  });
  await t.throwsAsync(() => sink.resolve('a.csv')(), { message: 'no memory' });
  for (let i = 0; i < 3; i++) t.true(E.isRight(await sink.resolve('a.csv')()));
  t.is(made, 2);
});

test('a registry in a bucket composes to its store, with experiments and outputs in it', (t) => {
  const { ports } = compose(settingsIn('/srv', {}, { bucket: 'bgg-models/prod' }));
  t.is(ports.store.location, 'gs://bgg-models/prod');
  t.is(ports.experiments.location, 'gs://bgg-models/prod/models/experiments');
  t.is(ports.sink.root, 'gs://bgg-models/predictions/');
});

test('outputs in buckets, and their jobs, keep clear of the registry and of sources there', async (t) => {
  const { ports } = compose(settingsIn('/srv', { output_root: 'gs://b-1/' }, { bucket: 'b-1/prod' }));
  t.deepEqual(await ports.sink.resolve('a.parquet')(), E.right('gs://b-1/a.parquet'));
  t.like(await ports.sink.resolve('prod/models/a.parquet')(), { left: { tag: 'InvalidInput' } });
  const { outputs } = ports.jobFolder?.('gs://b-1/prod/models/a.parquet.job/1') ?? t.fail();
  t.like(await outputs.resolve('a.parquet')(), { left: { tag: 'InvalidInput' } });
});

test('exit codes differ from each other and from Node’s own, but for 2', (t) => {
  const codes = Object.values(failureTable).map(({ exit }) => exit);
  t.is(new Set(codes).size, codes.length);
  t.deepEqual(
    codes.filter((code) => code <= 13),
    [2],
  );
});
