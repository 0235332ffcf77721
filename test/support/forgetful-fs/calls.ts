/** The calls of `node:fs/promises` that the local adapter makes, on a disk in memory that remembers every step. */
import { constants } from 'node:fs';
import {
  apply,
  type Content,
  contentOf,
  emptyMedium,
  entriesOf,
  type Entry,
  entryAt,
  type Medium,
  type NodeId,
  rootId,
  type Step,
} from './medium.js';

export interface Disk {
  readonly medium: Medium;
  /** Everything that changed or was synced, in order. */
  readonly steps: ReadonlyArray<Step>;
  /** The calls of one process, each of which waits for `turn` before it is done, all at once. */
  readonly callsOf: (turn?: Turn) => Calls;
}

/** Settles when the call of this name may be done. */
export type Turn = (call: string) => Promise<void>;

/** Paths are segments below the disk's root. */
export type Calls = ReturnType<typeof callsOn>;

export const makeDisk = (medium = emptyMedium()): Disk => {
  const steps: Step[] = [];
  let lastId = Math.max(...medium.files.keys(), ...medium.folders.keys());
  const step = (next: Step): void => {
    apply(medium, next);
    steps.push(next);
  };
  const nextId = (): NodeId => {
    lastId += 1;
    return lastId;
  };
  return { medium, steps, callsOf: (turn = async () => undefined) => callsOn(medium, step, nextId, turn) };
};

const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;

type Path = ReadonlyArray<string>;

const refuse = (code: string, call: string, path: Path): never => {
  // As from the machine's own file system; and most of the time went into stacks.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  const error = Object.assign(new Error(`${code}: ${call} '/${path.join('/')}'`), { code, syscall: call });
  Error.stackTraceLimit = stackTraceLimit;
  throw error;
};

const callsOn = (medium: Medium, step: (next: Step) => void, nextId: () => NodeId, turn: Turn) => {
  /** The entry at the path; undefined when there is none. */
  const look = (call: string, path: Path): Entry | undefined => {
    let found: Entry | undefined = { id: rootId, what: 'folder', madeNs: 0n };
    for (const name of path) {
      if (found === undefined) return undefined;
      if (found.what === 'file') return refuse('ENOTDIR', call, path);
      found = entryAt(medium, found.id, name);
    }
    return found;
  };
  const find = (call: string, path: Path): Entry => look(call, path) ?? refuse('ENOENT', call, path);

  const folderOf = (call: string, path: Path): NodeId => {
    const { id, what } = find(call, path.slice(0, -1));
    return what === 'folder' ? id : refuse('ENOTDIR', call, path);
  };
  const setName = (call: string, path: Path, entry: Entry | undefined): void =>
    step({ kind: 'named', folder: folderOf(call, path), name: path.at(-1) ?? '', entry });

  const make = (call: string, path: Path, what: Entry['what']): Entry => {
    const folder = folderOf(call, path);
    const name = path.at(-1) ?? '';
    if (entryAt(medium, folder, name) !== undefined) return refuse('EEXIST', call, path);
    const entry: Entry = { id: nextId(), what, madeNs: nowNs() };
    setName(call, path, entry);
    return entry;
  };

  const statsOf = ({ id, what, madeNs }: Entry) => {
    const { bytes, mtimeNs } = what === 'file' ? contentOf(medium, id) : { bytes: [], mtimeNs: madeNs };
    return {
      ino: BigInt(id),
      size: BigInt(bytes.length),
      mtimeNs,
      mtimeMs: mtimeNs / 1_000_000n,
      isFile: () => what === 'file',
      isDirectory: () => what === 'folder',
      isSymbolicLink: () => false,
    };
  };

  const handleOn = (entry: Entry, path: Path, mode: 'read' | 'write') => {
    let isOpen = true;
    const begin = async (call: string, isAllowed = true): Promise<void> => {
      await turn(call);
      if (!isOpen || !isAllowed) refuse('EBADF', call, path);
    };
    const change = (content: Partial<Content>): void =>
      step({ kind: 'written', file: entry.id, content: { ...contentOf(medium, entry.id), ...content } });
    return {
      readFile: async () => {
        await begin('read', mode === 'read');
        if (entry.what === 'folder') refuse('EISDIR', 'read', path);
        return Buffer.from(contentOf(medium, entry.id).bytes);
      },
      writeFile: async (bytes: Uint8Array) => {
        await begin('write', mode === 'write');
        change({ bytes: bytes.slice(), mtimeNs: nowNs() });
      },
      stat: async (_options: { readonly bigint: true }) => {
        await begin('fstat');
        return statsOf(entry);
      },
      utimes: async (_atime: number, mtime: number) => {
        await begin('futime');
        change({ mtimeNs: BigInt(Math.round(mtime * 1e6)) * 1000n });
      },
      sync: async () => {
        await begin('fsync');
        step({ kind: 'synced', id: entry.id });
      },
      close: async () => {
        await begin('close');
        isOpen = false;
      },
    };
  };

  return {
    open: async (path: Path, flags: string | number) => {
      await turn('open');
      if (flags === 'wx') return handleOn(make('open', path, 'file'), path, 'write');
      const isRead = flags === 'r' || (typeof flags === 'number' && (flags & 3) === constants.O_RDONLY);
      if (!isRead) throw new Error(`The forgetful file system cannot open with the flags ${flags}.`);
      return handleOn(find('open', path), path, 'read');
    },
    link: async (from: Path, to: Path) => {
      await turn('link');
      const entry = find('link', from);
      if (entryAt(medium, folderOf('link', to), to.at(-1) ?? '') !== undefined) refuse('EEXIST', 'link', to);
      if (entry.what === 'folder') refuse('EPERM', 'link', from);
      setName('link', to, entry);
    },
    mkdir: async (path: Path) => {
      await turn('mkdir');
      if (path.length === 0) refuse('EEXIST', 'mkdir', path);
      make('mkdir', path, 'folder');
    },
    rmdir: async (path: Path) => {
      await turn('rmdir');
      const { id, what } = find('rmdir', path);
      if (what === 'file') refuse('ENOTDIR', 'rmdir', path);
      if (entriesOf(medium, id).length > 0) refuse('ENOTEMPTY', 'rmdir', path);
      setName('rmdir', path, undefined);
    },
    unlink: async (path: Path) => {
      await turn('unlink');
      if (find('unlink', path).what === 'folder') refuse('EISDIR', 'unlink', path);
      setName('unlink', path, undefined);
    },
    /** With `force`, for files. */
    rm: async (path: Path) => {
      await turn('rm');
      const entry = look('rm', path);
      if (entry?.what === 'folder') refuse('ERR_FS_EISDIR', 'rm', path);
      if (entry !== undefined) setName('rm', path, undefined);
    },
    readdir: async (path: Path) => {
      await turn('readdir');
      const { id, what } = find('scandir', path);
      if (what === 'file') refuse('ENOTDIR', 'scandir', path);
      return entriesOf(medium, id).map(([name, entry]) => ({ name, ...statsOf(entry) }));
    },
    stat: async (path: Path) => {
      await turn('stat');
      return statsOf(find('stat', path));
    },
  };
};
