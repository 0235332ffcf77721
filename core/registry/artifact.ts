/** Reads a version's artifact, and only when it is what was registered. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as T from 'fp-ts/lib/Task.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type Failure, failure } from '../failure.js';
import { modelIdOf } from '../model/names.js';
import type { Registration } from '../model/registration.js';
import type { ArtifactCache } from '../ports/artifact-cache.js';
import type { CallOptions } from '../ports/host.js';
import { layout } from './layout.js';
import type { RegistryPorts } from './registry-ports.js';

export interface ArtifactPorts extends RegistryPorts {
  /** Without one, every load fetches the artifact from the store. */
  readonly artifactCache?: ArtifactCache;
}

/** The artifact's bytes, from the cache where it holds them. Fails `ArtifactUnreadable` when they are gone, or their digest is not the registration's. */
export const readArtifact =
  ({ artifactCache, ...ports }: ArtifactPorts) =>
  (registration: Registration, call: CallOptions): TE.TaskEither<Failure, Uint8Array> => {
    const stored = fromStore(ports, registration, call);
    if (artifactCache === undefined) return stored;
    const { sha256 } = registration.artifact;
    return pipe(
      artifactCache.get(sha256),
      T.map(O.filter((bytes) => ports.host.sha256(bytes) === sha256)),
      T.chain(
        O.match(
          () =>
            pipe(
              stored,
              TE.chainFirstTaskK((bytes) => artifactCache.keep(sha256, bytes)),
            ),
          (bytes) => TE.right(bytes),
        ),
      ),
    );
  };

const fromStore = (
  { store, host }: RegistryPorts,
  registration: Registration,
  call: CallOptions,
): TE.TaskEither<Failure, Uint8Array> => {
  const key = layout.artifact(modelIdOf(registration), registration.version);
  return pipe(
    store.get(key, call),
    TE.chainEitherK(
      E.fromOption(() =>
        failure('ArtifactUnreadable', `${key} is not there, although it is registered. Restore it from a copy.`),
      ),
    ),
    TE.map(({ bytes }) => bytes),
    TE.filterOrElse(
      (bytes) => host.sha256(bytes) === registration.artifact.sha256,
      () =>
        failure(
          'ArtifactUnreadable',
          `${key} was changed after it was registered: its digest differs. Restore it from a copy.`,
        ),
    ),
  );
};
