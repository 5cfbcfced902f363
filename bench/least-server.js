// The least server that makes a create: on the same SDK, with the same requests over one connection,
// and with as many waits for the disk in the same order, those for the first create's directories too; and with nothing of
// what this server is for. It checks nothing, and what it writes could not be read. create.js counts its requests.

import { Buffer } from 'node:buffer';
import { closeSync, existsSync, fsync, linkSync, mkdirSync, openSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { Client } from 'undici';
// For the flag for V8 that it sets.
import '../src/http/transport.ts';

const { MONGODB_ATLAS_BASE_URL: origin, MONGODB_ATLAS_PROJECT_ID: groupId } = process.env;
const { MONGODB_ATLAS_CLIENT_ID: clientId, MONGODB_ATLAS_CLIENT_SECRET: clientSecret } = process.env;
const KEYS = `/api/atlas/v2/groups/${groupId}/aiModelApiKeys`;
const MEDIA_TYPE = 'application/vnd.atlas.2025-03-12+json';
/** Below the home directory, and as deep as this server's own on Linux. */
const SINK = ['.local', 'share', 'least', 'keys', groupId];
const JOURNAL = ['.local', 'state', 'least', 'intents'];

/** One connection: the list waits until that of the token is free, and opens no other. */
const client = new Client(origin);
const toDisk = promisify(fsync);
let token;

const server = new Server({ name: 'least', version: '1.0.0' }, { capabilities: { tools: {} } });
server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: [] }));
server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
  const { name } = params.arguments;
  const [sink] = await Promise.all([provenSink(`${name}.proof`), listKeys()]);
  const journal = await madeFolder(JOURNAL);
  await placeFile(journal, name);
  const marked = { name: `${name}-undelivered-0123456789ab`, cloud: 'ANY', geography: 'ANY' };
  const { secret, ...key } = await send('POST', KEYS, marked);
  await writeSynced(join(journal, name), 'a', key.apiKeyId);
  await placeFile(sink, name, secret);
  await writeSynced(join(journal, name), 'a', 'delivered');
  await send('PATCH', `${KEYS}/${key.apiKeyId}`, { name });
  const result = { outcome: 'delivered', key };
  return { content: [{ type: 'text', text: JSON.stringify(result) }], structuredContent: result };
});
process.stdin.once('end', () => process.exit());
await server.connect(new StdioServerTransport());

async function listKeys() {
  token ??= await fetchToken();
  await send('GET', `${KEYS}?itemsPerPage=500&pageNum=1`);
}

async function fetchToken() {
  const { body } = await client.request({
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
  const { statusCode, body } = await client.request({
    method,
    path,
    headers: { authorization: `Bearer ${token}`, accept: MEDIA_TYPE, ...(value && { 'content-type': MEDIA_TYPE }) },
    body: value && JSON.stringify(value),
  });
  if (statusCode >= 300) throw new Error(`The stand-in answered ${statusCode}.`);
  return body.json();
}

/** Runs beside the token and the list. */
async function provenSink(name) {
  const folder = await madeFolder(SINK);
  const proof = join(folder, name);
  await writeSynced(proof, 'wx', ' '.repeat(4096));
  unlinkSync(proof);
  return folder;
}

async function madeFolder(parts) {
  let folder = process.env.HOME;
  for (const part of parts) {
    const next = join(folder, part);
    if (!existsSync(next)) {
      mkdirSync(next, 0o700);
      await syncFolder(folder);
    }
    folder = next;
  }
  return folder;
}

async function placeFile(folder, name, text = ' '.repeat(300)) {
  const place = join(folder, name);
  const temporary = `${place}.new`;
  await writeSynced(temporary, 'wx', text);
  linkSync(temporary, place);
  unlinkSync(temporary);
  await syncFolder(folder);
}

async function writeSynced(path, flags, text) {
  const file = openSync(path, flags, 0o600);
  writeFileSync(file, text);
  await toDisk(file);
  closeSync(file);
}

async function syncFolder(path) {
  const folder = openSync(path, 'r');
  await toDisk(folder);
  closeSync(folder);
}
