// What the documents say of settings and snippets is held against the server that is built.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import * as z from 'zod/v4';
import { settingNames, settings } from '../../src/config/settings.ts';
import { startHost, temporaryHome } from './host.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const readme = readFileSync(`${root}/README.md`, 'utf8');
const example = readFileSync(`${root}/mcp.json.example`, 'utf8');

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

test('there is a snippet for each host', () => {
  expect(snippets.length).toBe(4);
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

test('the table of settings names each setting, variable and flag there is', () => {
  for (const name of settingNames) {
    const { variable, flag } = settings[name];
    const row = readme.split('\n').find((line) => line.startsWith(`| \`${name}\` |`)) ?? '';
    expect(row).toContain(variable);
    if (flag) expect(row).toContain(`--${flag.name}`);
  }
});

test('the table of dependencies names each package that is installed for this project', () => {
  const { devDependencies } = z
    .object({ devDependencies: z.record(z.string(), z.string()) })
    .parse(JSON.parse(readFileSync(`${root}/package.json`, 'utf8')));
  const unnamed = Object.keys(devDependencies).filter(
    (name) => !readme.includes(`\`${name}\``) && !name.startsWith('@types/') && name !== '@eslint/js',
  );
  expect(unnamed).toEqual([]);
});

test('every file and folder that the documents point at exists', () => {
  const documents = ['README.md', 'SECURITY.md', 'CONTRIBUTING.md']
    .map((name) => readFileSync(`${root}/${name}`, 'utf8'))
    .join('\n');
  const named = [
    ...documents.matchAll(/`((?:src|test|demo|config|secret|atlas|sinks|provisioning|tools|mcp|sandbox)\/[\w./-]*)`/g),
  ].map(([, path = '']) => path);
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
