// Waits for what several callers share, while each of them may leave.

import { failed, type AtlasResult } from './failure.ts';
import { lostExchangeFailure } from './lost-exchange.ts';

/** What comes first: the result, or the caller's leaving. What is under way goes on all the same. */
export function orCancelled<T>(
  begin: () => Promise<AtlasResult<T>>,
  signal: AbortSignal | undefined,
): Promise<AtlasResult<T>> {
  if (!signal) return begin();
  const cancelled = failed(lostExchangeFailure({ outcome: 'not_sent', reason: 'cancelled' }));
  if (signal.aborted) return Promise.resolve(cancelled);
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      resolve(cancelled);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    void begin()
      .then(resolve, reject)
      .finally(() => {
        signal.removeEventListener('abort', onAbort);
      });
  });
}
