// Connects the SDK's server to the streams of a host.

import type { Readable, Writable } from 'node:stream';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import type { Log } from '../secret/redacted-output.ts';
import { withRequestIdMap } from './request-id-map.ts';
import type { McpAdapter } from './server.ts';
import { classOf } from '../text/error-class.ts';

/** Resolves when the server reads, with a promise that resolves when the transport has closed of itself. */
export async function connect(
  server: McpAdapter['server'],
  input: Readable,
  output: Writable,
  log: Log,
): Promise<{ readonly closed: Promise<void> }> {
  // Of an error of the protocol the class alone: its message may quote what was received.
  server.onerror = (error) => {
    log('warning', `protocol error (${classOf(error)})`);
  };
  // The transport closes itself over a message that is larger than it reads.
  const closed = new Promise<void>((resolve) => {
    server.onclose = resolve;
  });
  await server.connect(withRequestIdMap(new StdioServerTransport(input, output)));
  return { closed };
}
