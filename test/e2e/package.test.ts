// The package as people get it: packed, installed into an empty folder with no network, and run from there. It takes the dist
// that is there and builds nothing.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import * as z from 'zod/v4';
import { buildPart } from '../../build.js';
import { leaksIn } from '../canary.ts';
import { atlasAndHome, credentialsFor, filesBelow, transportOver } from './host.ts';
import { structuredOf } from './result.ts';
import { CREATE, GROUP } from './scene.ts';

const NAME = 'atlas-model-keys-mcp';
const LARGEST_BUNDLE = 1_000_000;
const root = fileURLToPath(new URL('../..', import.meta.url));
/** First the Node that runs these tests, for the first line of programs. */
const PATH = [dirname(process.execPath), process.env.PATH].join(delimiter);

let folder: string;
let installed: string;

beforeAll(() => {
  folder = mkdtempSync(join(realpathSync(tmpdir()), 'amk-package-'));
  for (const name of ['packed', 'app', 'cache-pack', 'cache-install']) mkdirSync(join(folder, name));
  npm(root, 'pack', '--ignore-scripts', '--pack-destination', join(folder, 'packed'));
  const [tarball = '', ...others] = readdirSync(join(folder, 'packed'));
  expect(others).toEqual([]);
  const app = join(folder, 'app');
  npm(app, 'install', '--offline', '--no-audit', '--no-fund', '--prefix', app, join(folder, 'packed', tarball));
  installed = join(app, 'node_modules', NAME);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** With none of the user's settings, and for each command a cache of its own that is empty at first. */
function npm(cwd: string, command: 'pack' | 'install', ...args: string[]): void {
  const cache = join(folder, `cache-${command}`);
  const env = { PATH, HOME: folder, npm_config_cache: cache, npm_config_update_notifier: 'false' };
  execFileSync('npm', [command, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
}

const textIn = (path: string) => readFileSync(path, 'utf8');

// There Node 22 ends where the console has no title: it evaluates each member of the module, process.title among them.
test('nothing imports the module of the global process, which can end a Node on Windows', () => {
  for (const name of readdirSync(join(installed, 'dist')).filter((file) => /\.[cm]?js$/.test(file)))
    expect(/["']node:process["']/.test(readFileSync(join(installed, 'dist', name), 'utf8')), name).toBe(false);
});

// V8 keeps a file in two bytes a letter where one letter is outside Latin-1, and reads that more slowly.
test('both files of the bundle are ASCII', () => {
  for (const name of readdirSync(join(installed, 'dist')).filter((file) => /\.c?js$/.test(file)))
    expect(
      readFileSync(join(installed, 'dist', name)).every((byte) => byte < 128),
      name,
    ).toBe(true);
});

test('it holds the two files of the bundle, the schema, the notices, documents, LICENSE and its manifest, nothing else', () => {
  const names = [...filesBelow(installed).keys()].map((path) => path.slice(installed.length + 1));
  const program = names.filter((name) => name.startsWith('dist/program-'));
  expect(program).toEqual([expect.stringMatching(/^dist\/program-[0-9a-f]{16}\.cjs$/)]);
  expect(names.sort()).toEqual([
    'LICENSE',
    'README.md',
    'SECURITY.md',
    'dist/THIRD-PARTY-NOTICES.txt',
    'dist/atlas-model-keys-mcp.js',
    'dist/config.schema.json',
    ...program,
    'docs/apply.md',
    'docs/packages.md',
    'docs/settings.md',
    'docs/setup.md',
    'docs/sinks.md',
    'docs/systems.md',
    'docs/tools.md',
    'package.json',
  ]);
});

test('its sandbox is the simulated Atlas without what tests do to it', async () => {
  const texts = ['x-request-echo', 'pendingFaults', 'commitLate', 'setListLag', 'renewSecret', 'lowerCaseWords'];
  const simulator = await buildPart(join(root, 'test/atlas-simulator/simulator.ts'));
  expect(texts.filter((text) => !simulator.includes(text))).toEqual([]);
  const names = readdirSync(join(installed, 'dist')).filter((name) => /\.c?js$/.test(name));
  const shipped = names.map((name) => textIn(join(installed, 'dist', name))).join('');
  expect(names).toHaveLength(2);
  expect(texts.filter((text) => shipped.includes(text))).toEqual([]);
  expect(shipped).toContain('Sandbox Organization');
});

test('it brings no other package, and no script that runs when it is installed', () => {
  expect(readdirSync(dirname(installed)).filter((name) => !name.startsWith('.'))).toEqual([NAME]);
  const { scripts, ...manifest } = z
    .looseObject({ scripts: z.record(z.string(), z.string()) })
    .parse(JSON.parse(textIn(join(installed, 'package.json'))));
  expect(Object.keys(manifest).filter((key) => /dependencies$/i.test(key))).toEqual(['devDependencies']);
  expect(Object.keys(scripts).filter((name) => /install|^prepare/.test(name))).toEqual([]);
});

test(`the two files of its bundle have at most ${LARGEST_BUNDLE} bytes`, () => {
  const files = readdirSync(join(installed, 'dist')).filter((file) => /\.c?js$/.test(file));
  const sizes = files.map((file) => statSync(join(installed, 'dist', file)).size);
  expect(sizes).toHaveLength(2);
  expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(LARGEST_BUNDLE);
});

test.each(['@modelcontextprotocol/sdk', 'zod', 'undici'])(
  'its notices give name, version and licence text of %s',
  (name) => {
    const source = join(root, 'node_modules', name);
    const { version } = z.object({ version: z.string() }).parse(JSON.parse(textIn(join(source, 'package.json'))));
    const licence = readdirSync(source).find((file) => /^licen[cs]e/i.test(file)) ?? '';
    // Only by its section, since another package may have the same text.
    const sections = textIn(join(installed, 'dist/THIRD-PARTY-NOTICES.txt')).split(/^={80}\n\n/m);
    const section = sections.find((text) => text.startsWith(`${name} ${version}\n`)) ?? '';
    expect(section).toContain(textIn(join(source, licence)).replaceAll('\r\n', '\n').trim());
  },
);

/** The command that the installation made, started as a program, from a folder where there is nothing else. */
function startCommand(home: string, args: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(join(folder, 'app/node_modules/.bin', NAME), args, {
    cwd: home,
    env: { PATH, HOME: home, TMPDIR: join(home, 'tmp'), ...env },
    stdio: 'pipe',
  });
  child.stdin.on('error', () => undefined);
  const printed: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => printed.push(chunk));
  const ended = once(child, 'close');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return {
    transport: transportOver(child.stdin, child.stdout),
    printed: () => Buffer.concat(printed).toString(),
    end: async () => {
      child.stdin.end();
      await ended;
      return child.exitCode;
    },
  };
}

test('its command lists the tools, and creates a key whose secret is in the sink and nowhere else', async () => {
  const { sandbox, home } = await atlasAndHome();
  const path = join(home, 'app.key');
  const command = startCommand(home, ['--sink', `app=file:${path}`], credentialsFor(sandbox));
  const client = new Client({ name: 'test-host', version: '1.0.0' });
  await client.connect(command.transport);
  const { version } = z.object({ version: z.string() }).parse(JSON.parse(textIn(join(installed, 'package.json'))));
  expect(client.getServerVersion()).toMatchObject({ name: NAME, version });

  const { tools } = await client.listTools();
  const surface = z
    .array(z.looseObject({ name: z.string() }))
    .parse(JSON.parse(textIn(join(root, 'test/tools/surface.json'))));
  expect(tools.map(({ name }) => name)).toEqual(surface.map(({ name }) => name));

  const request = { name: CREATE, arguments: { groupId: GROUP, name: 'production' } };
  const called = CallToolResultSchema.parse(await client.callTool(request));
  expect(structuredOf(called)).toMatchObject({ outcome: 'delivered', delivery: { location: path } });
  const [key] = sandbox.keys(GROUP);
  expect(textIn(path)).toBe(key?.secret);
  expect(statSync(path).mode & 0o7777).toBe(0o600);

  expect(await command.end()).toBe(0);
  const secrets = ['al-sandbox-', key?.secret ?? '', sandbox.credentials.clientSecret];
  expect(leaksIn(command.printed(), secrets)).toEqual([]);
  const holders = [...filesBelow(home)].filter(([, content]) => leaksIn(content, secrets).length > 0);
  expect(holders.map(([holder]) => holder)).toEqual([path]);
});
