// The plugin and the extension in the real hosts: each is judged, installed and configured by the host's own commands, and the
// host then starts the server, as npx installs it. `.ci/hosts` installs the hosts, which are large; HOSTS names their folder.

import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod/v4';
import { leaksIn } from '../canary.ts';
import { fileIn, filesBelow, temporaryHome } from '../e2e/host.ts';
import { startRegistry, type Registry } from './loopback-registry.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const NAME = 'atlas-model-keys';
const ID = 'mdb_sa_id_0123456789abcdef01234567';
const SECRET = 'mdb_sa_sk_QxWvHostCanaryZyTrKjMn';
const GROUP = '69681d39c9e8cfd375386316';
const LIMIT = 120_000;

/** The command of a host, or undefined where it is not installed. */
function commandOf(host: string): string | undefined {
  const path = join(process.env.HOSTS ?? '/nowhere', host, 'node_modules/.bin', host);
  return existsSync(path) ? path : undefined;
}

/** Writes down with which variables the server was started. */
const RECORDER = `
if (/atlas-model-keys-mcp$/.test(process.argv[1] ?? '')) {
  const ours = Object.entries(process.env).filter(([name]) => /^(?:MONGODB_ATLAS|ATLAS_MODEL_KEYS)_/.test(name));
  require('node:fs').appendFileSync(RECORD, JSON.stringify(Object.fromEntries(ours)) + '\\n');
}
`;

let registry: Registry;
let home: string;
let record: string;

beforeAll(async () => {
  registry = await startRegistry();
});

afterAll(() => {
  registry.close();
});

beforeEach(() => {
  home = temporaryHome();
  // Beside the home, so that a search of it for the secret finds what the host wrote.
  record = join(home, '..', 'record');
  const recorder = fileIn(join(home, '..'), 'recorder.cjs', RECORDER.replace('RECORD', JSON.stringify(record)));
  fileIn(home, '.npmrc', `registry=${registry.url}\nupdate-notifier=false\nnode-options=--require ${recorder}\n`);
});

async function run(command: string, args: readonly string[], input = '') {
  const env = { PATH: process.env.PATH, HOME: home, TMPDIR: join(home, 'tmp'), DISABLE_AUTOUPDATER: '1' };
  const child = spawn(command, args, { cwd: home, env, stdio: 'pipe', timeout: LIMIT });
  const printed: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => printed.push(chunk));
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const status = await new Promise((resolve) => child.on('close', resolve));
  const text = Buffer.concat(printed).toString();
  expect(status, text).toBe(0);
  return text;
}

/** Each start of the server, oldest first. */
function starts(): Record<string, string>[] {
  const lines = readFileSync(record, 'utf8').trimEnd().split('\n');
  return lines.map((line) => z.record(z.string(), z.string()).parse(JSON.parse(line)));
}

function holdersOfSecret(): string[] {
  const holders = [...filesBelow(home)].filter(([, content]) => leaksIn(content, [SECRET]).length > 0);
  return holders.map(([path]) => path.slice(home.length + 1));
}

describe.each(['claude', 'gemini'])('%s', (host) => {
  test.skipIf(commandOf(host) !== undefined)(`(skipped: HOSTS names no folder with ${host}; see .ci/hosts)`, () => {
    expect(process.env.HOSTS).toBeUndefined();
  });
});

const claude = commandOf('claude') ?? '';
describe.skipIf(claude === '')('Claude Code', () => {
  const plugin = `${NAME}@${NAME}`;

  test('finds nothing to say against the plugin and its marketplace', { timeout: LIMIT }, async () => {
    const folder = join(root, 'plugins', NAME);
    expect(await run(claude, ['plugin', 'validate', '--strict', '--profile', 'directory', folder])).toContain('passed');
    expect(await run(claude, ['plugin', 'validate', '--strict', root])).toContain('passed');
  });

  test('installs it in one step, keeps the secret apart, and connects', { timeout: LIMIT }, async () => {
    const config = ['--config', `client_id=${ID}`, '--config', `projects=${GROUP}`];
    await run(claude, ['plugin', 'install', NAME, '--marketplace', root, ...config]);
    await run(claude, ['plugin', 'configure', plugin, '--values-stdin'], JSON.stringify({ client_secret: SECRET }));
    expect(await run(claude, ['mcp', 'list'])).toMatch(
      new RegExp(`plugin:${NAME}:${NAME}: npx -y atlas-model-keys-mcp@${registry.version} - . Connected`),
    );
    expect(starts().at(-1)).toEqual({
      MONGODB_ATLAS_CLIENT_ID: ID,
      MONGODB_ATLAS_CLIENT_SECRET: SECRET,
      ATLAS_MODEL_KEYS_ALLOWED_PROJECTS: GROUP,
      // Nobody touched these: blank is not set.
      ATLAS_MODEL_KEYS_FOLDER: '',
      ATLAS_MODEL_KEYS_DOTENV: '',
      ATLAS_MODEL_KEYS_READ_ONLY: '',
      ATLAS_MODEL_KEYS_CONFIRM: '',
    });
    // Where there is no keychain, a file that only this user can read.
    for (const path of holdersOfSecret()) {
      expect(path).toBe('.claude/.credentials.json');
      expect(statSync(join(home, path)).mode & 0o077).toBe(0);
    }
  });
});

const gemini = commandOf('gemini') ?? '';
describe.skipIf(gemini === '')('Gemini CLI', () => {
  test(
    'takes the extension, asks for its settings, keeps the secret apart, and connects',
    { timeout: LIMIT },
    async () => {
      // Of the repository, what an extension is.
      const source = join(home, 'extension');
      mkdirSync(source);
      writeFileSync(join(source, 'gemini-extension.json'), readFileSync(join(root, 'gemini-extension.json')));
      mkdirSync(join(home, '.gemini'));
      fileIn(home, '.gemini/trustedFolders.json', JSON.stringify({ [home]: 'TRUST_FOLDER', [source]: 'TRUST_FOLDER' }));
      await run(gemini, ['extensions', 'validate', source]);
      await run(gemini, ['extensions', 'install', source, '--consent', '--skip-settings']);
      const values = {
        MONGODB_ATLAS_CLIENT_ID: ID,
        MONGODB_ATLAS_CLIENT_SECRET: SECRET,
        ATLAS_MODEL_KEYS_ALLOWED_PROJECTS: GROUP,
      };
      for (const [name, value] of Object.entries(values))
        expect(leaksIn(await run(gemini, ['extensions', 'config', NAME, name], `${value}\n`), [SECRET])).toEqual([]);
      const listed = await run(gemini, ['mcp', 'list']);
      expect(listed).toContain(`npx -y atlas-model-keys-mcp@${registry.version} (stdio) - Connected`);
      expect(listed).not.toContain('missing settings');
      expect(starts().at(-1)).toEqual(values);
      expect(holdersOfSecret()).toEqual([]);
    },
  );
});

test('the repository has what each of these hosts looks for at its root', () => {
  expect(readdirSync(root)).toEqual(expect.arrayContaining(['.claude-plugin', 'gemini-extension.json']));
});
