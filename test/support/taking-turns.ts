/** Lets calls of several processes take turns: by chance, or so that one sleeps while others work. */
import type { Turn } from './forgetful-fs/calls.js';

/** One call at a time, any of those that wait; now and then one sleeps while a thousand others are done. */
export const byChanceInTurn = (random: () => number): Turn => {
  const waiting: Array<{ readonly go: () => void; readonly asleepUntil: number }> = [];
  let done = 0;
  const letOneGo = (): void => {
    done += 1;
    const awake = waiting.filter(({ asleepUntil }) => asleepUntil <= done);
    const able = awake.length > 0 ? awake : waiting;
    const next = able[Math.floor(random() * able.length)];
    if (next === undefined) return;
    waiting.splice(waiting.indexOf(next), 1);
    next.go();
    if (waiting.length > 0) setImmediate(letOneGo);
  };
  return () =>
    new Promise((go) => {
      waiting.push({ go, asleepUntil: random() < 0.02 ? done + 1000 * random() : 0 });
      if (waiting.length === 1) setImmediate(letOneGo);
    });
};

/** Calls of a process that falls asleep before its `nth` call of this name; `asleep` settles then, and `wake` lets it go on. */
export const asleepBefore = (name: string, nth: number) => {
  let calls = 0;
  let fallAsleep = (): void => undefined;
  let wake = (): void => undefined;
  const asleep = new Promise<void>((resolve) => {
    fallAsleep = resolve;
  });
  const awake = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const turn: Turn = async (call) => {
    if (call === name) calls += 1;
    if (call !== name || calls !== nth) return;
    fallAsleep();
    await awake;
  };
  return { turn, asleep, wake: () => wake() };
};
