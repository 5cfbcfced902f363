// A host with the SDK's client in the same process as the server, which keeps every message that the server sent.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { type ClientCapabilities, type JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { type McpAdapter, withRequestIdMap } from '../../src/mcp/server.ts';

export interface RecordingHost {
  readonly client: Client;
  /** In order, from the end of the handshake on. */
  readonly received: readonly JSONRPCMessage[];
}

export async function connectHost(
  { server }: McpAdapter,
  capabilities: ClientCapabilities,
  prepare: (client: Client) => void = () => undefined,
): Promise<RecordingHost> {
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  const client = new Client({ name: 'host', version: '1' }, { capabilities });
  prepare(client);
  await Promise.all([server.connect(withRequestIdMap(theirs)), client.connect(ours)]);
  const received: JSONRPCMessage[] = [];
  const deliver = ours.onmessage;
  ours.onmessage = (message) => {
    received.push(message);
    deliver?.(message);
  };
  return { client, received };
}
