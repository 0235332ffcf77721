/** What the container knows its parts by: symbols that carry the part's type. */
import type { ServiceIdentifier } from 'inversify';
import type {
  ArtifactCache,
  ArtifactStore,
  DataSource,
  ExperimentSource,
  Host,
  InferenceEngine,
  ModelCache,
  OpenJobFolder,
  PredictionSink,
  Service,
  ServicePorts,
} from '../../core/index.js';

const id = <T>(name: string): ServiceIdentifier<T> => Symbol(name);

/** One identifier per port, and two for what they add up to. */
export const ids = {
  host: id<Host>('host'),
  store: id<ArtifactStore>('store'),
  artifactCache: id<ArtifactCache | undefined>('artifactCache'),
  experiments: id<ExperimentSource>('experiments'),
  engine: id<InferenceEngine>('engine'),
  cache: id<ModelCache>('cache'),
  sources: id<Readonly<Record<string, DataSource>>>('sources'),
  sink: id<PredictionSink>('sink'),
  jobFolder: id<OpenJobFolder>('jobFolder'),
  ports: id<ServicePorts>('ports'),
  service: id<Service>('service'),
};
