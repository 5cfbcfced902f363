// The least server that makes a create: on the same SDK, with the same requests and as many writes that wait for the disk, in
// the same order, and with nothing of what this server is for. It checks nothing, and what it writes could not be read.

import { Buffer } from 'node:buffer';
import { closeSync, fsync, linkSync, mkdtempSync, openSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { Agent } from 'undici';

const { MONGODB_ATLAS_BASE_URL: origin, MONGODB_ATLAS_PROJECT_ID: groupId } = process.env;
const { MONGODB_ATLAS_CLIENT_ID: clientId, MONGODB_ATLAS_CLIENT_SECRET: clientSecret } = process.env;
const KEYS = `/api/atlas/v2/groups/${groupId}/aiModelApiKeys`;
const MEDIA_TYPE = 'application/vnd.atlas.2025-03-12+json';

const agent = new Agent();
const folder = mkdtempSync(join(process.env.HOME, 'least-'));
const toDisk = promisify(fsync);
let token;

const server = new Server({ name: 'least', version: '1.0.0' }, { capabilities: { tools: {} } });
server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: [] }));
server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
  const { name } = params.arguments;
  token ??= await fetchToken();
  await Promise.all([send('GET', `${KEYS}?itemsPerPage=500&pageNum=1`), tryTheDisk(`${name}.proof`)]);
  await placeFile(`${name}.intent`);
  const { secret, ...key } = await send('POST', KEYS, { name, cloud: 'ANY', geography: 'ANY' });
  await append(`${name}.intent`, key.apiKeyId);
  await placeFile(`${name}.key`, secret);
  const result = { outcome: 'delivered', key };
  return { content: [{ type: 'text', text: JSON.stringify(result) }], structuredContent: result };
});
process.stdin.once('end', () => process.exit());
await server.connect(new StdioServerTransport());

async function fetchToken() {
  const { body } = await agent.request({
    origin,
    method: 'POST',
    path: '/api/oauth/token',
    headers: {
      authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: 'grant_type=client_credentials',
  });
  return (await body.json()).access_token;
}

async function send(method, path, value) {
  const { statusCode, body } = await agent.request({
    origin,
    method,
    path,
    headers: { authorization: `Bearer ${token}`, accept: MEDIA_TYPE, ...(value && { 'content-type': MEDIA_TYPE }) },
    body: value && JSON.stringify(value),
  });
  if (statusCode >= 300) throw new Error(`The stand-in answered ${statusCode}.`);
  return body.json();
}

async function tryTheDisk(name) {
  await writeSynced(name, 'wx', ' '.repeat(4096));
  unlinkSync(join(folder, name));
}

async function placeFile(name, text = ' '.repeat(300)) {
  await writeSynced(`${name}.new`, 'wx', text);
  linkSync(join(folder, `${name}.new`), join(folder, name));
  unlinkSync(join(folder, `${name}.new`));
  const directory = openSync(folder, 'r');
  await toDisk(directory);
  closeSync(directory);
}

async function append(name, text) {
  await writeSynced(name, 'a', text);
}

async function writeSynced(name, flags, text) {
  const file = openSync(join(folder, name), flags, 0o600);
  writeFileSync(file, text);
  await toDisk(file);
  closeSync(file);
}
