/** Composes a service from settings: the one place where Inversify is. */
import { Container } from 'inversify';
import type { Service, ServicePorts } from '../../core/index.js';
import type { Settings } from '../settings.js';
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

/** A service as the settings say. Nothing is opened or loaded yet. */
export const compose = (settings: Settings, overrides: Overrides = {}): Composition => {
  const container = new Container({ defaultScope: 'Singleton' });
  container.loadSync(registryModule(settings, overrides), scoringModule(settings, overrides), serviceModule(settings));
  const service = container.get(ids.service);
  return {
    service,
    ports: container.get(ids.ports),
    settings,
    close: async () => {
      await service.close();
      await container.unbindAll();
    },
  };
};
