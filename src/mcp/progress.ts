// Progress notifications of the MCP specification (2025-11-25, Base Protocol, Utilities, Progress), where the host asked
// for them. The messages come from the use cases.

import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import type { ServerNotification, ServerRequest } from '@modelcontextprotocol/sdk/types.js';
import type { Log } from '../secret/redacted-output.ts';

/** A call that ends sooner sends no progress. In milliseconds. */
const FIRST_AFTER_MS = 1_000;
/** Hosts give up a call that sends nothing for too long. In milliseconds. */
const REPEATED_EVERY_MS = 2_000;

export interface Progress {
  /** The last message is what the host sees, from the first second on. */
  readonly tell: (message: string) => void;
  /** Tells this while the action lasts, and afterwards what was told before, unless there is something newer. */
  readonly during: <Result>(message: string, action: () => Promise<Result>) => Promise<Result>;
  /** Nothing is sent from here on. */
  readonly end: () => void;
}

/** @param begun what is told of a call that tells nothing itself */
export function progressOf(
  { _meta, sendNotification }: RequestHandlerExtra<ServerRequest, ServerNotification>,
  begun: string,
  log: Log,
): Progress {
  const progressToken = _meta?.progressToken;
  if (progressToken === undefined) return silent;
  let progress = 0;
  return paced(begun, (message) => {
    // The specification wants the number to rise with each notification. No total, since it is not known.
    progress += 1;
    sendNotification({ method: 'notifications/progress', params: { progressToken, progress, message } }).catch(() => {
      log('debug', 'a progress notification could not be sent');
    });
  });
}

/** Nothing in the first second; then each new message at once, and the last one again and again. */
function paced(begun: string, send: (message: string) => void): Progress {
  let message = begun;
  let repeating: NodeJS.Timeout | undefined;
  let ended = false;
  const sendRepeatedly = () => {
    clearInterval(repeating);
    repeating = setInterval(() => {
      send(message);
    }, REPEATED_EVERY_MS).unref();
    send(message);
  };
  const first = setTimeout(sendRepeatedly, FIRST_AFTER_MS).unref();
  const tell = (next: string) => {
    if (next === message || ended) return;
    message = next;
    if (repeating) sendRepeatedly();
  };
  return {
    tell,
    async during(meanwhile, action) {
      const before = message;
      tell(meanwhile);
      try {
        return await action();
      } finally {
        if (message === meanwhile) tell(before);
      }
    },
    end() {
      ended = true;
      clearTimeout(first);
      clearInterval(repeating);
    },
  };
}

const silent: Progress = {
  tell: () => undefined,
  during: (_message, action) => action(),
  end: () => undefined,
};
