// Keeps ids apart that an SDK would take for something else. It ignores a cancellation of the request id 0, with which it
// begins to count itself; so that id gets another name before an SDK sees it, and its own again on the way back. And the
// answer to a repeated `initialize` is for nobody: the handshake has given it. Arguments that are null, which the SDK
// refuses, are none.

import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { isJSONRPCNotification, isJSONRPCRequest, type JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { REPEATED } from './handshake.ts';

/** Seen by this server alone. */
const ZERO_OF_HOST = 'request-zero-of-the-host';
/** Seen by the host alone. */
const ZERO_OF_SERVER = 'request-zero-of-the-server';

/** The same transport, as far as the server can tell. */
export function withRequestIdMap(transport: Transport): Transport {
  let isIntroduced = false;
  const isRepeated = (message: JSONRPCMessage) => {
    if (isIntroduced || !('id' in message) || message.id !== REPEATED) return false;
    isIntroduced = true;
    return true;
  };
  const wrapped: Transport = {
    start: () => {
      transport.onmessage = (message, extra) => {
        wrapped.onmessage?.(withArguments(restored(renamed(message, ZERO_OF_HOST), ZERO_OF_SERVER)), extra);
      };
      transport.onerror = (error) => wrapped.onerror?.(error);
      transport.onclose = () => wrapped.onclose?.();
      return transport.start();
    },
    send: (message, options) =>
      isRepeated(message)
        ? Promise.resolve()
        : transport.send(restored(renamed(message, ZERO_OF_SERVER), ZERO_OF_HOST), options),
    close: () => transport.close(),
  };
  return wrapped;
}

/** A request, or a cancellation of one, from whoever counted from 0. */
function renamed<Message extends JSONRPCMessage>(message: Message, name: string): Message {
  if (isJSONRPCRequest(message)) return message.id === 0 ? { ...message, id: name } : message;
  if (
    !isJSONRPCNotification(message) ||
    message.method !== 'notifications/cancelled' ||
    message.params?.requestId !== 0
  )
    return message;
  return { ...message, params: { ...message.params, requestId: name } };
}

/** An answer to whoever counted from 0. */
function restored<Message extends JSONRPCMessage>(message: Message, name: string): Message {
  return 'id' in message && message.id === name && !('method' in message) ? { ...message, id: 0 } : message;
}

function withArguments<Message extends JSONRPCMessage>(message: Message): Message {
  if (!isJSONRPCRequest(message) || message.params?.arguments !== null) return message;
  return { ...message, params: { ...message.params, arguments: {} } };
}
