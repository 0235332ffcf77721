/** Intents: the claims of version numbers, and what follows from one alone. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import * as t from 'io-ts';
import type { Failure } from '../failure.js';
import { type ModelId, Version } from '../model/names.js';
import { Registration } from '../model/registration.js';
import { type JsonObject, openDocument } from '../model/sealed-document.js';
import type { CallOptions } from '../ports/host.js';
import { layout } from './layout.js';
import type { RegistryPorts } from './registry-ports.js';

/** `intents/v{N}.json`: who owns N, and the exact text of its registration. */
export const Intent = t.readonly(
  t.type({ schema_version: t.literal(1), registration_id: t.string, version: Version, registration: t.string }),
);
export type Intent = t.TypeOf<typeof Intent>;

/** The version's intent; none when it was never claimed. Fails `ArtifactUnreadable` when it is damaged. */
export const readIntent = (
  { host, store }: RegistryPorts,
  model: ModelId,
  version: number,
  call: CallOptions,
): TE.TaskEither<Failure, O.Option<Intent>> => {
  const key = layout.intent(model, version);
  return pipe(
    store.get(key, call),
    TE.chainEitherK(O.traverse(E.Applicative)(({ bytes }) => openDocument(host)(Intent, key)(bytes))),
    // It stands in the way of every later version, and nobody may have a copy of what lived for a moment.
    TE.mapLeft((failed) =>
      failed.tag === 'ArtifactUnreadable'
        ? { ...failed, message: `${failed.message} Without a copy, delete it: no acknowledged registration needs it.` }
        : failed,
    ),
  );
};

/** The registration whose text the intent has. Fails `ArtifactUnreadable` when that is damaged. */
export const registrationOf = (
  { host }: RegistryPorts,
  model: ModelId,
  intent: Intent,
): E.Either<Failure, Registration> =>
  openDocument(host)(Registration, layout.intent(model, intent.version))(host.utf8.encode(intent.registration));

/** The record of a version that was given up. Fixed by the intent alone, so that every helper writes the same bytes. */
export const tombstone = (model: ModelId, intent: Intent): JsonObject => ({
  schema_version: 1,
  registration_id: intent.registration_id,
  model_type: model.modelType,
  name: model.name,
  version: intent.version,
  status: 'aborted',
});
