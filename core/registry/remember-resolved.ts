/** Remembers what references mean for scoring, so that a busy service asks its store once every few seconds and not once a request. */
import * as E from 'fp-ts/lib/Either.js';
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../failure.js';
import { type ModelId, type ModelReference, showModel } from '../model/names.js';
import type { Registration } from '../model/registration.js';
import { type CallOptions, cancellationSource } from '../ports/host.js';
import type { RegistryPorts } from './registry-ports.js';
import { type Resolved, resolveAgain, resolveScorable } from './resolve.js';

/** How a reference that can move was last looked up. */
export interface LookUp {
  /** `rating/production_rating_model@latest` */
  readonly reference: string;
  readonly version: number;
  /** Since the store last said so, in milliseconds. It grows while nobody asks, too. */
  readonly age_ms: number;
  /** Why the store did not say so again when it was asked last; null when it did. */
  readonly failing: string | null;
}

export interface Resolver {
  /**
   * As `resolveScorable`. A numbered version is looked up once; latest and aliases again when the last answer is older than `refreshMs`, by one
   * look for all who ask meanwhile. A store that does not answer leaves the last known answer.
   */
  readonly resolve: (reference: ModelReference, call: CallOptions) => TE.TaskEither<Failure, Registration>;
  /** Looks the model up again at the next question, or every model. */
  readonly forget: (model?: ModelId) => void;
  /** Of latest and aliases, the oldest first. */
  readonly lookUps: () => ReadonlyArray<LookUp>;
  /** Gives up the looks that are under way. */
  readonly close: () => void;
}

interface Remembered {
  seen: Resolved;
  /** When the store last said so. */
  saidMs: number;
  /** When the last look that failed had ended, and how. */
  failed?: { readonly atMs: number; readonly why: Failure };
  looking?: Promise<E.Either<Failure, Resolved>>;
}

/** References that are remembered; beyond it the one that was looked up longest ago is forgotten. */
const mostRemembered = 1000;

/** How long a question waits for a look when an answer is known already, and how long that look may then go on. */
const patienceMs = 1_000;
const lookTimeoutMs = 10_000;

export const rememberResolved = (ports: RegistryPorts, refreshMs: number): Resolver => {
  const { host } = ports;
  const { cancellation, cancel } = cancellationSource();
  const byReference = new Map<string, Remembered>();
  let forgotten = 0;

  const remember = (key: string, known: Remembered): void => {
    byReference.delete(key);
    byReference.set(key, known);
    const [oldest] = byReference.keys();
    if (byReference.size > mostRemembered && oldest !== undefined) byReference.delete(oldest);
  };

  const first = (key: string, reference: ModelReference, call: CallOptions): TE.TaskEither<Failure, Registration> => {
    const forgottenBefore = forgotten;
    return pipe(
      resolveScorable(ports)(reference, call),
      TE.map((seen) => {
        // What was looked up while a model was registered may be what it was before.
        if (forgotten === forgottenBefore) remember(key, { seen, saidMs: host.nowMs() });
        return seen.registration;
      }),
    );
  };

  /** One look for all who wait; it belongs to none of them, so it has a deadline of its own. */
  const look = (key: string, reference: ModelReference, known: Remembered): Promise<E.Either<Failure, Resolved>> => {
    const ended = async (): Promise<E.Either<Failure, Resolved>> => {
      try {
        const call = { deadlineMs: host.nowMs() + lookTimeoutMs, cancellation };
        const found = await resolveAgain(ports)(reference, known.seen, call)();
        if (E.isLeft(found)) {
          known.failed = { atMs: host.nowMs(), why: found.left };
          // What is gone is gone; what was not told stands.
          if (!isSilence(found.left) && !cancellation.aborted && byReference.get(key) === known)
            byReference.delete(key);
        } else {
          known.seen = found.right;
          known.saidMs = host.nowMs();
          delete known.failed;
          if (byReference.get(key) === known) remember(key, known);
        }
        return found;
      } finally {
        delete known.looking;
      }
    };
    known.looking = ended();
    // Whoever waits is told of a bug; nobody may.
    known.looking.catch(() => undefined);
    return known.looking;
  };

  const again =
    (
      key: string,
      reference: ModelReference,
      known: Remembered,
      { deadlineMs }: CallOptions,
    ): TE.TaskEither<Failure, Registration> =>
    async () => {
      const { failed } = known;
      const isDue = failed === undefined || host.nowMs() >= failed.atMs + refreshMs;
      const looking = known.looking ?? (isDue ? look(key, reference, known) : undefined);
      // Nobody waits for a store that did not answer the last time.
      if (looking === undefined || failed !== undefined) return E.right(known.seen.registration);
      const found = await Promise.race([
        looking,
        host.pause(Math.max(0, Math.min(patienceMs, deadlineMs - host.nowMs()))),
      ]);
      // Of a service that is closed the looks are given up.
      if (found === undefined || (E.isLeft(found) && (isSilence(found.left) || cancellation.aborted)))
        return E.right(known.seen.registration);
      return E.map(({ registration }: Resolved) => registration)(found);
    };

  return {
    resolve: (reference, call) => {
      const key = keyOf(reference);
      const known = byReference.get(key);
      if (known === undefined) return first(key, reference, call);
      const stands = reference.selector.kind === 'version' || host.nowMs() < known.saidMs + refreshMs;
      return stands ? TE.right(known.seen.registration) : again(key, reference, known, call);
    },
    forget: (model) => {
      forgotten++;
      const prefix = model === undefined ? '' : `${showModel(model)}@`;
      for (const key of byReference.keys()) if (key.startsWith(prefix)) byReference.delete(key);
    },
    lookUps: () =>
      [...byReference]
        .filter(([key]) => !/@[0-9]+$/.test(key))
        .map(([reference, { seen, saidMs, failed }]) => ({
          reference,
          version: seen.registration.version,
          age_ms: host.nowMs() - saidMs,
          failing: failed?.why.message ?? null,
        }))
        .sort((a, b) => b.age_ms - a.age_ms),
    close: cancel,
  };
};

/** The store did not say anything. */
export const isSilence = ({ tag }: Failure): boolean => tag === 'Unavailable' || tag === 'DeadlineExceeded';

const keyOf = ({ model, selector }: ModelReference): string => {
  switch (selector.kind) {
    case 'latest':
      return `${showModel(model)}@latest`;
    case 'version':
      return `${showModel(model)}@${selector.version}`;
    case 'alias':
      return `${showModel(model)}@${selector.alias}`;
  }
};
