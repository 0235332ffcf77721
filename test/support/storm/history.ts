/** Checks the history of a storm against what its store holds in the end: what was lost, doubled, left out, torn or out of order. */
import type { Found, ReadOutcome } from './operations.js';

/** One try of a registration. Tries with the same label are one registration, tried again under its key. */
export interface Try {
  readonly model: string;
  readonly label: string;
  readonly alias?: string;
  /** Of the artifact that was to be registered. */
  readonly artifactSha256: string;
  readonly invokedAtNs: bigint;
  /** Absent when nobody knows how it ended. */
  readonly acknowledged?: {
    readonly atNs: bigint;
    readonly version: number;
    readonly registrationId: string;
    /** Whether the alias was said to be set. */
    readonly hasAlias: boolean;
  };
}

/** One read: of the latest version, of the one under an alias, or of a numbered one. */
export interface Read {
  readonly model: string;
  readonly alias?: string;
  readonly version?: number;
  readonly invokedAtNs: bigint;
  readonly answeredAtNs: bigint;
  readonly answer: ReadOutcome;
}

/** A version as it stands in the store when all is over; `unfinished` has no record. */
export interface StoredVersion {
  readonly model: string;
  readonly version: number;
  readonly status: 'registered' | 'aborted' | 'unreadable' | 'unfinished';
  /** Of a registered one. */
  readonly found?: Found;
}

export interface History {
  readonly tries: ReadonlyArray<Try>;
  readonly reads: ReadonlyArray<Read>;
}

/** Each violation is a sentence. */
export interface Violations {
  /** Acknowledged, and not stored under that number with that id and those bytes, or not seen by a later read. */
  readonly lost: ReadonlyArray<string>;
  /** Two registrations under one number, or one registration (by its id or its key) under two. */
  readonly duplicate: ReadonlyArray<string>;
  /** Numbers below the highest that no record holds. */
  readonly holes: ReadonlyArray<string>;
  /** Read or stored in part, otherwise than it was registered, or otherwise than it is stored. */
  readonly torn: ReadonlyArray<string>;
  /** A number that is not above what was known before its registration began, or a latest that is below what was known. */
  readonly order: ReadonlyArray<string>;
}

export const checkHistory = (history: History, stored: ReadonlyArray<StoredVersion>): Violations => ({
  lost: [...lostAcknowledgements(history, stored), ...lostToReaders(history)],
  duplicate: duplicates(history, stored),
  holes: holes(stored),
  torn: [...tornReads(history, stored), ...tornVersions(history, stored)],
  order: outOfOrder(history, stored),
});

const nameOf = ({ model, version }: { readonly model: string; readonly version: number }): string =>
  `${model}@${version}`;

const foundByName = (stored: ReadonlyArray<StoredVersion>): ReadonlyMap<string, Found> =>
  new Map(stored.flatMap((each) => (each.found === undefined ? [] : [[nameOf(each), each.found] as const])));

/** The acknowledged tries. */
const acknowledgements = ({ tries }: History) =>
  tries.flatMap((each) => (each.acknowledged === undefined ? [] : [{ ...each, ...each.acknowledged }]));

const lostAcknowledgements = (history: History, stored: ReadonlyArray<StoredVersion>): ReadonlyArray<string> => {
  const found = foundByName(stored);
  return acknowledgements(history).flatMap((each) => {
    const there = found.get(nameOf(each));
    const isThere =
      there?.registrationId === each.registrationId &&
      there.label === each.label &&
      there.artifactSha256 === each.artifactSha256;
    return isThere ? [] : [`${each.label} was acknowledged as ${nameOf(each)}, which holds ${show(there)}`];
  });
};

const lostToReaders = (history: History): ReadonlyArray<string> => {
  const acknowledged = acknowledgements(history);
  return history.reads.flatMap((read) => {
    const { model, alias, version, answer, invokedAtNs } = read;
    if (answer.kind !== 'none') return [];
    const before = acknowledged.find(
      (each) =>
        each.model === model &&
        each.atNs < invokedAtNs &&
        (version === undefined
          ? alias !== undefined && each.hasAlias && each.alias === alias
          : each.version === version),
    );
    return before === undefined
      ? []
      : [`${model}@${alias ?? version} was not there for a reader after ${before.label} was acknowledged`];
  });
};

const duplicates = (history: History, stored: ReadonlyArray<StoredVersion>): ReadonlyArray<string> => {
  const claims = [
    ...acknowledgements(history),
    ...stored.flatMap(({ model, found }) => (found === undefined ? [] : [{ model, ...found }])),
  ];
  return [
    ...severalOf(claims, nameOf, ({ label }) => label, 'is more than one registration'),
    ...severalOf(claims, ({ registrationId }) => registrationId, nameOf, 'is the id of more than one version'),
    ...severalOf(claims, ({ label }) => label, nameOf, 'was registered more than once'),
  ];
};

/** Tells of each `keyOf` that goes with more than one `valueOf`. */
const severalOf = <A>(
  items: ReadonlyArray<A>,
  keyOf: (item: A) => string,
  valueOf: (item: A) => string,
  what: string,
): ReadonlyArray<string> =>
  [...grouped(items, keyOf)].flatMap(([key, group]) => {
    const values = [...new Set(group.map(valueOf))];
    return values.length === 1 ? [] : [`${key} ${what}: ${values.join(', ')}`];
  });

const holes = (stored: ReadonlyArray<StoredVersion>): ReadonlyArray<string> =>
  [...grouped(stored, ({ model }) => model)].flatMap(([model, versions]) => {
    const numbers = new Set(versions.filter(({ status }) => status !== 'unfinished').map(({ version }) => version));
    return Array.from({ length: Math.max(0, ...numbers) }, (_, i) => i + 1)
      .filter((number) => !numbers.has(number))
      .map((number) => `${model} has no version ${number}, and later ones`);
  });

const tornReads = (history: History, stored: ReadonlyArray<StoredVersion>): ReadonlyArray<string> => {
  const digests = artifactDigests(history);
  const foundLater = foundByName(stored);
  return history.reads.flatMap(({ model, version, answer }) => {
    if (answer.kind === 'none') return [];
    if (answer.kind === 'damaged') return [`a version of ${model} was read that is not whole: ${answer.what}`];
    const name = nameOf({ model, version: answer.found.version });
    const later = show(foundLater.get(name));
    const isAsked = version === undefined || version === answer.found.version;
    return isAsked && isWhole(answer.found, digests) && later === show(answer.found)
      ? []
      : [`${name} was read as ${show(answer.found)} for ${version ?? 'one of its kind'}, and holds ${later}`];
  });
};

const tornVersions = (history: History, stored: ReadonlyArray<StoredVersion>): ReadonlyArray<string> => {
  const digests = artifactDigests(history);
  return stored.flatMap((each) => {
    const isTorn = each.status === 'unreadable' || (each.found !== undefined && !isWhole(each.found, digests));
    return isTorn ? [`${nameOf(each)} is ${each.status}, and holds ${show(each.found)}`] : [];
  });
};

/** By label, what its artifact's digest has to be. */
const artifactDigests = ({ tries }: History): ReadonlyMap<string, string> =>
  new Map(tries.map(({ label, artifactSha256 }) => [label, artifactSha256]));

/** Whether the bytes are those that the record tells of, and those that were registered under its label. */
const isWhole = ({ label, recordSha256, artifactSha256 }: Found, digests: ReadonlyMap<string, string>): boolean =>
  artifactSha256 === recordSha256 && artifactSha256 === digests.get(label);

/** That a version is committed, from an instant on. */
interface Known {
  readonly atNs: bigint;
  readonly version: number;
}

/** What has to be at least `least` above everything that was known when it was invoked. */
interface Claim {
  readonly invokedAtNs: bigint;
  readonly version: number;
  readonly least: 0 | 1;
  readonly what: string;
}

const outOfOrder = (history: History, stored: ReadonlyArray<StoredVersion>): ReadonlyArray<string> => {
  const models = new Set([...history.tries, ...history.reads].map(({ model }) => model));
  return [...models].flatMap((model) => {
    const reads = history.reads.filter((read) => read.model === model);
    const known: ReadonlyArray<Known> = [
      ...acknowledgements(history).filter((each) => each.model === model),
      ...reads.flatMap(({ answer, answeredAtNs }) =>
        answer.kind === 'found' ? [{ atNs: answeredAtNs, version: answer.found.version }] : [],
      ),
    ];
    const claims: ReadonlyArray<Claim> = [
      ...registrationsOf(model, history, stored),
      ...reads.flatMap(({ alias, version, answer, invokedAtNs }): ReadonlyArray<Claim> => {
        if (alias !== undefined || version !== undefined || answer.kind === 'damaged') return [];
        const latest = answer.kind === 'none' ? 0 : answer.found.version;
        return [{ invokedAtNs, version: latest, least: 0, what: 'the latest' }];
      }),
    ];
    return overtaken(known, claims).map((what) => `${model}: ${what}`);
  });
};

/** Every registration under the number that it has in the end, acknowledged or not, as of its first try. */
const registrationsOf = (
  model: string,
  { tries }: History,
  stored: ReadonlyArray<StoredVersion>,
): ReadonlyArray<Claim> => {
  const versions = new Map(
    stored.flatMap((each) =>
      each.model === model && each.found !== undefined ? [[each.found.label, each.version]] : [],
    ),
  );
  return [...grouped(tries, ({ label }) => label)].flatMap(([label, group]): ReadonlyArray<Claim> => {
    const version =
      group.find(({ acknowledged }) => acknowledged !== undefined)?.acknowledged?.version ?? versions.get(label);
    if (version === undefined || group[0]?.model !== model) return [];
    const invokedAtNs = group.map((each) => each.invokedAtNs).reduce((a, b) => (a < b ? a : b));
    return [{ invokedAtNs, version, least: 1, what: label }];
  });
};

const overtaken = (known: ReadonlyArray<Known>, claims: ReadonlyArray<Claim>): ReadonlyArray<string> => {
  const inTime = [...known].sort((a, b) => (a.atNs < b.atNs ? -1 : 1));
  let highest = 0;
  let next = 0;
  return [...claims]
    .sort((a, b) => (a.invokedAtNs < b.invokedAtNs ? -1 : 1))
    .flatMap(({ invokedAtNs, version, least, what }) => {
      for (let event = inTime[next]; event !== undefined && event.atNs < invokedAtNs; event = inTime[++next]) {
        highest = Math.max(highest, event.version);
      }
      return version >= highest + least ? [] : [`${what} is ${version}, after ${highest} was known`];
    });
};

const grouped = <A>(items: ReadonlyArray<A>, keyOf: (item: A) => string): ReadonlyMap<string, ReadonlyArray<A>> => {
  const groups = new Map<string, A[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
};

const show = (found: Found | undefined): string =>
  found === undefined
    ? 'nothing'
    : `${found.label} (${found.registrationId}, artifact ${found.artifactSha256} for ${found.recordSha256})`;
