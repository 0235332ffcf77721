/**
 * The protocol: claims the next version and publishes an artifact as it. Every step is create-only with fixed content, so owners,
 * helpers, retries and zombies all do the same thing; there are no locks, leases or clocks. See docs/storage.md.
 */
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import { type Failure, failTask } from '../failure.js';
import type { ModelId } from '../model/names.js';
import { readVersionRecord, type Registration, type VersionRecord } from '../model/registration.js';
import { type JsonObject, sealDocument } from '../model/sealed-document.js';
import type { CallOptions } from '../ports/host.js';
import { type Intent, readIntent, registrationOf, tombstone } from './intent.js';
import { layout } from './layout.js';
import { jitterOf, readModelState } from './model-state.js';
import type { RegistryPorts } from './registry-ports.js';
import { highestVersion, isCommitted, readVersion } from './versions.js';

/** An artifact that passed every check, ready to become a version. */
export interface Draft {
  readonly model: ModelId;
  readonly registrationId: string;
  readonly artifact: Uint8Array;
  /** `many` when others may be publishing it too, under the same id: then every version from the first on is looked at. */
  readonly tries: 'one' | 'many';
  /** The registration without its digest, when it becomes this version. */
  readonly registrationAs: (version: number) => JsonObject;
}

/** How a version ended: committed, or given up because its artifact was lost. */
type Ending = 'committed' | 'aborted';

/**
 * Publishes the draft as the first free version at or above `from`, the version before which must be committed (or 0), and answers with its
 * registration as stored. An intent under the draft's own
 * registration id at or above `from` is finished instead, so with a fixed `from` a retry never makes a second version.
 * Fails as the store does; nothing is visible as a version until it is whole.
 */
export const publish =
  (ports: RegistryPorts) =>
  (draft: Draft, from: number, call: CallOptions): TE.TaskEither<Failure, Registration> => {
    const claim = (version: number): TE.TaskEither<Failure, Registration> =>
      pipe(
        createIntent(ports, draft, version, call),
        TE.chain((intent) => (intent.registration_id === draft.registrationId ? own(intent) : helpThenClaim(intent))),
      );
    const own = (intent: Intent): TE.TaskEither<Failure, Registration> =>
      pipe(
        finish(ports, draft.model, intent, call),
        TE.chain((ending) =>
          ending === 'committed'
            ? TE.fromEither(registrationOf(ports, draft.model, intent))
            : pipe(
                stage(ports, draft, call),
                TE.chain(() => claim(intent.version + 1)),
              ),
        ),
      );
    const helpThenClaim = (intent: Intent): TE.TaskEither<Failure, Registration> =>
      pipe(
        isCommitted(ports)(draft.model, intent.version, call),
        TE.chain((committed) => {
          if (!committed) {
            return pipe(
              help(ports, draft.model, intent, call),
              TE.map(() => intent.version),
            );
          }
          // `from` was behind, and there may be many more.
          return draft.tries === 'one'
            ? highestVersion(ports)(draft.model, intent.version, call)
            : TE.right<Failure, number>(intent.version);
        }),
        TE.chain((passed) => claim(passed + 1)),
      );
    return pipe(
      stage(ports, draft, call),
      TE.chain(() => claim(from)),
      TE.chainFirst(() => discardStaged(ports, draft.registrationId, call)),
    );
  };

/** A version that was left unfinished, and how it ended. */
export interface RolledForward {
  readonly version: number;
  readonly ending: Ending;
}

/** Finishes the intent above the highest version, if there is one. */
export const rollForward =
  (ports: RegistryPorts) =>
  (model: ModelId, call: CallOptions): TE.TaskEither<Failure, O.Option<RolledForward>> =>
    pipe(
      readModelState(ports)(model, call),
      TE.map(({ state }) => state.latest_hint),
      TE.orElse((failed) => (failed.tag === 'ArtifactUnreadable' ? TE.right(0) : TE.left(failed))),
      TE.chain((hint) => highestVersion(ports)(model, hint, call)),
      TE.chain((highest) => readIntent(ports, model, highest + 1, call)),
      TE.chain(
        O.match(
          () => TE.right<Failure, O.Option<RolledForward>>(O.none),
          (intent) =>
            pipe(
              toLast(ports, model, intent, call),
              TE.chain(() => help(ports, model, intent, call)),
              TE.map((ending) => O.some({ version: intent.version, ending })),
            ),
        ),
      ),
    );

/** Creates the record of a claimed version that has its artifact, and has none; false where the artifact is lost as well. */
export const restoreRecord =
  (ports: RegistryPorts) =>
  (model: ModelId, intent: Intent, call: CallOptions): TE.TaskEither<Failure, boolean> =>
    pipe(
      copyArtifact(ports, model, intent, call),
      TE.chain((present) =>
        present
          ? pipe(
              commit(ports, model, intent, 'committed', call),
              TE.map((ending) => ending === 'committed'),
            )
          : TE.right(false),
      ),
    );

/**
 * The registration that `registrationId` has, or was about to have, at or above version `from`, finished; none when it never claimed
 * a version, or lost it.
 */
export const findPublished =
  (ports: RegistryPorts) =>
  (
    model: ModelId,
    registrationId: string,
    from: number,
    call: CallOptions,
  ): TE.TaskEither<Failure, O.Option<Registration>> =>
    pipe(
      readIntent(ports, model, from, call),
      TE.chain(
        O.match(
          () => TE.right(O.none),
          (intent) =>
            intent.registration_id !== registrationId
              ? findPublished(ports)(model, registrationId, from + 1, call)
              : pipe(
                  toLast(ports, model, intent, call),
                  TE.chain(() => finishAndTidy(ports, model, intent, call)),
                  TE.chain((ending) =>
                    ending === 'committed'
                      ? pipe(TE.fromEither(registrationOf(ports, model, intent)), TE.map(O.some))
                      : findPublished(ports)(model, registrationId, from + 1, call),
                  ),
                ),
        ),
      ),
    );

/** As `findPublished`, and finishes nothing: none also where it was left unfinished. */
export const findCommitted =
  (ports: RegistryPorts) =>
  (
    model: ModelId,
    registrationId: string,
    from: number,
    call: CallOptions,
  ): TE.TaskEither<Failure, O.Option<Registration>> =>
    pipe(
      readVersion(ports)(model, from, call),
      TE.chain(
        O.match(
          () => TE.right(O.none),
          (record) =>
            record.kind === 'registered' && record.registration.registration_id === registrationId
              ? TE.right(O.some(record.registration))
              : findCommitted(ports)(model, registrationId, from + 1, call),
        ),
      ),
    );

/**
 * Step 1. The staged key is the registration's own, so what is there already is what a first try under its idempotency key left. Fails
 * `Conflict` when that was another artifact: the experiment was changed since.
 */
const stage = ({ host, store }: RegistryPorts, draft: Draft, call: CallOptions): TE.TaskEither<Failure, unknown> => {
  const key = layout.staged(draft.registrationId);
  return pipe(
    store.put(key, draft.artifact, { kind: 'absent' }, call),
    TE.orElse(
      (failed): TE.TaskEither<Failure, unknown> =>
        failed.tag === 'AlreadyExists' || failed.ambiguous
          ? pipe(
              store.get(key, call),
              TE.chain(
                O.match(
                  // What was there is gone again once it was published, in doubt or not.
                  (): TE.TaskEither<Failure, unknown> =>
                    failed.tag === 'AlreadyExists' ? TE.right(null) : TE.left(failed),
                  ({ bytes }) =>
                    host.sha256(bytes) === host.sha256(draft.artifact)
                      ? TE.right(null)
                      : failTask(
                          'Conflict',
                          "The experiment's artifact was changed since the first try under this idempotency key. Use a new key.",
                        ),
                ),
              ),
            )
          : TE.left(failed),
    ),
  );
};

/** Step 2. Creating the intent allocates the version; answers with the intent that is there, ours or another's. */
const createIntent = (
  ports: RegistryPorts,
  draft: Draft,
  version: number,
  call: CallOptions,
): TE.TaskEither<Failure, Intent> => {
  const { host, store } = ports;
  const intent: Intent = {
    schema_version: 1,
    registration_id: draft.registrationId,
    version,
    registration: host.utf8.decode(sealDocument(host)(draft.registrationAs(version))),
  };
  return pipe(
    store.put(layout.intent(draft.model, version), sealDocument(host)(intent), { kind: 'absent' }, call),
    TE.map(() => intent),
    TE.orElse((failed) =>
      failed.tag === 'AlreadyExists' || failed.ambiguous
        ? pipe(
            readIntent(ports, draft.model, version, call),
            TE.chain(O.match((): TE.TaskEither<Failure, Intent> => TE.left(failed), TE.right)),
          )
        : TE.left(failed),
    ),
  );
};

/** An intent that was only read: another process may have created it a moment ago, and a registration must not outlast its intent. */
const toLast = ({ store }: RegistryPorts, model: ModelId, intent: Intent, call: CallOptions) =>
  store.head(layout.intent(model, intent.version), call);

/** Gives an unfinished version's owner a moment, at most 75 ms with jitter, then finishes it for them. */
const help = (
  ports: RegistryPorts,
  model: ModelId,
  intent: Intent,
  call: CallOptions,
): TE.TaskEither<Failure, Ending> =>
  pipe(
    TE.fromTask<void, Failure>(() => ports.host.pause(25 + 50 * jitterOf(ports))),
    TE.chain(() => isCommitted(ports)(model, intent.version, call)),
    TE.chain((committed) =>
      committed ? TE.right<Failure, Ending>('committed') : finishAndTidy(ports, model, intent, call),
    ),
  );

/** Steps 3 and 4, by whoever it may be. */
const finish = (
  ports: RegistryPorts,
  model: ModelId,
  intent: Intent,
  call: CallOptions,
): TE.TaskEither<Failure, Ending> =>
  pipe(
    copyArtifact(ports, model, intent, call),
    TE.chain((present) => commit(ports, model, intent, present ? 'committed' : 'aborted', call)),
  );

/** For others. What is staged stays when the version was given up: its owner publishes it as a later one. */
const finishAndTidy = (
  ports: RegistryPorts,
  model: ModelId,
  intent: Intent,
  call: CallOptions,
): TE.TaskEither<Failure, Ending> =>
  pipe(
    finish(ports, model, intent, call),
    TE.chainFirst((ending) =>
      ending === 'committed' ? discardStaged(ports, intent.registration_id, call) : TE.right(null),
    ),
  );

/** Step 3. True when the intent's very artifact is in place; false when it is lost, or something else stands there. */
const copyArtifact = (
  ports: RegistryPorts,
  model: ModelId,
  intent: Intent,
  call: CallOptions,
): TE.TaskEither<Failure, boolean> => {
  const { host, store } = ports;
  const target = layout.artifact(model, intent.version);
  return pipe(
    registrationOf(ports, model, intent),
    TE.fromEither,
    TE.chain((registration) =>
      pipe(
        store.copyIfAbsent(layout.staged(intent.registration_id), target, call),
        TE.map(() => true),
        TE.orElse((failed) =>
          failed.tag === 'AlreadyExists' || failed.tag === 'NotFound' || failed.ambiguous
            ? pipe(
                store.get(target, call),
                TE.chain(
                  O.match(
                    () => (failed.tag === 'NotFound' ? TE.right(false) : TE.left(failed)),
                    ({ bytes }) => TE.right(host.sha256(bytes) === registration.artifact.sha256),
                  ),
                ),
              )
            : TE.left(failed),
        ),
      ),
    ),
  );
};

/** Step 4. Creates the record, or a tombstone, and acknowledges only what stands there in the end: a 412 may be the echo of our own write. */
const commit = (
  ports: RegistryPorts,
  model: ModelId,
  intent: Intent,
  wanted: Ending,
  call: CallOptions,
): TE.TaskEither<Failure, Ending> => {
  const { host, store } = ports;
  const key = layout.registration(model, intent.version);
  const bytes =
    wanted === 'committed' ? host.utf8.encode(intent.registration) : sealDocument(host)(tombstone(model, intent));
  return pipe(
    store.put(key, bytes, { kind: 'absent' }, call),
    TE.map(() => wanted),
    TE.orElse((failed) =>
      failed.tag === 'AlreadyExists' || failed.ambiguous
        ? pipe(
            store.get(key, call),
            TE.chain(
              O.match(
                (): TE.TaskEither<Failure, Ending> => TE.left(failed),
                ({ bytes }) => endingBy(readVersionRecord(ports.host)(key, model, intent.version, bytes), intent),
              ),
            ),
          )
        : TE.left(failed),
    ),
  );
};

/** How the version ended for the intent, by the record that stands there. Fails `ArtifactUnreadable` when it is damaged, and may be the intent's. */
const endingBy = (record: VersionRecord, intent: Intent): TE.TaskEither<Failure, Ending> => {
  if (record.kind === 'unreadable') return TE.left(record.failure);
  const isOurs = record.kind === 'registered' && record.registration.registration_id === intent.registration_id;
  return TE.right(isOurs ? 'committed' : 'aborted');
};

/** Step 5, best effort: what stays is found and removed later, and harms nobody. */
const discardStaged = (
  { store }: RegistryPorts,
  registrationId: string,
  call: CallOptions,
): TE.TaskEither<Failure, unknown> =>
  pipe(
    store.delete(layout.staged(registrationId), call),
    TE.orElse((): TE.TaskEither<Failure, unknown> => TE.right(null)),
  );
