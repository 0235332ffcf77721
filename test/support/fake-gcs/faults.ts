/** How the fake misbehaves: on command, or by chance from a seed. */
import { type RequestKind } from './requests.js';

/**
 * - `latency` waits before it answers;
 * - `silence` takes the request, does nothing and never answers; `deaf` does not even read its body;
 * - `reset` closes the connection before anything is done;
 * - `status` refuses with that status;
 * - `lost` does it, then closes the connection without an answer; `unanswered` does it and never answers;
 * - `stall` sends half of the answer's body, then nothing; `cut` half, then closes the connection;
 * - `truncate` sends half of the body as if it were all of it;
 * - `flip` changes one bit of a body that is media: of the answer's, or of the upload's.
 */
export type Fault =
  | { readonly kind: 'latency'; readonly durationMs: number }
  | { readonly kind: 'status'; readonly status: number }
  | {
      readonly kind: 'silence' | 'deaf' | 'reset' | 'lost' | 'unanswered' | 'stall' | 'cut' | 'truncate' | 'flip';
    };

/** How often each fault comes by chance: a share of all requests. */
export type Chances = Readonly<Partial<Record<Exclude<Fault['kind'], 'latency' | 'status'> | '429' | '503', number>>>;

export interface Rule {
  readonly fault: Fault;
  /** Which requests; all kinds by default. */
  readonly on?: RequestKind;
  /** How many of them, 1 by default. */
  readonly times?: number;
  /** How many of them pass before. */
  readonly after?: number;
}

/** Numbers from 0 to 1 that a seed determines (mulberry32, public domain). */
export const randomFrom = (seed: number) => {
  let state = seed >>> 0;
  return (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** Decides what befalls each request. */
export const faultPlan = (random: () => number, initial: Chances) => {
  const rules: Array<{ rule: Rule; passing: number; left: number }> = [];
  let chances = initial;

  const byRule = (kind: RequestKind): Fault | undefined => {
    for (const entry of rules) {
      if (entry.left === 0 || (entry.rule.on !== undefined && entry.rule.on !== kind)) continue;
      if (entry.passing > 0) {
        entry.passing -= 1;
        continue;
      }
      entry.left -= 1;
      return entry.rule.fault;
    }
    return undefined;
  };

  const byChance = (): Fault | undefined => {
    let draw = random();
    for (const [kind, chance] of Object.entries(chances)) {
      draw -= chance;
      if (draw < 0) return faultOf(kind as keyof Chances);
    }
    return undefined;
  };

  return {
    next: (kind: RequestKind): Fault | undefined => byRule(kind) ?? byChance(),
    command: (rule: Rule): void => {
      rules.push({ rule, passing: rule.after ?? 0, left: rule.times ?? 1 });
    },
    chance: (next: Chances): void => {
      chances = next;
    },
    calm: (): void => {
      rules.length = 0;
      chances = {};
    },
  };
};

const faultOf = (kind: keyof Chances): Fault =>
  kind === '429' || kind === '503' ? { kind: 'status', status: Number(kind) } : { kind };

/** What a fault is counted as. */
export const nameOf = (fault: Fault): string => (fault.kind === 'status' ? `${fault.status}` : fault.kind);
