/** Which adapter stands behind each port, as the settings say. */
import { resolve } from 'node:path';
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { ContainerModule } from 'inversify';
import type { ReadExport, StageBatches } from '../../adapters/bigquery/staging.js';
import type { DuckdbSourceOptions } from '../../adapters/duckdb/data-source.js';
import { localFilesystemArtifactCache } from '../../adapters/local-filesystem/artifact-cache.js';
import { lruCacheModelCache } from '../../adapters/lru-cache/model-cache.js';
import { nodeHost } from '../../adapters/node-host.js';
import { type CallOptions, createService, type DataSource, failure, type Failure } from '../../core/index.js';
import { readText } from '../named-file.js';
import { isBucketAddress, type Registry } from '../places.js';
import type { Settings } from '../settings.js';
import type { SourceSettings } from '../settings-file.js';
import { ids } from './identifiers.js';
import { engineOnDemand, experimentsOnDemand, sourceOnDemand } from './on-demand.js';
import { jobFoldersOf, sinkOf } from './outputs.js';
import { emulatedWarehouse, openCopies, openStore } from './stores.js';

/** What one run has otherwise than its settings. Folders are absolute. */
export interface Overrides {
  /** The place that holds `{model_type}/{experiment}`, instead of the registry's own. */
  readonly experiments?: Registry;
  readonly outputRoot?: string;
  /** A table file, which becomes a source of its own name (a path). */
  readonly sourceFile?: { readonly name: string; readonly keys: ReadonlyArray<string> };
}

/** The registry: models, what is kept of them near at hand, and experiments unless they are elsewhere. */
export const registryModule = (
  { registry, artifactCacheDir, limits }: Settings,
  { experiments }: Overrides,
): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(ids.store).toResolvedValue(() => openStore(registry));
    // What is in a folder is near already.
    bind(ids.artifactCache).toResolvedValue(() =>
      registry.kind === 'local'
        ? undefined
        : localFilesystemArtifactCache({ folder: artifactCacheDir, limitBytes: limits.artifact_cache_bytes }),
    );
    bind(ids.experiments).toResolvedValue(
      (store) => {
        const place =
          experiments === undefined
            ? { store, root: 'models/experiments' }
            : { store: openStore(experiments), root: '' };
        return experimentsOnDemand(
          [place.store.location, place.root].filter((part) => part !== '').join('/'),
          async () => {
            const { artifactStoreExperimentSource } = await import(
              '../../adapters/artifact-store/experiment-source.js'
            );
            return artifactStoreExperimentSource(place);
          },
        );
      },
      [ids.store],
    );
  });

/** What scores: the runtime, its cache, the sources and the sink. */
export const scoringModule = (settings: Settings, overrides: Overrides): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(ids.host).toResolvedValue(nodeHost);
    bind(ids.engine).toResolvedValue(() =>
      engineOnDemand(async () =>
        (await import('../../adapters/onnxruntime/inference-engine.js')).onnxruntimeInferenceEngine(),
      ),
    );
    bind(ids.cache).toResolvedValue(() => lruCacheModelCache({ limitBytes: settings.limits.model_cache_bytes }));
    bind(ids.sources).toResolvedValue(() => sourcesOf(settings, overrides));
    bind(ids.jobFolder).toConstantValue(jobFoldersOf(settings, overrides));
    bind(ids.sink).toResolvedValue(() => sinkOf(settings, overrides));
  });

/** The service over all of these. */
export const serviceModule = (settings: Settings): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(ids.ports).toResolvedValue(
      (host, store, experiments, engine, cache, sources, sink, jobFolder, artifactCache) => ({
        host,
        store,
        experiments,
        engine,
        cache,
        sources,
        sink,
        jobFolder,
        ...(artifactCache === undefined ? {} : { artifactCache }),
      }),
      [
        ids.host,
        ids.store,
        ids.experiments,
        ids.engine,
        ids.cache,
        ids.sources,
        ids.sink,
        ids.jobFolder,
        ids.artifactCache,
      ],
    );
    bind(ids.service).toResolvedValue((ports) => createService(ports, serviceSettings(settings)), [ids.ports]);
  });

const serviceSettings = ({ modelTypes, limits, refreshMs, registeredBy, environment }: Settings) => ({
  gates: byType(modelTypes, ({ gate }) => gate),
  sourceOfType: byType(modelTypes, ({ source }) => source),
  inlineRowLimit: limits.inline_rows,
  refreshMs,
  ...(registeredBy === undefined ? {} : { registeredBy }),
  ...(environment === undefined ? {} : { environment }),
});

const byType = <A>(
  types: Settings['modelTypes'],
  of: (type: Settings['modelTypes'][string]) => A | undefined,
): Readonly<Record<string, A>> =>
  Object.fromEntries(
    Object.entries(types).flatMap(([type, said]) => {
      const value = of(said);
      return value === undefined ? [] : [[type, value]];
    }),
  );

const sourcesOf = (settings: Settings, { sourceFile }: Overrides): Readonly<Record<string, DataSource>> => {
  const { sources, sourcesDir } = settings;
  const copies = openCopies(settings);
  const own = { baseDir: sourcesDir, baseDirName: settingsFolder, copies };
  return {
    ...Object.fromEntries(Object.entries(sources).map(([name, source]) => [name, declaredSource(source, own)])),
    ...(sourceFile === undefined
      ? {}
      : {
          [sourceFile.name]: sourceOnDemand(sourceFile.keys, () =>
            tables({ files: { rows: sourceFile.name }, keys: sourceFile.keys, copies }),
          ),
        }),
  };
};

const tables =
  (options: DuckdbSourceOptions): TE.TaskEither<Failure, DataSource> =>
  async () =>
    E.right((await import('../../adapters/duckdb/data-source.js')).duckdbDataSource(options));

/** Where files of declared sources are. */
type SourcePlace = Required<Pick<DuckdbSourceOptions, 'baseDir' | 'baseDirName' | 'copies'>>;

/** A query in a file of its own is read whenever the source is opened: an edit needs no restart. */
const declaredSource = (source: SourceSettings, place: SourcePlace): DataSource => {
  const { sql = '', sql_file: file, keys = [] } = source;
  const sourceOf =
    source.kind === 'duckdb'
      ? (query: string) => tables({ ...place, files: source.files, sql: query, keys })
      : warehouse(source, keys, place.copies);
  return sourceOnDemand(keys, (call) =>
    pipe(file === undefined ? TE.right(sql) : readQuery(file, place, call), TE.flatMap(sourceOf)),
  );
};

const stageOnDemand: StageBatches =
  (...asked) =>
  async () =>
    (await import('../../adapters/duckdb/batch-stage.js')).duckdbBatchStage()(...asked)();

const readExportOnDemand =
  (copies: SourcePlace['copies']): ReadExport =>
  (...asked) =>
  async () =>
    (await import('../../adapters/duckdb/exported-files.js')).duckdbExportedFiles({ copies })(...asked)();

/** The same source as before while its SQL is the same, with its client and its credentials. */
const warehouse = (
  {
    project,
    location,
    maximum_bytes_billed: maximumBytesBilled,
    labels,
    model_dataset: modelDataset,
  }: SourceSettings & { kind: 'bigquery' },
  keys: ReadonlyArray<string>,
  copies: SourcePlace['copies'],
): ((sql: string) => TE.TaskEither<Failure, DataSource>) => {
  const options = {
    keys,
    ...(project === undefined ? {} : { project }),
    ...(location === undefined ? {} : { location }),
    ...(maximumBytesBilled === undefined ? {} : { maximumBytesBilled }),
    ...(labels === undefined ? {} : { labels }),
    ...(modelDataset === undefined ? {} : { modelDataset }),
    ...emulatedWarehouse(),
    stage: stageOnDemand,
    readExport: readExportOnDemand(copies),
  };
  let last: { readonly sql: string; readonly source: DataSource } | undefined;
  return (sql) => async () => {
    const { bigqueryDataSource } = await import('../../adapters/bigquery/data-source.js');
    if (last?.sql !== sql) last = { sql, source: bigqueryDataSource({ ...options, sql }) };
    return E.right(last.source);
  };
};

/** What paths in the settings file are relative to, without saying where that is. */
const settingsFolder = 'the folder of the settings file';

const readQuery = (
  file: string,
  { baseDir, copies }: SourcePlace,
  call: CallOptions,
): TE.TaskEither<Failure, string> => {
  const what = `The source's query file ${file}`;
  if (!isBucketAddress(file)) {
    const absent = `${what} is not there: put it where sql_file says, from ${settingsFolder} on, or correct sql_file.`;
    return readText(resolve(baseDir, file), what, absent);
  }
  const absent = `${what} is not there: put it there, or correct sql_file.`;
  return pipe(
    copies.head(file, call),
    TE.flatMap(TE.fromOption(() => failure('NotFound', absent))),
    TE.flatMap((found) =>
      TE.bracket(
        copies.whole(found, call),
        ({ path }) => readText(path, what, absent),
        ({ close }) => TE.fromTask(close),
      ),
    ),
  );
};
