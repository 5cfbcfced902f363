// Lets a host cancel its first request. The SDK ignores a cancellation of the request id 0, with which its own client
// begins to count; so that id gets another name on the way in, and its own again on the way out.

import { type Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { isJSONRPCNotification, isJSONRPCRequest, type JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';

const ZERO = 'request-zero-of-the-host';

/** The same transport, as far as the server can tell. */
export function withRequestZero(transport: Transport): Transport {
  const wrapped: Transport = {
    start: () => {
      transport.onmessage = (message, extra) => wrapped.onmessage?.(inward(message), extra);
      transport.onerror = (error) => wrapped.onerror?.(error);
      transport.onclose = () => wrapped.onclose?.();
      return transport.start();
    },
    send: (message, options) => transport.send(outward(message), options),
    close: () => transport.close(),
  };
  return wrapped;
}

function inward<Message extends JSONRPCMessage>(message: Message): Message {
  if (isJSONRPCRequest(message)) return message.id === 0 ? { ...message, id: ZERO } : message;
  if (
    !isJSONRPCNotification(message) ||
    message.method !== 'notifications/cancelled' ||
    message.params?.requestId !== 0
  )
    return message;
  return { ...message, params: { ...message.params, requestId: ZERO } };
}

function outward(message: JSONRPCMessage): JSONRPCMessage {
  return 'id' in message && message.id === ZERO && !('method' in message) ? { ...message, id: 0 } : message;
}
