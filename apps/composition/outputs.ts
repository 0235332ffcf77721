/** Which adapter takes predictions and holds jobs, as the place says: a folder, a bucket, or a dataset. */
import { resolve } from 'node:path';
import { localFilesystemArtifactStore } from '../../adapters/local-filesystem/artifact-store.js';
import type { OpenJobFolder, PredictionSink } from '../../core/index.js';
import { bucketAt, isBucketAddress, isWarehouseAddress } from '../places.js';
import type { Settings } from '../settings.js';
import type { Overrides } from './modules.js';
import { jobFolderOnDemand, sinkOnDemand } from './on-demand.js';
import { emulatedWarehouse, openBucketFiles, openCopies, openStore } from './stores.js';

/** The sink at the output root. */
export const sinkOf = (settings: Settings, overrides: Overrides): PredictionSink => {
  const root = overrides.outputRoot ?? settings.outputRoot;
  if (isWarehouseAddress(root)) return tablesSink(root);
  const kept = keptPlaces(settings, overrides);
  return sinkOnDemand(root, async () => {
    const { duckdbPredictionSink } = await import('../../adapters/duckdb/prediction-sink.js');
    if (!isBucketAddress(root)) return duckdbPredictionSink({ root, protectedPaths: kept.paths });
    const { googleCloudStoragePredictionSink } = await import('../../adapters/google-cloud-storage/prediction-sink.js');
    return googleCloudStoragePredictionSink({ root, protectedAddresses: kept.addresses, ...(await fromHere()) });
  });
};

/** Job folders, each where its path says. */
export const jobFoldersOf =
  (settings: Settings, overrides: Overrides): OpenJobFolder =>
  (path) => {
    const kept = keptPlaces(settings, overrides);
    const copies = openCopies(settings);
    if (!isBucketAddress(path)) {
      return jobFolderOnDemand(path, localFilesystemArtifactStore({ root: path, mayGo: true }), async () =>
        (await import('../../adapters/duckdb/job-rows.js')).duckdbJobRows({
          folder: path,
          protectedPaths: kept.paths,
          copies,
        }),
      );
    }
    return jobFolderOnDemand(path, openStore(bucketAt(path)), async () => {
      const { googleCloudStorageJobRows } = await import('../../adapters/google-cloud-storage/job-folder.js');
      const { duckdbStagedSource } = await import('../../adapters/duckdb/staged-source.js');
      return googleCloudStorageJobRows({
        folder: path,
        protectedAddresses: kept.addresses,
        readStaged: (rows, keys, range) => duckdbStagedSource(rows, range, { keys, baseDir: path, copies }),
        ...(await fromHere()),
      });
    });
  };

/** What writes in buckets: files of this machine, and their way there. */
const fromHere = async () => {
  const { duckdbPredictionSink } = await import('../../adapters/duckdb/prediction-sink.js');
  return {
    files: openBucketFiles(),
    staging: (root: string) => duckdbPredictionSink({ root }),
  };
};

/** Tables of the dataset; outputs wait for their loading in the system's temporary folder. */
const tablesSink = (root: string): PredictionSink =>
  sinkOnDemand(root, async () => {
    const { bigqueryPredictionSink } = await import('../../adapters/bigquery/prediction-sink.js');
    const { duckdbPredictionSink } = await import('../../adapters/duckdb/prediction-sink.js');
    const { makeAside } = await import('../../adapters/duckdb/make-folder.js');
    const { ownSpillFolder } = await import('../../adapters/duckdb/spill-folder.js');
    // A project of an organization has dots of its own.
    const [, project = '', dataset = ''] = /^bigquery:\/\/(.*)\.([^.]*)$/.exec(root) ?? [];
    const folder = ownSpillFolder();
    await makeAside(folder.path);
    const staging = duckdbPredictionSink({ root: folder.path });
    return bigqueryPredictionSink({ project, dataset, staging, ...emulatedWarehouse() });
  });

/** What no request may write over: registered models, experiments, and what sources read. */
const keptPlaces = (
  { registry, sources, sourcesDir }: Settings,
  { experiments, sourceFile }: Overrides,
): { readonly paths: ReadonlyArray<string>; readonly addresses: ReadonlyArray<string> } => {
  const files = [
    ...(sourceFile === undefined ? [] : [absolute('.', sourceFile.name)]),
    ...Object.values(sources).flatMap((source) => {
      const tables = source.kind === 'duckdb' ? Object.values(source.files) : [];
      const query = source.sql_file === undefined ? [] : [source.sql_file];
      return [...tables, ...query].map((file) => absolute(sourcesDir, file));
    }),
  ];
  const registries = [
    registry.kind === 'local' ? resolve(registry.root, 'models') : `${registry.location}/models`,
    ...(experiments === undefined ? [] : [experiments.kind === 'local' ? experiments.root : experiments.location]),
  ];
  const all = [...registries, ...files];
  return { paths: all.filter((place) => !isBucketAddress(place)), addresses: all.filter(isBucketAddress) };
};

const absolute = (dir: string, file: string): string => (isBucketAddress(file) ? file : resolve(dir, file));
