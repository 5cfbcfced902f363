// Progress notifications of the MCP specification (2025-11-25, Base Protocol, Utilities, Progress), where the host asked for them.

import { type RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import { type ServerNotification, type ServerRequest } from '@modelcontextprotocol/sdk/types.js';
import { type Log } from '../secret/way-out.ts';

/** Sends a message with a rising number, as the specification asks; does nothing without a progress token. */
export function progressTo(
  { _meta, sendNotification }: RequestHandlerExtra<ServerRequest, ServerNotification>,
  log: Log,
): (message: string) => void {
  const progressToken = _meta?.progressToken;
  if (progressToken === undefined) return () => undefined;
  let progress = 0;
  return (message) => {
    progress += 1;
    sendNotification({ method: 'notifications/progress', params: { progressToken, progress, message } }).catch(() => {
      log('debug', 'a progress notification could not be sent');
    });
  };
}
