// The desktop bundle as Claude Desktop takes it: judged and unpacked by mcpb, its fields filled in by mcpb's own rules, and
// started. It packs the dist that is there.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getMcpConfigForManifest, unpackExtension, v0_3, validateManifest } from '@anthropic-ai/mcpb';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Simulator } from '../atlas-simulator/simulator.ts';
import { leaksIn } from '../canary.ts';
import { atlasAndHome, filesBelow, startHost, type Host } from './host.ts';
import { CREATE, GROUP } from './scene.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const NAME = 'atlas-model-keys-mcp';

type Fields = Readonly<Record<string, string | boolean>>;
type Manifest = ReturnType<typeof v0_3.McpbManifestSchema.parse>;

let folder: string;
let unpacked: string;
let manifest: Manifest;

beforeAll(async () => {
  folder = mkdtempSync(join(realpathSync(tmpdir()), 'amk-bundle-'));
  pack(join(folder, 'packed'));
  unpacked = join(folder, 'unpacked');
  const mcpbPath = join(folder, 'packed', `${NAME}.mcpb`);
  expect(await unpackExtension({ mcpbPath, outputDir: unpacked, silent: true })).toBe(true);
  const written: unknown = JSON.parse(readFileSync(join(unpacked, 'manifest.json'), 'utf8'));
  manifest = v0_3.McpbManifestSchema.parse(written);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function pack(into: string, timeZone = 'UTC'): Buffer {
  mkdirSync(into);
  execFileSync(process.execPath, ['build/bundle.js', into], { cwd: root, env: { ...process.env, TZ: timeZone } });
  return readFileSync(join(into, `${NAME}.mcpb`));
}

test('mcpb takes it, the icon included', () => {
  onTestFinished(() => {
    vi.restoreAllMocks();
  });
  const said = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  expect(validateManifest(join(unpacked, 'manifest.json')), JSON.stringify(said.mock.calls)).toBe(true);
  expect(manifest.manifest_version).toBe('0.3');
  const icon = readFileSync(join(unpacked, manifest.icon ?? ''));
  expect([icon.readUInt32BE(16), icon.readUInt32BE(20)]).toEqual([512, 512]);
});

test('it holds the two files of the program as they are published, the notices and the licence, nothing else', () => {
  const names = [...filesBelow(unpacked).keys()].map((path) => path.slice(unpacked.length + 1)).sort();
  const [, program = ''] = /program-\w+\.cjs/.exec(names.join()) ?? [];
  expect(names.map((name) => name.replace(/program-\w+/, 'program'))).toEqual([
    'LICENSE',
    'THIRD-PARTY-NOTICES.txt',
    'icon.png',
    'manifest.json',
    `server/${NAME}.mjs`,
    'server/program.cjs',
  ]);
  expect(program).toBeDefined();
  const same = (name: string, built: string) =>
    readFileSync(join(unpacked, name)).equals(readFileSync(join(root, 'dist', built)));
  expect(same(`server/${NAME}.mjs`, `${NAME}.js`)).toBe(true);
  for (const name of names.filter((each) => each.includes('program-')))
    expect(same(name, name.slice('server/'.length))).toBe(true);
});

test('whoever packs it gets the same bytes, and their hash is in the server.json beside it', () => {
  const packed = readFileSync(join(folder, 'packed', `${NAME}.mcpb`));
  expect(pack(join(folder, 'again'), 'Pacific/Auckland').equals(packed)).toBe(true);
  expect(readFileSync(join(folder, 'packed/server.json'), 'utf8')).toContain(
    `"fileSha256": "${createHash('sha256').update(packed).digest('hex')}"`,
  );
});

/** What mcpb makes of the fields; undefined where it starts nothing. */
async function filledIn(fields: Fields, of: Manifest = manifest) {
  const systemDirs = { HOME: '/nowhere' };
  const said = { manifest: of, extensionPath: unpacked, systemDirs, userConfig: { ...fields }, pathSeparator: sep };
  return getMcpConfigForManifest(said);
}

/** As a host that asks for nothing: what nobody filled in arrives as it is written. */
function askingForNothing(): Manifest {
  const asked = Object.entries(manifest.user_config ?? {});
  return {
    ...manifest,
    user_config: Object.fromEntries(asked.map(([key, field]) => [key, { ...field, required: false }])),
  };
}

describe('started with the fields', () => {
  let sandbox: Simulator;
  let home: string;
  let credentials: { client_id: string; client_secret: string };

  beforeEach(async () => {
    ({ sandbox, home } = await atlasAndHome());
    const { clientId, clientSecret } = sandbox.credentials;
    credentials = { client_id: clientId, client_secret: clientSecret };
  });

  async function startWith(fields: Fields): Promise<Host> {
    const config = await filledIn(fields, askingForNothing());
    const [bundle = '', ...args] = config?.args ?? [];
    expect(config?.command).toBe('node');
    const env = { ...config?.env, MONGODB_ATLAS_BASE_URL: sandbox.baseUrl };
    return startHost({ home, bundle, args, env });
  }
  const created = async (host: Host, more: object = {}) =>
    (await host.call(CREATE, { groupId: GROUP, name: 'a key', ...more })).structuredContent;
  const refusedWith = (code: string) => ({ outcome: 'failed', error: { code } });

  test('all filled in: a key goes to the folder, or to the .env where that is asked for', async () => {
    const [keys, dotenv] = [join(home, 'new keys #1'), join(home, '.env')];
    mkdirSync(keys, { mode: 0o700 });
    writeFileSync(dotenv, 'A=1\n', { mode: 0o600 });
    const fields = { folder: keys, dotenv, projects: GROUP, read_only: false, ask_first: false };
    expect(await filledIn({ ...credentials, ...fields })).toBeDefined();
    const host = await startWith({ ...credentials, ...fields });
    const path = join(keys, GROUP, 'a-key.key');
    expect(await created(host)).toMatchObject({ outcome: 'delivered', delivery: { sink: 'folder', location: path } });
    expect(readFileSync(path, 'utf8')).toBe(sandbox.keys(GROUP)[0]?.secret);
    expect(await created(host, { name: 'other', sink: 'dotenv' })).toMatchObject({ outcome: 'delivered' });
    expect(readFileSync(dotenv, 'utf8')).toMatch(/^A=1\nVOYAGE_API_KEY=/);
    expect(await created(host, { groupId: 'f'.repeat(24) })).toMatchObject(refusedWith('PROJECT_NOT_ALLOWED'));
  });

  test('only the required ones: the default sink, and nothing of the operator is taken back', async () => {
    mkdirSync(join(home, '.config/atlas-model-keys'), { recursive: true, mode: 0o700 });
    writeFileSync(join(home, '.config/atlas-model-keys/config.json'), '{"allowedProjects":["' + GROUP + '"]}', {
      mode: 0o600,
    });
    const host = await startWith(credentials);
    expect(await created(host)).toMatchObject({ outcome: 'delivered', delivery: { sink: 'local' } });
    expect(await created(host, { groupId: 'f'.repeat(24) })).toMatchObject(refusedWith('PROJECT_NOT_ALLOWED'));
  });

  test('no box that nobody touched undoes a guard of the configuration file', async () => {
    mkdirSync(join(home, '.config/atlas-model-keys'), { recursive: true, mode: 0o700 });
    writeFileSync(join(home, '.config/atlas-model-keys/config.json'), '{"readOnly":true}', { mode: 0o600 });
    const host = await startWith(credentials);
    expect((await host.client.listTools()).tools.map(({ name }) => name)).not.toContain(CREATE);
  });

  test('"Look, but change nothing": no tool that changes something', async () => {
    const { tools } = await (await startWith({ ...credentials, read_only: true })).client.listTools();
    expect(tools.length).toBeGreaterThan(3);
    expect(tools.filter(({ annotations }) => annotations?.readOnlyHint !== true)).toEqual([]);
  });

  test('"Ask before deleting": nothing is deleted where nobody can be asked', async () => {
    const host = await startWith({ ...credentials, ask_first: true });
    await created(host);
    const [key] = sandbox.keys(GROUP);
    const args = { groupId: GROUP, apiKeyId: key?.apiKeyId, confirmName: 'a key' };
    expect((await host.call('delete_ai_model_api_key', args)).structuredContent).toMatchObject(
      refusedWith('CONFIRMATION_UNAVAILABLE'),
    );
    expect(sandbox.keys(GROUP)).toHaveLength(1);
  });

  test('half of the credential: mcpb starts nothing; a host that does is told at each call what is missing', async () => {
    for (const half of [{}, { client_id: 'mdb_sa_id_1' }, { ...credentials, client_secret: '' }])
      expect(await filledIn(half)).toBeUndefined();
    const host = await startWith({ client_id: credentials.client_id });
    expect((await host.client.listTools()).tools.map(({ name }) => name)).toContain(CREATE);
    const text = JSON.stringify(await created(host));
    expect(text).toMatch(/CONFIG_INVALID|CREDENTIALS_MISSING/);
    expect(text).toContain('MONGODB_ATLAS_CLIENT_SECRET');
    expect(sandbox.requests).toEqual([]);
  });

  test.each<[string, Fields]>([
    ['blank', { client_id: '', client_secret: '', folder: '', dotenv: '', projects: '' }],
    ['as they are written', {}],
  ])('%s: it lists its tools, and a call says that the credential is missing', async (_how, fields) => {
    const host = await startWith(fields);
    expect((await host.client.listTools()).tools.map(({ name }) => name)).toEqual(
      manifest.tools?.map(({ name }) => name),
    );
    expect(await created(host)).toMatchObject(refusedWith('CREDENTIALS_MISSING'));
    expect(filesBelow(home, false).size).toBe(0);
  });

  test.each<[string, Fields]>([
    ['a folder that climbs', { folder: '/srv/../etc' }],
    ['a relative folder', { folder: 'keys' }],
    ['a folder that is another field', { folder: '/tmp/${user_config.client_secret}' }],
    ['a half-filled folder', { folder: '${user_config.folder}/keys' }],
    ['a folder that is a template', { folder: '/tmp/{groupId}' }],
    ['a .env file that is a URI', { dotenv: 'command:["sh","-c","id"]' }],
    ['a secret as a project', { projects: '${user_config.client_secret}' }],
    ['a secret as a file', { dotenv: '${user_config.client_secret}' }],
    ['every project', { projects: '*' }],
    ['lines', { projects: `${GROUP}\nATLAS_MODEL_KEYS_ALLOW_INLINE_SECRET=1` }],
    ['what a replacement would interpret', { folder: "/tmp/$&$'$`$$" }],
  ])('hostile, %s: nothing is created, and no secret comes out', async (_how, fields) => {
    // In this order mcpb replaces what stands in a field by another field.
    const host = await startWith({ ...fields, ...credentials });
    await host.call('list_secret_sinks');
    const answer = await created(host, { name: 'x' });
    expect(answer).toMatchObject({ outcome: 'failed' });
    const { stdout, stderr } = host.output();
    expect(leaksIn(stdout + stderr, [credentials.client_secret])).toEqual([]);
    expect(sandbox.keys(GROUP)).toEqual([]);
    expect(existsSync('/tmp/{groupId}')).toBe(false);
  });
});
