// Connects the SDK's server to the streams of a host, and keeps request ids apart that an SDK would confuse.

import type { Readable, Writable } from 'node:stream';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { isJSONRPCNotification, isJSONRPCRequest, type JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { type Log, classOf } from '../secret/redacted-output.ts';
import type { McpAdapter } from './server.ts';
import { REPEATED } from './handshake.ts';

/** Resolves when the server reads, with a promise that resolves when the transport has closed of itself. */
export async function connect(
  server: McpAdapter['server'],
  input: Readable,
  output: Writable,
  log: Log,
): Promise<{ readonly closed: Promise<void> }> {
  // Of a protocol error only the class is logged: its message may quote what was received.
  server.onerror = (error) => {
    log('warning', `protocol error (${classOf(error)})`);
  };
  // The transport closes itself when a message is larger than it reads.
  const closed = new Promise<void>((resolve) => {
    server.onclose = resolve;
  });
  await server.connect(withRequestIdMap(new StdioServerTransport(input, output)));
  return { closed };
}

/** Only this server sees it. */
const ZERO_OF_HOST = 'request-zero-of-the-host';
/** Only the host sees it. */
const ZERO_OF_SERVER = 'request-zero-of-the-server';

/**
 * The same transport with three corrections. The SDK ignores a cancellation of the request id 0, with which it begins to count
 * its own requests: that id gets another name before an SDK sees it, and its own again on the way back. The answer to a
 * repeated `initialize` is dropped, since the handshake has given it. Arguments that are null, which the SDK refuses, become
 * an empty object.
 */
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
