// What typical answers take of a model's context: the list of tools and results, in bytes, and in o200k tokens where the variable
// GPT_TOKENIZER names the o200k_base module of npm gpt-tokenizer (30 MB, so that this project does not depend on it).

import { Buffer } from 'node:buffer';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { operatorsSettings } from './size.js';
import { greet, startServer } from './stdio-server.js';
import { table, whole } from './table.js';

const KEYS = 600;
const NO_PROJECT = '000000000000000000000000';

export async function measureAnswers({ folder, installed, atlas }) {
  const tokensOf = await tokenizer();
  const taken = (text) => ({ bytes: Buffer.byteLength(text), ...(tokensOf && { tokens: tokensOf(text) }) });
  const server = startServer(installed.script, { folder, env: operatorsSettings(folder, atlas) });
  const { tools } = await greet(server);
  await atlas.reset(KEYS);
  const call = async (name, given) =>
    (await server.request('tools/call', { name: `${name}`, arguments: given })).result;
  const answers = [];
  for (const [what, name, given] of await calls(call)) {
    const { content, structuredContent } = await call(name, given);
    answers.push({ what, text: taken(content[0].text), structured: taken(JSON.stringify(structuredContent)) });
  }
  await server.end();
  // Hosts show a model these three.
  const seen = tools.map(({ name, description, inputSchema }) => ({ name, description, inputSchema }));
  return { toolList: { tools: tools.length, ...taken(JSON.stringify(seen)) }, answers };
}

/** Each with what it is called here. */
async function calls(call) {
  const listed = await call('list_ai_model_api_keys', { limit: 1 });
  const [{ apiKeyId }] = listed.structuredContent.keys;
  const create = { name: 'Search production', sink: 'vault' };
  return [
    ['create, dry run', 'create_ai_model_api_key', { ...create, dryRun: true }],
    ['create', 'create_ai_model_api_key', create],
    ['get', 'get_ai_model_api_key', { apiKeyId }],
    ['list of 50 keys', 'list_ai_model_api_keys', { limit: 50 }],
    ['list of 500 keys', 'list_ai_model_api_keys', { limit: 500 }],
    ['a name in use', 'create_ai_model_api_key', create],
    ['an input that is refused', 'get_ai_model_api_key', { apiKeyId: 'Search production' }],
    ['another name', 'delete_ai_model_api_key', { apiKeyId, confirmName: 'Search' }],
    ['no such project', 'list_ai_model_api_keys', { groupId: NO_PROJECT }],
  ];
}

async function tokenizer() {
  const path = process.env.GPT_TOKENIZER;
  if (path === undefined) return undefined;
  const { encode } = await import(pathToFileURL(path));
  return (text) => encode(text).length;
}

export function answersTable({ toolList, answers }) {
  const said = ({ bytes, tokens }) => [whole(bytes), tokens === undefined ? 'not counted' : whole(tokens)];
  const head = ['', 'text, bytes', 'tokens', 'structured, bytes', 'tokens'];
  const rows = answers.map(({ what, text, structured }) => [what, ...said(text), ...said(structured)]);
  const list = [`tool list (${toolList.tools} tools)`, '', '', ...said(toolList)];
  return ['### What answers take', table([head, list, ...rows])].join('\n\n');
}
