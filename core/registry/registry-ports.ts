/** What the registry stands on. */
import type { ArtifactStore } from '../ports/artifact-store.js';
import type { Host } from '../ports/host.js';

export interface RegistryPorts {
  readonly host: Host;
  readonly store: ArtifactStore;
}
