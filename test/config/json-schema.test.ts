// The JSON Schema for editors is held against the schema by which the server judges: what one accepts, the other does.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as z from 'zod/v4';
import { configurationSchema } from '../../src/config/json-schema.ts';
import { temporaryFolder } from './fixture.ts';
import { fileSchema } from '../../src/config/settings-schema.ts';
import { settingNames, settings } from '../../src/config/settings.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const documents = ['settings.md', 'sinks.md'].map((name) => readFileSync(join(root, 'docs', name), 'utf8')).join('');
const written: unknown = JSON.parse(JSON.stringify(configurationSchema()));
const published = new Ajv2020({ strictTypes: false, strictTuples: false }).compile(
  z.record(z.string(), z.unknown()).parse(written),
);

/** What each of the two says. */
function verdicts(configuration: unknown) {
  return {
    server: fileSchema.safeParse(configuration).success,
    editor: published(configuration),
  };
}

const BOTH_ACCEPT = { server: true, editor: true };
const BOTH_REFUSE = { server: false, editor: false };
const GROUP = '69681d39c9e8cfd375386316';

const files = [...documents.matchAll(/```jsonc\n(.*?)```/gs)].map(([, json = '']) => json);
const sinks = [...documents.matchAll(/`(\{"type":.*?\})`/g)].map(([, json = '']) => json);

describe('the examples of the documents', () => {
  test('are found', () => {
    expect([files.length, sinks.length]).toEqual([1, 4]);
  });
  test.each([...files, ...sinks.map((sink) => `{"sinks":{"a":${sink}}}`)])('%s', (json) => {
    expect(verdicts(JSON.parse(json))).toEqual(BOTH_ACCEPT);
  });
});

describe('accepted by both', () => {
  test.each<[unknown]>([
    [{}],
    [{ $schema: './config.schema.json', readOnly: true }],
    [{ defaultSink: 'a', allowInlineSecret: true, sinks: { a: 'inline', b: { type: 'inline' } } }],
    [{ sinks: { a: 'file:/srv/{groupId}/{entry}', b: 'file:~/keys/..x/{entry}', c: 'file:/srv/a#b' } }],
    [{ sinks: { a: 'dotenv:/srv/.env', b: 'dotenv:~/.env#KEY', c: 'dotenv:/a#b/.env#K_{entry}' } }],
    [{ sinks: { a: 'command:["pass","insert","a \\"b\\" {entry}"]', b: 'command: [ "/bin/x" ]' } }],
    [{ sinks: { a: { type: 'dotenv', path: '/srv/.env' }, b: { type: 'file', path: '~/x' } } }],
    [{ sinks: { a: { type: 'command', argv: ['x', '{entry}'], verify: ['y'], env: { A_1: '' }, timeoutMs: 100 } } }],
    [
      {
        sinks: {
          a: { type: 'command', argv: ['x', '{.data.key}', '{{.Name}}'], exists: ['y'], existsLine: '{entry}' },
        },
      },
    ],
    [{ sinks: { a: { type: 'command', argv: ['x'], input: '{"a":{secret:json}}', passEnv: ['A'], absent: [1, 44] } } }],
    [{ sinks: { a: 'pass:voyage/{entry}', b: { type: 'preset', uri: 'op://V/{entry}/credential', env: { A: '1' } } } }],
    [{ sinks: { a: { type: 'dotenv', path: '/srv/.env', endpointVariable: 'VOYAGE_URL' } } }],
    [{ stateDir: '~/state', apiVersion: 'auto', timeoutMs: 1000, logLevel: 'silent', allowedProjects: [GROUP] }],
    [{ confirm: 'never' }],
    [{ confirm: 'required', maxCreatesPerHour: 0 }],
    [{ maxCreatesPerHour: 10_000, tools: {} }],
    [{ tools: { allow: ['list_projects'], deny: [] } }],
    [{ credentialTimeoutMs: 50_000, atlasCliProfile: 'default', atlasCli: '/opt/atlas/bin/atlas' }],
    [{ atlas: {} }],
    [{ atlas: { clientId: 'mdb_sa_id_1', clientSecretFile: '~/secret', projectId: GROUP, orgId: GROUP } }],
    [{ atlas: { clientSecretCommand: 'pass show atlas/sa', baseUrl: 'https://cloud.mongodbgov.com' } }],
    [{ atlas: { clientSecretCommand: ['op', 'read', 'op://Private/atlas/secret'] } }],
  ])('%j', (configuration) => {
    expect(verdicts(configuration)).toEqual(BOTH_ACCEPT);
  });
});

describe('refused by both', () => {
  test.each<[unknown]>([
    [[]],
    ['text'],
    [{ readonly: true }],
    [{ $schema: 1 }],
    [{ readOnly: 'true' }],
    [{ sinks: [] }],
    [{ sinks: { 'a b': 'inline' } }],
    [{ sinks: { a: 'nonsense' } }],
    [{ sinks: { a: 'inline ' } }],
    [{ sinks: { a: 'file:relative' } }],
    [{ sinks: { a: 'file:' } }],
    [{ sinks: { a: 'file:/srv/' } }],
    [{ sinks: { a: 'file:/srv/../x' } }],
    [{ sinks: { a: 'file:~/../x' } }],
    [{ sinks: { a: 'file:/srv/{name}' } }],
    [{ sinks: { a: 'file:/srv/a\nb' } }],
    [{ sinks: { a: 'dotenv:/srv/.env#1A' } }],
    [{ sinks: { a: 'dotenv:/srv/.env#' } }],
    [{ sinks: { a: 'dotenv:/srv/#A' } }],
    [{ sinks: { a: 'dotenv:relative#A' } }],
    [{ sinks: { a: 'command:[]' } }],
    [{ sinks: { a: 'command:["x"' } }],
    [{ sinks: { a: 'command:[1]' } }],
    [{ sinks: { a: 'command:pass insert' } }],
    [{ sinks: { a: 1 } }],
    [{ sinks: { a: { type: 'vault' } } }],
    [{ sinks: { a: { type: 'file' } } }],
    [{ sinks: { a: { type: 'file', path: 'relative' } } }],
    [{ sinks: { a: { type: 'file', path: '/x', mode: 1 } } }],
    [{ sinks: { a: { type: 'dotenv', path: '/srv/.env', variable: 'A-B' } } }],
    [{ sinks: { a: { type: 'command', argv: [] } } }],
    [{ sinks: { a: { type: 'command', argv: ['./x'] } } }],
    [{ sinks: { a: { type: 'command', argv: ['{entry}'] } } }],
    [{ sinks: { a: { type: 'command', argv: ['x', '{name}'] } } }],
    [{ sinks: { a: { type: 'command', argv: ['x'], env: { 'A B': '' } } } }],
    [{ sinks: { a: { type: 'command', argv: ['x'], env: { MONGODB_ATLAS_CLIENT_SECRET: '' } } } }],
    [{ sinks: { a: { type: 'command', argv: ['x'], env: { mdb_mcp_api_client_id: '' } } } }],
    [{ sinks: { a: { type: 'command', argv: ['x'], timeoutMs: 1 } } }],
    [{ sinks: { a: { type: 'command', argv: ['x'], input: '{entry}' } } }],
    [{ sinks: { a: { type: 'command', argv: ['x', '{secret:json}'] } } }],
    [{ sinks: { a: { type: 'command', argv: ['x'], passEnv: ['MDB_MCP_API_CLIENT_ID'] } } }],
    [{ sinks: { a: { type: 'command', argv: ['x'], absent: [0] } } }],
    [{ sinks: { a: 'pass:{name}' } }],
    [{ defaultSink: '' }],
    [{ credentialTimeoutMs: 999 }],
    [{ credentialTimeoutMs: 50_001 }],
    [{ atlasCliProfile: '-P' }],
    [{ atlasCli: './atlas' }],
    [{ atlas: { clientSecret: 'mdb_sa_sk_1' } }],
    [{ atlas: { accessToken: 'x' } }],
    [{ atlas: { clientSecretCommand: [] } }],
    [{ atlas: { clientSecretFile: 1 } }],
    [{ allowedProjects: [] }],
    [{ allowedProjects: [GROUP.toUpperCase()] }],
    [{ stateDir: 'state' }],
    [{ apiVersion: 'v2' }],
    [{ timeoutMs: 10 }],
    [{ timeoutMs: 1000.5 }],
    [{ logLevel: 'loud' }],
    [{ confirm: 'yes' }],
    [{ maxCreatesPerHour: -1 }],
    [{ maxCreatesPerHour: 10_001 }],
    [{ tools: ['list_projects'] }],
    [{ tools: { allow: ['-list_projects'] } }],
    [{ tools: { forbid: [] } }],
  ])('%j', (configuration) => {
    expect(verdicts(configuration)).toEqual(BOTH_REFUSE);
  });
});

test('whatever is made of the pieces of sinks, both say the same', () => {
  const piece = fc.constantFrom('/', '~/', 'a', '..', '.', '#', 'K', '1', '{entry}', '{x}', '{', '\n', ' ', '\\');
  const sink = fc
    .tuple(fc.constantFrom('file:', 'file:/', 'dotenv:/', 'dotenv:~/', 'inline'), fc.array(piece, { maxLength: 6 }))
    .map(([start, pieces]) => start + pieces.join(''));
  fc.assert(
    fc.property(sink, (uri) => {
      // What the editor lets pass: a `..` just before the `#` of a variable, and paths of Windows on other systems.
      fc.pre(!uri.includes('..#') && !uri.startsWith(String.raw`file:\\`));
      const { server, editor } = verdicts({ sinks: { a: uri } });
      expect(editor).toBe(server);
    }),
    { numRuns: 2000 },
  );
});

test('each setting is described by its line of the help text', () => {
  const described = z.object({ properties: z.record(z.string(), z.looseObject({ description: z.string() })) });
  const { properties } = described.parse(written);
  expect(Object.keys(properties).sort()).toEqual([...settingNames, '$schema', 'atlas'].sort());
  for (const name of settingNames) expect(properties[name]?.description).toBe(settings[name].help);
});

test('it is of draft 2020-12, and nothing in it is a way to write a secret down', () => {
  expect(written).toMatchObject({ $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object' });
  expect(settingNames.filter((name) => /secret|token|key|password/i.test(name))).toEqual(['allowInlineSecret']);
});

test('the build writes it where the package and the documents say', () => {
  const folder = temporaryFolder();
  execFileSync(process.execPath, ['build.js', folder], { cwd: root, stdio: 'ignore' });
  expect(JSON.parse(readFileSync(join(folder, 'config.schema.json'), 'utf8'))).toEqual(written);
  const { files } = z
    .object({ files: z.array(z.string()) })
    .parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
  expect(files).toContain('dist/config.schema.json');
  expect(documents).toContain('atlas-model-keys-mcp/dist/config.schema.json');
});
