// The least that a server on the SDK can be: one tool with one parameter, as the SDK's documentation shows it.

import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import * as z from 'zod/v4';

const server = new McpServer({ name: 'sdk', version: '1.0.0' });
server.registerTool('echo', { description: 'Say it again.', inputSchema: { text: z.string() } }, ({ text }) => ({
  content: [{ type: 'text', text }],
}));
await server.connect(new StdioServerTransport());
process.stdin.once('end', () => process.exit());
