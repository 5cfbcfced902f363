// The measure of start-up: the least that Node can do as a stdio server. It answers the lines of a host with constants, by
// readline, and loads nothing else.

import { createInterface } from 'node:readline';

const results = {
  initialize: {
    protocolVersion: '2025-11-25',
    capabilities: { tools: {} },
    serverInfo: { name: 'bare', version: '1.0.0' },
  },
  'tools/list': { tools: [{ name: 'nothing', description: 'Do nothing.', inputSchema: { type: 'object' } }] },
};

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method } = JSON.parse(line);
  if (id !== undefined) process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result: results[method] })}\n`);
});
