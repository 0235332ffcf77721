/** What a storm asks for, drawn by chance: new registrations, tries of the same ones again, and reads between them. */
import type { Operation, Registering } from './operations.js';

const models = ['hot-1', 'hot-2', 'hot-3', 'hot-4', 'hot-5'];
const alias = 'champion';

/** Of all operations. */
const shares = { latest: 0.12, alias: 0.06, version: 0.07 };
/** Of the new registrations; an alias's moves stay in its model's state for ever, so there are few. */
const withKey = 0.3;
const withAlias = 0.03;
/** Of those with a key: asked for twice at once, and asked for again after it was acknowledged. */
const twice = 0.1;
const again = 0.1;

export interface Plan {
  /** What comes next. */
  readonly next: () => Operation;
  /** The next of the tries that are due, once nothing new is wanted any more. */
  readonly nextDue: () => Registering | undefined;
  /** Nobody knows how this try ended: the same is asked for again if it has a key. */
  readonly unknown: (registering: Registering) => void;
  readonly acknowledged: (registering: Registering, version: number) => void;
}

export const makePlan = (random: () => number): Plan => {
  const due: Registering[] = [];
  const known = new Map<string, number[]>();
  let drawn = 0;

  const oneOf = <A>(items: ReadonlyArray<A>): A | undefined => items[Math.floor(random() * items.length)];

  const register = (model: string): Registering => {
    drawn += 1;
    const label = `r-${drawn}`;
    const isKeyed = random() < withKey;
    const registering: Registering = {
      kind: 'register',
      model,
      label,
      ...(isKeyed ? { key: `the key of ${label}` } : {}),
      ...(random() < withAlias ? { alias } : {}),
    };
    if (isKeyed && random() < twice) due.push(registering);
    return registering;
  };

  const draw = (model: string): Operation => {
    const kind = random();
    if (kind < shares.latest) return { kind: 'read', model };
    if (kind < shares.latest + shares.alias) return { kind: 'read', model, alias };
    const version = oneOf(known.get(model) ?? []);
    const isPinned = kind < shares.latest + shares.alias + shares.version;
    return isPinned && version !== undefined ? { kind: 'read', model, version } : register(model);
  };

  return {
    next: () => due.shift() ?? draw(oneOf(models) ?? ''),
    nextDue: () => due.shift(),
    unknown: (registering) => {
      if (registering.key !== undefined) due.push(registering);
    },
    acknowledged: (registering, version) => {
      const versions = known.get(registering.model) ?? [];
      versions.push(version);
      known.set(registering.model, versions);
      if (registering.key !== undefined && random() < again) due.push(registering);
    },
  };
};
