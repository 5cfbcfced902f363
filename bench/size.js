// What is installed, and what the list of tools takes of a model's context: bytes, as they are answered over stdio.

import { Buffer } from 'node:buffer';
import { greet, startServer } from './stdio-server.js';
import { table, whole } from './table.js';

export async function measureSize({ folder, installed }) {
  const server = startServer(installed.script, { folder });
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
  return { ...installed.sizes, toolList: { bytes: all, average: all / tools.length, tools: each } };
}

export function sizeTable({ tarball, bundle, installed, packages, files, toolList }) {
  const head = ['', 'bytes'];
  const rows = [
    ['tarball', whole(tarball)],
    [`installed, ${packages} package(s)`, whole(installed)],
    ['the bundle alone', whole(bundle)],
    ['tool list, the whole answer', whole(toolList.bytes)],
    ['a tool on average', whole(toolList.average)],
  ];
  const tools = toolList.tools.map((tool) => [
    tool.name,
    ...[tool.bytes, tool.description, tool.input, tool.output].map(whole),
  ]);
  return [
    '### Size',
    table([head, ...rows]),
    `In the tarball: ${files.map(({ path, bytes }) => `${path} (${whole(bytes)})`).join(', ')}.`,
    table([['tool', 'bytes', 'of them description', 'input schema', 'output schema'], ...tools]),
  ].join('\n\n');
}
