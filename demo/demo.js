// Shows one delivery: starts the built server with --sandbox as a host does, creates a key, and prints what the agent
// sees and what the sink holds. Exit code 0 only if the secret is in the sink and in nothing that the agent sees.

import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

const server = fileURLToPath(new URL('../dist/atlas-model-keys-mcp.js', import.meta.url));
const print = (text = '') => process.stdout.write(`${text}\n`);

const client = new Client({ name: 'demo', version: '1.0.0' });
await client.connect(
  new StdioClientTransport({ command: process.execPath, args: [server, '--sandbox'], stderr: 'inherit' }),
);

print('The agent calls create_ai_model_api_key { name: "Production key" } and sees:');
const result = await client.callTool({ name: 'create_ai_model_api_key', arguments: { name: 'Production key' } });
print(JSON.stringify(result.structuredContent, null, 2));

const { location, fingerprint } = result.structuredContent.delivery;
const secret = readFileSync(location, 'utf8');
const held = `sha256:${createHash('sha256').update(secret).digest('hex').slice(0, 12)}`;
// Windows has no such modes.
const wantedMode = process.platform === 'win32' ? 'none on this system' : '0600';
const mode =
  process.platform === 'win32' ? wantedMode : (statSync(location).mode & 0o7777).toString(8).padStart(4, '0');
const seen = JSON.stringify(result).includes(secret);

print('\nThe sink holds:');
print(`  mode         ${mode}`);
print(`  bytes        ${secret.length}, beginning with ${secret.slice(0, 11)}`);
print(`  fingerprint  ${held} (${held === fingerprint ? 'the same' : 'NOT THE SAME'})`);
print(`\nThe secret in what the agent sees: ${seen ? 'YES' : 'no'}`);

await client.close();
process.exitCode = held === fingerprint && mode === wantedMode && !seen ? 0 : 1;
