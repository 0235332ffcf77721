/** Which adapter stands behind each port, as the settings say. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { ContainerModule } from 'inversify';
import { artifactStoreExperimentSource } from '../../adapters/artifact-store/experiment-source.js';
import { duckdbDataSource } from '../../adapters/duckdb/data-source.js';
import { duckdbPredictionSink } from '../../adapters/duckdb/prediction-sink.js';
import { localFilesystemArtifactStore } from '../../adapters/local-filesystem/artifact-store.js';
import { lruCacheModelCache } from '../../adapters/lru-cache/model-cache.js';
import { nodeHost } from '../../adapters/node-host.js';
import { onnxruntimeInferenceEngine } from '../../adapters/onnxruntime/inference-engine.js';
import { createService, type DataSource, failure } from '../../core/index.js';
import type { Settings, SourceSettings } from '../settings.js';
import { ids } from './identifiers.js';

/** What one run has otherwise than its settings. Folders are absolute. */
export interface Overrides {
  /** The folder that holds `{model_type}/{experiment}`, instead of the registry's own. */
  readonly experimentsDir?: string;
  readonly outputRoot?: string;
  /** A table file, which becomes a source of its own name (a path). */
  readonly sourceFile?: { readonly name: string; readonly keys: ReadonlyArray<string> };
}

/** The registry: models and experiments in the local folder `root`. */
export const registryModule = (root: string, { experimentsDir }: Overrides): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(ids.store).toResolvedValue(() => localFilesystemArtifactStore({ root }));
    bind(ids.experiments).toResolvedValue(
      (store) =>
        experimentsDir === undefined
          ? artifactStoreExperimentSource({ store, root: 'models/experiments' })
          : artifactStoreExperimentSource({ store: localFilesystemArtifactStore({ root: experimentsDir }), root: '' }),
      [ids.store],
    );
  });

/** What scores: the runtime, its cache, the sources and the sink. */
export const scoringModule = (settings: Settings, { outputRoot, sourceFile }: Overrides): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(ids.host).toResolvedValue(nodeHost);
    bind(ids.engine).toResolvedValue(() => onnxruntimeInferenceEngine());
    bind(ids.cache).toResolvedValue(() => lruCacheModelCache({ limitBytes: settings.limits.model_cache_bytes }));
    bind(ids.sink).toResolvedValue(() => duckdbPredictionSink({ root: outputRoot ?? settings.outputRoot }));
    bind(ids.sources).toResolvedValue(() => ({
      ...Object.fromEntries(
        Object.entries(settings.sources).map(([name, source]) => [name, declaredSource(source, settings.sourcesDir)]),
      ),
      ...(sourceFile === undefined ? {} : { [sourceFile.name]: duckdbDataSource({ files: { rows: sourceFile.name }, keys: sourceFile.keys }) }),
    }));
  });

/** The service over all of these. */
export const serviceModule = (settings: Settings): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(ids.ports).toResolvedValue(
      (host, store, experiments, engine, cache, sources, sink) => ({ host, store, experiments, engine, cache, sources, sink }),
      [ids.host, ids.store, ids.experiments, ids.engine, ids.cache, ids.sources, ids.sink],
    );
    bind(ids.service).toResolvedValue((ports) => createService(ports, serviceSettings(settings)), [ids.ports]);
  });

const serviceSettings = ({ modelTypes, limits, registeredBy, environment }: Settings) => ({
  gates: byType(modelTypes, ({ gate }) => gate),
  sourceOfType: byType(modelTypes, ({ source }) => source),
  inlineRowLimit: limits.inline_rows,
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

/** A query that is in a file of its own is read when the source is opened, and so is always the file's present text. */
const declaredSource = ({ files, sql, sql_file, keys = [] }: SourceSettings, baseDir: string): DataSource => {
  const withQuery = (query: string): DataSource => duckdbDataSource({ files, sql: query, keys, baseDir });
  if (sql_file === undefined) return withQuery(sql ?? '');
  return {
    keys,
    open: (range, call) =>
      pipe(
        TE.tryCatch(
          () => readFile(resolve(baseDir, sql_file), 'utf8'),
          () => failure('NotFound', `The source's query file ${sql_file} cannot be read: put it beside the settings file, or correct sql_file.`),
        ),
        TE.flatMap((query) => withQuery(query).open(range, call)),
      ),
  };
};
