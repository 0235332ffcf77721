/** Tells how long the steps of a job took, without the turns that it left to others. */
import type { Host } from '../ports/host.js';

export interface Laps {
  /** The host, its turns measured. */
  readonly host: Host;
  /** Milliseconds since the last lap, or the start, that were not turns. */
  readonly lap: () => number;
  /** Milliseconds in turns so far. */
  readonly waitMs: () => number;
}

export const startLaps = (host: Host): Laps => {
  let waitMs = 0;
  let waitedMs = 0;
  let sinceMs = host.nowMs();
  return {
    host: {
      ...host,
      turn: async () => {
        const startedMs = host.nowMs();
        await host.turn();
        waitMs += host.nowMs() - startedMs;
      },
    },
    lap: () => {
      const nowMs = host.nowMs();
      const lapMs = nowMs - sinceMs - (waitMs - waitedMs);
      sinceMs = nowMs;
      waitedMs = waitMs;
      return lapMs;
    },
    waitMs: () => waitMs,
  };
};
