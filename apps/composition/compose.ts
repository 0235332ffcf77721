/** Composes a service from settings: the one place where Inversify is. */
import * as E from 'fp-ts/lib/Either.js';
import { Container } from 'inversify';
import { fail, type Failure, type Service, type ServicePorts } from '../../core/index.js';
import { isBucketAddress, type Settings } from '../settings.js';
import { ids } from './identifiers.js';
import { type Overrides, registryModule, scoringModule, serviceModule } from './modules.js';

export type { Overrides };

export interface Composition {
  readonly service: Service;
  /** What the service is made of. */
  readonly ports: ServicePorts;
  readonly settings: Settings;
  /** Closes the service, then lets go of its parts. */
  readonly close: () => Promise<void>;
}

/** A service as the settings say. Nothing is opened or loaded yet. Fails `Unavailable` when a part is not in this version. */
export const compose = (settings: Settings, overrides: Overrides = {}): E.Either<Failure, Composition> => {
  const { registry } = settings;
  if (registry.kind === 'gcs')
    return noBuckets(`The registry is ${registry.location}`, 'use --local DIR or SCOREKEEPER_STORE=local');
  const outputRoot = overrides.outputRoot ?? settings.outputRoot;
  if (isBucketAddress(outputRoot)) return noBuckets(`The output root is ${outputRoot}`, 'use a local folder');
  const container = new Container({ defaultScope: 'Singleton' });
  container.load(registryModule(registry.root, overrides), scoringModule(settings, overrides), serviceModule(settings));
  const service = container.get(ids.service);
  return E.right({
    service,
    ports: container.get(ids.ports),
    settings,
    close: async () => {
      await service.close();
      await container.unbindAllAsync();
    },
  });
};

/** The failure of whatever is in Google Cloud Storage. */
const noBuckets = (what: string, cure: string): E.Either<Failure, never> =>
  fail('Unavailable', `${what}, and this version has no Google Cloud Storage adapter yet: ${cure}.`);
