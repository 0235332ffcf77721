/** A storm: processes that register and read while one after the other is killed, and the history of what they were told. */
import type { ChildProcess } from 'node:child_process';
import { randomFrom } from '../fake-gcs/faults.js';
import { makeCrew, type Task } from './crew.js';
import type { History, Read, Try } from './history.js';
import { type Answer, artifactOf, type Operation, type Reading, type Registering, sha256 } from './operations.js';
import { makePlan } from './plan.js';

export interface StormOptions {
  readonly start: () => ChildProcess;
  readonly processCount: number;
  /** Processes that are kept ready to take the place of one that was killed. */
  readonly spareCount: number;
  readonly killEveryMs: number;
  /** On a machine where kills come faster than work is done there are no more of them, so that it gets there all the same. */
  readonly mostKillsPerRegistration: number;
  /** How many registrations are waited for. */
  readonly wanted: number;
  /** Failures that operations may end with. Any other ends the storm: what is broken may never work again. */
  readonly expected: ReadonlyArray<string>;
  /** Determines what is asked for and who is killed, as far as the machine's own timing lets it. */
  readonly seed: number;
}

/** As many registrations count as acknowledged when the first kill is due. */
const headStart = 80;

const longestRestMs = 300;

export interface StormResult {
  readonly history: History;
  readonly durationMs: number;
  readonly kills: number;
  /** Kills that were due and left out, because the machine could not keep up with them. */
  readonly passedOver: number;
  /** Registrations, of which the tries of one key are one. */
  readonly acknowledged: number;
  /** How many operations failed as expected. */
  readonly failed: number;
  /** What was not expected: it ended the storm. */
  readonly broken: ReadonlyArray<string>;
}

/** Raises the storm, until so many registrations were acknowledged and every try of a key has ended, or something is broken. */
export const runStorm = async (options: StormOptions): Promise<StormResult> => {
  const random = randomFrom(options.seed);
  const plan = makePlan(random);
  const tries: Try[] = [];
  const reads: Read[] = [];
  const acknowledged = new Set<string>();
  const broken: string[] = [];
  let failed = 0;
  let finish: () => void = () => undefined;
  let fail: (reason: Error) => void = () => undefined;
  const over = new Promise<void>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });

  const registerTask = (operation: Registering): Task => {
    const sentAtNs = process.hrtime.bigint();
    const { model, label, alias } = operation;
    const attempt = {
      model,
      label,
      ...(alias === undefined ? {} : { alias }),
      artifactSha256: sha256(artifactOf(label)),
      invokedAtNs: sentAtNs,
    };
    const unknown = () => {
      tries.push(attempt);
      plan.unknown(operation);
    };
    return {
      operation,
      died: unknown,
      answered: ({ invokedAtNs, answeredAtNs, outcome }) => {
        if (outcome.kind !== 'registered') {
          noteFailure(operation, outcome);
          return unknown();
        }
        const { version, registrationId, hasAlias } = outcome;
        const ending = { atNs: BigInt(answeredAtNs), version, registrationId, hasAlias };
        tries.push({ ...attempt, invokedAtNs: BigInt(invokedAtNs), acknowledged: ending });
        acknowledged.add(label);
        plan.acknowledged(operation, version);
      },
    };
  };

  const readTask = (operation: Reading): Task => ({
    operation,
    died: () => undefined,
    answered: ({ invokedAtNs, answeredAtNs, outcome }) => {
      if (outcome.kind === 'failed' || outcome.kind === 'registered') return noteFailure(operation, outcome);
      const { kind: _, ...asked } = operation;
      reads.push({ ...asked, invokedAtNs: BigInt(invokedAtNs), answeredAtNs: BigInt(answeredAtNs), answer: outcome });
    },
  });

  const noteFailure = (operation: Operation, outcome: Answer['outcome']): void => {
    if (outcome.kind === 'failed' && options.expected.includes(outcome.tag)) failed += 1;
    else broken.push(`${JSON.stringify(operation)} ended with ${JSON.stringify(outcome)}`);
  };

  const nextOperation = (): Operation | undefined => {
    if (broken.length > 0) return undefined;
    return acknowledged.size < options.wanted ? plan.next() : plan.nextDue();
  };

  const taskOf = (operation: Operation): Task =>
    operation.kind === 'register' ? registerTask(operation) : readTask(operation);

  const crew = makeCrew({
    ...options,
    nextTask: () => {
      const operation = nextOperation();
      if (operation !== undefined) return taskOf(operation);
      setImmediate(() => {
        if (crew.busy() === 0) finish();
      });
      return undefined;
    },
    restMs: () => random() * longestRestMs,
    broke: fail,
  });

  const beganAtMs = performance.now();
  let kills = 0;
  let passedOver = 0;
  let nextKillAtMs = beganAtMs + options.killEveryMs;
  const killing = setInterval(() => {
    // A machine that is busy wakes us late, and no kill is left out for that.
    for (; nextKillAtMs <= performance.now(); nextKillAtMs += options.killEveryMs) {
      if (broken.length > 0 || acknowledged.size >= options.wanted) return;
      const isTooMany = kills >= options.mostKillsPerRegistration * (headStart + acknowledged.size);
      if (isTooMany || crew.killOne(random) === 'passed over') passedOver += 1;
      else kills += 1;
    }
  }, options.killEveryMs);
  try {
    await over;
    const durationMs = performance.now() - beganAtMs;
    return {
      history: { tries, reads },
      durationMs,
      kills,
      passedOver,
      acknowledged: acknowledged.size,
      failed,
      broken,
    };
  } finally {
    clearInterval(killing);
    await crew.close();
  }
};
