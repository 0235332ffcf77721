/** What a disk holds, and what of it would be left after a power cut: only what was synced is sure to be. */

/** Names one file or folder for good, and is its inode number. */
export type NodeId = number;
export const rootId: NodeId = 1;

export interface Entry {
  readonly id: NodeId;
  readonly what: 'file' | 'folder';
  readonly madeNs: bigint;
}

export interface Content {
  readonly bytes: Uint8Array;
  readonly mtimeNs: bigint;
}

/** One change, or one sync. What only reads leaves nothing to cut between. */
export type Step =
  /** The name stands for the entry from now on, which may be new, or for nothing. */
  | { readonly kind: 'named'; readonly folder: NodeId; readonly name: string; readonly entry: Entry | undefined }
  | { readonly kind: 'written'; readonly file: NodeId; readonly content: Content }
  /** The file's content, or the folder's names, are durable as they are now. */
  | { readonly kind: 'synced'; readonly id: NodeId };

/** Every state since the last sync, one at least: the first is durable, the last is what a running process sees. */
type History<A> = [A, ...A[]];

const newest = <A>(history: ReadonlyArray<A>): A => history.reduce((_, later) => later);

export interface Medium {
  readonly files: Map<NodeId, History<Content>>;
  readonly folders: Map<NodeId, Map<string, History<Entry | undefined>>>;
}

/** A disk with an empty root. */
export const emptyMedium = (): Medium => ({ files: new Map(), folders: new Map([[rootId, new Map()]]) });

export const apply = (medium: Medium, step: Step): void => {
  switch (step.kind) {
    case 'named': {
      const names = namesOf(medium, step.folder);
      const history = names.get(step.name) ?? [undefined];
      names.set(step.name, [...history, step.entry]);
      if (step.entry !== undefined) admit(medium, step.entry);
      return;
    }
    case 'written':
      contentsOf(medium, step.file).push(step.content);
      return;
    case 'synced': {
      const contents = medium.files.get(step.id);
      if (contents !== undefined) medium.files.set(step.id, [newest(contents)]);
      else
        for (const [name, history] of namesOf(medium, step.id)) namesOf(medium, step.id).set(name, [newest(history)]);
    }
  }
};

const admit = ({ files, folders }: Medium, { id, what, madeNs }: Entry): void => {
  if (what === 'folder' && !folders.has(id)) folders.set(id, new Map());
  if (what === 'file' && !files.has(id)) files.set(id, [{ bytes: new Uint8Array(), mtimeNs: madeNs }]);
};

const namesOf = ({ folders }: Medium, id: NodeId): Map<string, History<Entry | undefined>> => {
  const names = folders.get(id);
  if (names === undefined) throw new Error(`${id} is no folder`);
  return names;
};

const contentsOf = ({ files }: Medium, id: NodeId): History<Content> => {
  const contents = files.get(id);
  if (contents === undefined) throw new Error(`${id} is no file`);
  return contents;
};

/** What a running process sees under the names of a folder. */
export const entriesOf = (medium: Medium, folder: NodeId): ReadonlyArray<readonly [name: string, entry: Entry]> =>
  [...namesOf(medium, folder)].flatMap(([name, history]) => {
    const entry = newest(history);
    return entry === undefined ? [] : [[name, entry] as const];
  });

/** What a running process sees under one name. */
export const entryAt = (medium: Medium, folder: NodeId, name: string): Entry | undefined => {
  const history = namesOf(medium, folder).get(name);
  return history && newest(history);
};

/** What a running process reads. */
export const contentOf = (medium: Medium, file: NodeId): Content => newest(contentsOf(medium, file));

/** Decides what a power cut leaves of what was not synced. */
export interface Survival {
  readonly entry: (history: Readonly<History<Entry | undefined>>) => Entry | undefined;
  readonly content: (history: Readonly<History<Content>>) => Content;
}

/** The least: what was synced, and nothing else. Names that were removed and not synced are there again. */
export const onlySynced: Survival = { entry: ([synced]) => synced, content: ([synced]) => synced };

/** The most, as when only the processes died. */
export const everything: Survival = { entry: newest, content: newest };

/** By chance any state of each name and each file since its last sync, whatever came first; of a file also a part. */
export const byChance = (random: () => number): Survival => {
  const oneOf = <A>(all: Readonly<History<A>>): A => newest(all.slice(0, 1 + Math.floor(random() * all.length)));
  return {
    entry: oneOf,
    content: (history) => {
      const chosen = oneOf(history);
      if (chosen === history[0] || random() < 0.5) return chosen;
      return { ...chosen, bytes: chosen.bytes.slice(0, Math.floor(random() * chosen.bytes.length)) };
    },
  };
};

/** The disk as it is found after a power cut. */
export const survivorOf = (medium: Medium, survival: Survival): Medium => {
  const survivor = emptyMedium();
  const keep = (id: NodeId): void => {
    for (const [name, history] of namesOf(medium, id)) {
      const entry = survival.entry(history);
      if (entry === undefined) continue;
      namesOf(survivor, id).set(name, [entry]);
      if (survivor.files.has(entry.id)) continue;
      admit(survivor, entry);
      if (entry.what === 'folder') keep(entry.id);
      else survivor.files.set(entry.id, [survival.content(contentsOf(medium, entry.id))]);
    }
  };
  keep(rootId);
  return survivor;
};
