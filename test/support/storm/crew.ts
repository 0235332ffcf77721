/** The processes of a storm: so many at work, spare ones that are ready to take a place, and one killed after the other. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Answer, Operation } from './operations.js';

/** One operation, and who wants to know how it went: `died` when its process was killed before it told. */
export interface Task {
  readonly operation: Operation;
  readonly answered: (answer: Answer) => void;
  readonly died: () => void;
}

export interface CrewOptions {
  /** Begins a process that says `ready` and then does what it is told, see `work`. */
  readonly start: () => ChildProcess;
  readonly processCount: number;
  readonly spareCount: number;
  /** For a process that is free; undefined when there is nothing more to do. */
  readonly nextTask: () => Task | undefined;
  /** How long one rests between two tasks, as those do that register in earnest: else they mostly wait for each other. */
  readonly restMs: () => number;
  /** Called when a process ended that nobody killed. */
  readonly broke: (reason: Error) => void;
}

export interface Crew {
  /** Kills one that has a task. Does not while half of the places are empty: processes would come slower than they go. */
  readonly killOne: (random: () => number) => 'killed' | 'passed over';
  /** How many have a task that nobody knows the end of. */
  readonly busy: () => number;
  /** Ends all of them, and settles when they are gone. */
  readonly close: () => Promise<void>;
}

export const makeCrew = ({ start, processCount, spareCount, nextTask, restMs, broke }: CrewOptions): Crew => {
  const all = new Set<ChildProcess>();
  const spares: ChildProcess[] = [];
  /** Those that have a place, with what they are at. */
  const places = new Map<ChildProcess, Task | undefined>();
  let isOpen = true;

  const occupy = (child: ChildProcess): void => {
    const task = isOpen && !child.killed ? nextTask() : undefined;
    places.set(child, task);
    // It may be gone already, which `exit` tells.
    if (task !== undefined) child.send(task.operation, () => undefined);
  };

  const fill = (): void => {
    while (isOpen && all.size < processCount + spareCount) begin();
    while (places.size < processCount) {
      const spare = spares.shift();
      if (spare === undefined) return;
      occupy(spare);
    }
  };

  const begin = (): void => {
    const child = start();
    all.add(child);
    child.on('message', (message: 'ready' | Answer) => {
      if (message === 'ready') {
        spares.push(child);
        return fill();
      }
      places.get(child)?.answered(message);
      places.set(child, undefined);
      setTimeout(() => {
        if (places.has(child)) occupy(child);
      }, restMs());
    });
    void ended(child).then((how) => {
      const task = places.get(child);
      places.delete(child);
      all.delete(child);
      if (!child.killed) return broke(new Error(`A process of the storm ended by itself with ${how}.`));
      task?.died();
      fill();
    });
  };

  fill();
  return {
    killOne: (random) => {
      const alive = [...places].filter(([child]) => !child.killed);
      const busy = alive.filter(([, task]) => task !== undefined);
      const victim = busy[Math.floor(random() * busy.length)];
      if (victim === undefined || alive.length < processCount / 2) return 'passed over';
      victim[0].kill('SIGKILL');
      return 'killed';
    },
    busy: () => [...places.values()].filter((task) => task !== undefined).length,
    close: async () => {
      isOpen = false;
      const gone = [...all].map(ended);
      for (const child of all) child.kill('SIGKILL');
      await Promise.all(gone);
    },
  };
};

/** Settles when the process is gone and everything that it said has arrived. */
const ended = async (child: ChildProcess): Promise<number | string> => {
  const exit = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
  const disconnect = child.connected ? once(child, 'disconnect') : undefined;
  await Promise.all([exit, disconnect]);
  return child.exitCode ?? child.signalCode ?? '';
};
