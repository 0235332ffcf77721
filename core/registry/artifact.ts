/** Reads a version's artifact, and only when it is what was registered. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type Failure, failure } from '../failure.js';
import type { Registration } from '../model/registration.js';
import type { CallOptions } from '../ports/host.js';
import { layout } from './layout.js';
import type { RegistryPorts } from './registry-ports.js';

/** The artifact's bytes. Fails `ArtifactUnreadable` when they are gone, or their digest is not the registration's. */
export const readArtifact =
  ({ store, host }: RegistryPorts) =>
  (registration: Registration, call: CallOptions): TE.TaskEither<Failure, Uint8Array> => {
    const key = layout.artifact({ modelType: registration.model_type, name: registration.name }, registration.version);
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
