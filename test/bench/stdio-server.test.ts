// The host of the benchmark, which introduces itself as one that can be asked and answers nothing.

import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startServer } from '../../bench/stdio-server.js';

/** A server that writes the line whenever it reads one. */
function serverSaying(line: object) {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'amk-bench-host-'));
  const script = join(folder, 'server.mjs');
  writeFileSync(script, `process.stdin.on('data', () => console.log(${JSON.stringify(JSON.stringify(line))}));`);
  const server = startServer(script, { folder });
  onTestFinished(async () => {
    await server.end();
    rmSync(folder, { recursive: true, force: true });
  });
  return server;
}

test('an answer is one to the request of its id', async () => {
  const server = serverSaying({ jsonrpc: '2.0', id: 1, result: { tools: [] } });
  await expect(server.request('tools/list', {})).resolves.toMatchObject({ result: { tools: [] } });
});

test('a question is not an answer, whatever its id, and ends the measurement', async () => {
  const server = serverSaying({ jsonrpc: '2.0', id: 1, method: 'elicitation/create', params: {} });
  await expect(server.request('tools/call', {})).rejects.toThrow('The server asks for elicitation/create.');
});

test('an error is not an answer', async () => {
  const server = serverSaying({ jsonrpc: '2.0', id: 1, error: { code: -32603, message: 'no' } });
  await expect(server.request('tools/list', {})).rejects.toThrow('-32603');
});
