// What the documents say of settings and snippets is held against the server that is built.

import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import * as z from 'zod/v4';
import { ERROR_CODES, KEY_STATES } from '../../src/failure.ts';
import { toolDefinitions } from '../../src/tools/tool-definitions.ts';
import { startHost, temporaryHome } from './host.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const document = (path: string) => readFileSync(`${root}/${path}`, 'utf8');
const readme = document('README.md');
const toolsPage = document('docs/tools.md');
const contributing = document('CONTRIBUTING.md');
const example = document('mcp.json.example');

const server = z.object({
  command: z.literal('atlas-model-keys-mcp'),
  args: z.array(z.string()).default([]),
  env: z.record(z.string(), z.string()).default({}),
});
const snippet = z.union([
  z
    .object({ mcpServers: z.object({ 'atlas-model-keys': server }) })
    .transform(({ mcpServers }) => mcpServers['atlas-model-keys']),
  z
    .object({ servers: z.object({ 'atlas-model-keys': server }) })
    .transform(({ servers }) => servers['atlas-model-keys']),
]);

const snippets = [...readme.matchAll(/```json\n(.*?)```/gs)].map(([, json = '']) => json);

test('there is one snippet, and a row for each host', () => {
  expect(snippets).toHaveLength(1);
  for (const host of ['Claude Desktop', 'Claude Code', 'Codex', 'Copilot CLI', 'Cursor', 'Gemini CLI', 'VS Code'])
    expect(readme).toMatch(new RegExp(`^\\| ${host} \\|`, 'm'));
});

test('the command for VS Code names the server as the snippet does', () => {
  const [, json = ''] = /--add-mcp '([^']*)'/.exec(readme) ?? [];
  expect(JSON.parse(json)).toEqual({
    name: 'atlas-model-keys',
    command: 'atlas-model-keys-mcp',
    args: ['--sandbox'],
  });
});

test('the README has at most 1,300 words', () => {
  expect(readme.split(/\s+/).filter((word) => word !== '').length).toBeLessThanOrEqual(1_300);
});

test('the first screen of the README is what the demo prints', () => {
  const [, shown = ''] = /<!-- demo -->\n\n```\n(.*?)```\n\n<!-- end demo -->/s.exec(readme) ?? [];
  const demo = execFileSync(process.execPath, [`${root}/demo/demo.js`], { encoding: 'utf8' });
  const same = (text: string) =>
    text
      .replace(/"apiKeyId": "[a-z0-9]{24}"/, 'ID')
      .replace(/al-\*{4}[\w-]{4}"/, 'MASK')
      .replace(/"createdAt": "[^"]+"/, 'DATE')
      .replace(/"127\.0\.0\.1:[0-9]+"/, 'ENDPOINT')
      .replace(/"location": "[^"]*atlas-model-keys-sandbox-[0-9a-f-]+/, 'FOLDER')
      .replace(/sha256:[0-9a-f]{12}/g, 'FINGERPRINT');
  expect(same(demo)).toBe(same(shown));
  expect(readme.indexOf('<!-- end demo -->')).toBeLessThan(readme.indexOf('\n## '));
});

test('the parts of docs that are made from the code say what it says', () => {
  const check = spawnSync(process.execPath, [`${root}/build/docs.js`, '--check'], { encoding: 'utf8' });
  expect(check.stderr).toBe('');
  expect(check.status).toBe(0);
});

test('every error code, key state and kind of sink has its row', () => {
  for (const name of [...ERROR_CODES, ...KEY_STATES])
    expect(toolsPage).toMatch(new RegExp(`^\\| \`${name}\` \\|`, 'm'));
  for (const kind of ['file', 'dotenv', 'command', 'inline', 'reveal'])
    for (const page of [readme, document('docs/sinks.md')])
      expect(page).toMatch(new RegExp(`^\\| \`${kind}[:\`]`, 'm'));
});

test('every tool is in the README', () => {
  for (const { name } of toolDefinitions) expect(readme).toContain(`\`${name}\``);
});

describe.each([...snippets, example].map((json) => [json]))('%s', (json) => {
  test('starts the server, which lists its tools', async () => {
    const { args, env } = snippet.parse(JSON.parse(json));
    const home = temporaryHome();
    const { MONGODB_ATLAS_CLIENT_SECRET_FILE: secretFile, ...others } = env;
    const host = await startHost({
      home,
      args,
      env: { ...others, ...(secretFile !== undefined && { MONGODB_ATLAS_CLIENT_SECRET: 'mdb_sa_sk_1' }) },
    });
    expect((await host.client.listTools()).tools.map(({ name }) => name)).toContain('create_ai_model_api_key');
    if (args.includes('--sandbox')) {
      expect((await host.call('create_ai_model_api_key', { name: 'pasted' })).structuredContent).toMatchObject({
        outcome: 'delivered',
      });
    }
  });
});

test('the table of dependencies names each package that is installed for this project', () => {
  const { devDependencies } = z
    .object({ devDependencies: z.record(z.string(), z.string()) })
    .parse(JSON.parse(readFileSync(`${root}/package.json`, 'utf8')));
  const unnamed = Object.keys(devDependencies).filter(
    (name) => !contributing.includes(`\`${name}\``) && !name.startsWith('@types/') && name !== '@eslint/js',
  );
  expect(unnamed).toEqual([]);
});

test('every file and folder that the documents point at exists', () => {
  const pages = ['README.md', 'SECURITY.md', 'CONTRIBUTING.md', 'bench/README.md'];
  const pagesOfDocs = readdirSync(`${root}/docs`).filter((name) => name.endsWith('.md'));
  pages.push(...pagesOfDocs.map((name) => `docs/${name}`));
  const documents = pages.map(document).join('\n');
  const linked = pages.flatMap((page) =>
    [...document(page).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(([, path = '']) => join(dirname(page), path)),
  );
  const quoted = documents.matchAll(
    /`((?:src|test|demo|docs|config|secret|atlas|sinks|keys|tools|mcp|sandbox)\/(?!list\b)[\w./-]*)`/g,
  );
  const named = [...linked, ...[...quoted].map(([, path = '']) => path)];
  const missing = named.filter((path) => [path, `src/${path}`].every((candidate) => !exists(`${root}/${candidate}`)));
  expect(missing).toEqual([]);
});

function exists(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EISDIR';
  }
}
