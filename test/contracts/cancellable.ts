/** A cancellation for the contracts: nothing until `abort` is called. */
import type { Cancellation } from '../../core/index.js';

export const cancellable = (): Cancellation & { readonly abort: () => void } => {
  const listeners = new Set<() => void>();
  let aborted = false;
  return {
    get aborted() {
      return aborted;
    },
    onAbort: (f) => {
      if (aborted) f();
      else listeners.add(f);
      return () => listeners.delete(f);
    },
    abort: () => {
      aborted = true;
      for (const f of listeners) f();
      listeners.clear();
    },
  };
};
