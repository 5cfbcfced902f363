// What is installed, and what the list of tools takes of a model's context: bytes, as they are answered over stdio. Some of
// the operator's settings are told in that list, so there are such as operators make.

import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import { greet, startServer } from './stdio-server.js';
import { table, whole } from './table.js';

const ORGANIZATION = '0123456789abcdef01234567';

export async function measureSize({ folder, installed, atlas }) {
  const server = startServer(installed.script, { folder, env: operatorsSettings(folder, atlas) });
  const { line, tools } = await greet(server);
  await server.end();
  const bytes = (value) => Buffer.byteLength(value);
  const each = tools.map((tool) => ({
    name: tool.name,
    bytes: bytes(JSON.stringify(tool)),
    description: bytes(tool.description ?? ''),
    input: bytes(JSON.stringify(tool.inputSchema)),
    output: bytes(JSON.stringify(tool.outputSchema ?? '')),
  }));
  const all = bytes(line);
  // Hosts show a model these three; output schemas are for programs.
  const seen = tools.map(({ name, description, inputSchema }) => ({ name, description, inputSchema }));
  const shown = bytes(JSON.stringify(seen)) / tools.length;
  return { ...installed.sizes, toolList: { bytes: all, average: all / tools.length, shown, tools: each } };
}

/** Besides the credentials: a project, an organization and three sinks. */
export function operatorsSettings(folder, atlas) {
  const sinks = {
    app: `dotenv:${join(folder, 'app', '.env')}#VOYAGE_API_KEY`,
    worker: `dotenv:${join(folder, 'worker', '.env')}#VOYAGE_API_KEY`,
    vault: `file:${join(folder, 'vault', '{groupId}', '{entry}.key')}`,
  };
  return {
    ...atlas.environment,
    MONGODB_ATLAS_ORG_ID: ORGANIZATION,
    ATLAS_MODEL_KEYS_SINKS: JSON.stringify(sinks),
  };
}

export function sizeTable({ tarball, bundle, installed, packages, files, toolList }) {
  const head = ['', 'bytes'];
  const rows = [
    ['tarball', whole(tarball)],
    [`installed, ${packages} package(s)`, whole(installed)],
    ['the two files of the bundle', whole(bundle)],
    ["tool list with an operator's settings, the whole answer", whole(toolList.bytes)],
    ['a tool on average', whole(toolList.average)],
    ['of it name, description and input schema, which a model sees', whole(toolList.shown)],
  ];
  const tools = toolList.tools.map((tool) => [
    tool.name,
    ...[tool.bytes, tool.description, tool.input, tool.output].map(whole),
  ]);
  return [
    '### Size',
    table([head, ...rows]),
    `In the tarball: ${files.map(({ path, bytes }) => `${path} (${whole(bytes)})`).join(', ')}.`,
    'The tools as listed where a project, an organization and three sinks are configured:',
    table([['tool', 'bytes', 'of them description', 'input schema', 'output schema'], ...tools]),
  ].join('\n\n');
}
