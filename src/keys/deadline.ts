// Time limits that begin when a caller stops waiting.

/** Aborted `ms` milliseconds after `signal` was: what is under way gets that long to come to its end. */
export function abortedAfter(signal: AbortSignal, ms: number): AbortSignal {
  const controller = new AbortController();
  const begin = () => {
    setTimeout(() => {
      controller.abort();
    }, ms).unref();
  };
  if (signal.aborted) begin();
  else signal.addEventListener('abort', begin, { once: true });
  return controller.signal;
}
