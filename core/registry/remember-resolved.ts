/** Remembers what references mean for scoring, so that a busy service asks its store once every few seconds and not once a request. */
import { pipe } from 'fp-ts/lib/function.js';
import * as TE from 'fp-ts/lib/TaskEither.js';
import type { Failure } from '../failure.js';
import { type ModelId, type ModelReference, showModel } from '../model/names.js';
import type { Registration } from '../model/registration.js';
import type { CallOptions } from '../ports/host.js';
import type { RegistryPorts } from './registry-ports.js';
import { resolveScorable } from './resolve.js';

export interface Resolver {
  /** As `resolveScorable`. A numbered version is looked up once; latest and aliases again when the last answer is older than `refreshMs`. */
  readonly resolve: (reference: ModelReference, call: CallOptions) => TE.TaskEither<Failure, Registration>;
  /** Looks the model up again at the next question. */
  readonly forget: (model: ModelId) => void;
}

interface Remembered {
  readonly registration: Registration;
  readonly untilMs: number;
}

/** References that are remembered; beyond it the one that was looked up longest ago is forgotten. */
const mostRemembered = 1000;

export const rememberResolved = (ports: RegistryPorts, refreshMs: number): Resolver => {
  const byReference = new Map<string, Remembered>();
  let forgotten = 0;
  return {
    resolve: (reference, call) => {
      const key = keyOf(reference);
      const known = byReference.get(key);
      if (known !== undefined && ports.host.nowMs() < known.untilMs) return TE.right(known.registration);
      const forgottenBefore = forgotten;
      return pipe(
        resolveScorable(ports)(reference, call),
        TE.map((registration) => {
          // What was looked up while a model was registered may be what it was before.
          if (forgotten !== forgottenBefore) return registration;
          const untilMs =
            reference.selector.kind === 'version' ? Number.POSITIVE_INFINITY : ports.host.nowMs() + refreshMs;
          const unchanged =
            known?.registration.registration_id === registration.registration_id ? known.registration : registration;
          byReference.delete(key);
          byReference.set(key, { registration: unchanged, untilMs });
          const [oldest] = byReference.keys();
          if (byReference.size > mostRemembered && oldest !== undefined) byReference.delete(oldest);
          return unchanged;
        }),
      );
    },
    forget: (model) => {
      forgotten++;
      for (const key of byReference.keys()) if (key.startsWith(`${showModel(model)}@`)) byReference.delete(key);
    },
  };
};

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
