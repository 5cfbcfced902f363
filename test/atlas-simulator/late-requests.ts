// Requests that were answered at once and are carried out later: after a time, or when a test says so.

import { setTimeout as pause } from 'node:timers/promises';

export interface LateRequests {
  /** Without `ms` it waits for {@link commit}. */
  add(carryOut: () => void, ms: number | undefined): void;
  /** Carries out those that wait, in the order in which they came, so many at most; returns how many. */
  commit(most?: number): number;
}

/** @param closing what still waits then is never carried out */
export function createLateRequests(closing: AbortSignal): LateRequests {
  const waiting = new Set<() => void>();
  const run = (carryOut: () => void) => {
    if (waiting.delete(carryOut) && !closing.aborted) carryOut();
  };
  return {
    add(carryOut, ms) {
      waiting.add(carryOut);
      if (ms === undefined) return;
      pause(ms, undefined, { signal: closing }).then(
        () => {
          run(carryOut);
        },
        () => undefined,
      );
    },
    commit(most = Number.POSITIVE_INFINITY) {
      const due = [...waiting].slice(0, most);
      due.forEach(run);
      return due.length;
    },
  };
}
