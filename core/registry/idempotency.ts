/** Idempotency keys: a retry under the same key finds the registration that the first try made. */
import { pipe } from 'fp-ts/lib/function.js';
import * as O from 'fp-ts/lib/Option.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import * as t from 'io-ts';
import { brief } from '../decode.js';
import { type Failure, failTask } from '../failure.js';
import { canonicalJson, openDocument, sealDocument } from '../model/sealed-document.js';
import type { CallOptions } from '../ports/host.js';
import { layout } from './layout.js';
import type { RegistryPorts } from './registry-ports.js';
import type { RegisterRequest } from './requests.js';

/** `keys/{sha256(K)}.json`. */
const KeyRecord = t.readonly(
  t.type({ schema_version: t.literal(1), registration_id: t.string, latest_seen: t.number, request_sha256: t.string }),
);
type KeyRecord = t.TypeOf<typeof KeyRecord>;

/** Under which id to register, and from which version on to look for what an earlier try did. */
export interface KeyedAttempt {
  readonly registrationId: string;
  readonly searchFrom: number;
}

/** What an earlier try under the request's key left; none without a key or an earlier try. Fails `Conflict` when that was another request. */
export const readKeyed =
  (ports: RegistryPorts) =>
  (request: RegisterRequest, call: CallOptions): TE.TaskEither<Failure, O.Option<KeyedAttempt>> => {
    if (request.idempotency_key === undefined) return TE.right(O.none);
    const key = keyOf(ports, request.idempotency_key);
    return pipe(
      ports.store.get(key, call),
      TE.chain(
        O.match(
          (): TE.TaskEither<Failure, O.Option<KeyedAttempt>> => TE.right(O.none),
          ({ bytes }) =>
            pipe(
              TE.fromEither(openDocument(ports.host)(KeyRecord, key)(bytes)),
              TE.chain((record) =>
                record.request_sha256 === digestOf(ports, request)
                  ? TE.right(O.some(attemptOf(record)))
                  : failTask(
                      'Conflict',
                      `The idempotency key "${brief(request.idempotency_key ?? '')}" was used for another request. Use a new key.`,
                    ),
              ),
            ),
        ),
      ),
    );
  };

/** Settles the id to register under: that of the key's first try, recorded now if this is it; a new one without a key. */
export const beginKeyed =
  (ports: RegistryPorts) =>
  (request: RegisterRequest, nextVersion: number, call: CallOptions): TE.TaskEither<Failure, KeyedAttempt> => {
    const registrationId = ports.host.randomId();
    if (request.idempotency_key === undefined) return TE.right({ registrationId, searchFrom: nextVersion });
    const record: KeyRecord = {
      schema_version: 1,
      registration_id: registrationId,
      latest_seen: nextVersion - 1,
      request_sha256: digestOf(ports, request),
    };
    return pipe(
      ports.store.put(
        keyOf(ports, request.idempotency_key),
        sealDocument(ports.host)(record),
        { kind: 'absent' },
        call,
      ),
      TE.map(() => attemptOf(record)),
      TE.orElse((failed) =>
        failed.tag === 'AlreadyExists' || failed.ambiguous
          ? pipe(
              readKeyed(ports)(request, call),
              TE.chain(O.match((): TE.TaskEither<Failure, KeyedAttempt> => TE.left(failed), TE.right)),
            )
          : TE.left(failed),
      ),
    );
  };

const keyOf = ({ host }: RegistryPorts, key: string): string =>
  layout.idempotencyKey(host.sha256(host.utf8.encode(key)));

const attemptOf = (record: KeyRecord): KeyedAttempt => ({
  registrationId: record.registration_id,
  searchFrom: record.latest_seen + 1,
});

/** The request as it was asked; a retry asks the same. */
const digestOf = ({ host }: RegistryPorts, request: RegisterRequest): string => {
  const { idempotency_key: _key, dry_run: _dryRun, ...asked } = request;
  return host.sha256(host.utf8.encode(canonicalJson(asked)));
};
