/** Stands in for `node:fs/promises` in the local adapter: every path leads to one of the forgetful disks that are mounted. */
import { type Calls, type Disk, makeDisk } from './calls.js';

const mounted = new Map<string, Calls>();
/** Where the disks are mounted: `/`. */
const above = makeDisk().callsOf();
let mounts = 0;

/** A path that leads to the root of a disk, by the calls of one process; `unmount` when nobody uses it any more. */
export const mount = (calls: Calls): { readonly path: string; readonly unmount: () => void } => {
  mounts += 1;
  const name = `forgetful-${mounts}`;
  mounted.set(name, calls);
  return { path: `/${name}`, unmount: () => mounted.delete(name) };
};

/** Lends `use` a path of the disk's root. */
export const withMounted = async <A>(disk: Disk, use: (path: string) => Promise<A>): Promise<A> => {
  const { path, unmount } = mount(disk.callsOf());
  try {
    return await use(path);
  } finally {
    unmount();
  }
};

const placeOf = (path: string): { readonly calls: Calls; readonly below: ReadonlyArray<string> } => {
  const [name = '', ...below] = path.slice(1).split('/');
  const calls = name === '' ? above : mounted.get(name);
  if (calls === undefined) throw new Error(`${path} is on no forgetful disk.`);
  return { calls, below };
};

type On<A extends ReadonlyArray<unknown>, R> = (path: string, ...rest: A) => Promise<R>;

/** The call, on the disk that the path names. */
const on =
  <A extends ReadonlyArray<unknown>, R>(
    pick: (calls: Calls) => (below: ReadonlyArray<string>, ...rest: A) => Promise<R>,
  ): On<A, R> =>
  async (path, ...rest) => {
    const { calls, below } = placeOf(path);
    return pick(calls)(below, ...rest);
  };

export const open = on(({ open: call }) => call);
export const mkdir = on(({ mkdir: call }) => call);
export const rmdir = on(({ rmdir: call }) => call);
export const unlink = on(({ unlink: call }) => call);
export const rm = on(({ rm: call }) => call);
export const stat = on(({ stat: call }) => call);
const entriesIn = on(({ readdir: call }) => call);
type Entries = Awaited<ReturnType<typeof entriesIn>>;

export function readdir(path: string): Promise<string[]>;
export function readdir(path: string, options: { readonly withFileTypes: true }): Promise<Entries>;
export async function readdir(path: string, options?: object): Promise<Entries | string[]> {
  const entries = await entriesIn(path);
  return options === undefined ? entries.map(({ name }) => name) : entries;
}

/** There are no symbolic links. */
export const lstat = on(({ stat: call }) => call);
export const link = (from: string, to: string): Promise<void> =>
  placeOf(from).calls.link(placeOf(from).below, placeOf(to).below);
