/** Copies a version to another registry, where it gets the next number and says where it came from. */
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type Failure, failTask } from '../failure.js';
import { modelIdOf, showModel } from '../model/names.js';
import type { Registration } from '../model/registration.js';
import type { ArtifactStore } from '../ports/artifact-store.js';
import type { CallOptions } from '../ports/host.js';
import { type ArtifactPorts, readArtifact } from './artifact.js';
import { noteRegistered, readModelState } from './model-state.js';
import { publish } from './publish.js';
import type { RegistryPorts } from './registry-ports.js';
import { type CopyRequest, modelOf, referenceOf } from './requests.js';
import { resolveScorable } from './resolve.js';
import { highestVersion, readVersion } from './versions.js';

/**
 * Copies the version that the request names from this registry to `target`; the digest is the same, the checks are not done again.
 * Fails `InvalidInput`, `NotFound`, `AlreadyExists` (`target` is the registry it would be copied from), `ArtifactUnreadable` (also when the
 * artifact is not what was registered), and as both stores do.
 */
export const copyVersion =
  (ports: ArtifactPorts) =>
  (request: CopyRequest, target: ArtifactStore, call: CallOptions): TE.TaskEither<Failure, Registration> => {
    const { host } = ports;
    const model = modelOf(request);
    const there: RegistryPorts = { host, store: target };
    return pipe(
      TE.Do,
      TE.bind('reference', () => TE.fromEither(referenceOf(request))),
      TE.bind('registration', ({ reference }) =>
        pipe(
          resolveScorable(ports)(reference, call),
          TE.map(({ registration }) => registration),
        ),
      ),
      TE.chainFirst(({ registration }) => requireAnother(there, registration, call)),
      TE.bind('artifact', ({ registration }) => readArtifact(ports)(registration, call)),
      TE.bind('seen', () => readModelState(there)(model, call)),
      TE.bind('highest', ({ seen }) => highestVersion(there)(model, seen.state.latest_hint, call)),
      TE.chain(({ registration, artifact, seen, highest }) => {
        const registrationId = host.randomId();
        const { sha256: _, ...fields } = registration;
        const copied_from = {
          registry: ports.store.location,
          version: registration.version,
          registration_id: registration.registration_id,
        };
        const registrationAs = (version: number) => ({
          ...fields,
          registration_id: registrationId,
          version,
          registered_at: new Date(host.nowMs()).toISOString(),
          copied_from,
        });
        return pipe(
          publish(there)({ model, registrationId, artifact, tries: 'one', registrationAs }, highest + 1, call),
          TE.chainFirst((made) => TE.fromTask(noteRegistered(there)(made, seen, call))),
        );
      }),
    );
  };

/** No two registrations have one id, so a registry that has this one is the registry that it comes from, by whatever name it was opened. */
const requireAnother = (
  there: RegistryPorts,
  registration: Registration,
  call: CallOptions,
): TE.TaskEither<Failure, unknown> => {
  const { version } = registration;
  const model = modelIdOf(registration);
  return pipe(
    readVersion(there)(model, version, call),
    TE.chain((found) =>
      O.isSome(found) &&
      found.value.kind === 'registered' &&
      found.value.registration.registration_id === registration.registration_id
        ? failTask(
            'AlreadyExists',
            `Version ${version} of ${showModel(model)} is in ${there.store.location} already: that is the registry it would be copied from, or holds all that it does. Name another one.`,
          )
        : TE.right(null),
    ),
  );
};
