// Where the server is started: with a Node that is too old, without a home, beside a stranger who sends signals, and with a
// configuration that others could take away.

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { BUNDLE, copyBundle, fileIn, startHost, startServer, temporaryHome, type SilentServer } from './host.ts';
import { nodesIn } from './nodes.ts';
import { structuredOf } from './result.ts';

const oldNodes = nodesIn(process.env.OLD_NODES);

describe('a Node that is too old says so in one line', () => {
  test.skipIf(oldNodes.length > 0)('(skipped: OLD_NODES names no folder that has some)', () => {
    expect(process.env.CI === undefined || process.platform !== 'linux' || process.arch !== 'x64').toBe(true);
  });
  test.each(oldNodes)('%s', (version, node) => {
    for (const args of [[], ['--version'], ['doctor']]) {
      const { status, stdout, stderr } = spawnSync(node, [BUNDLE, ...args], {
        env: { HOME: '/nonexistent', NODE_NO_WARNINGS: '1' },
        encoding: 'utf8',
        input: '',
      });
      expect(stderr).toBe(`atlas-model-keys-mcp: needs Node 20.19 or later; this is Node ${version}\n`);
      expect([status, stdout]).toEqual([2, '']);
    }
  });
});

test('a start loads few modules of Node: each of the others, such as node:crypto, takes milliseconds of every look of a host', () => {
  const named = readFileSync(BUNDLE, 'utf8').matchAll(/getBuiltinModule\("(node:[^"]+)"\)/g);
  const loaded = new Set(Array.from(named, ([, name]) => name));
  expect([...loaded].sort()).toEqual(['node:fs', 'node:module', 'node:os', 'node:path', 'node:stream', 'node:util']);
});

const isRoot = process.geteuid?.() === 0;

describe.skipIf(!isRoot)(
  `without HOME and an entry in the list of users${isRoot ? '' : ' (skipped: needs root)'}`,
  () => {
    const NOBODY = 54_321;

    function run(args: string[], env: Record<string, string> = {}) {
      const folder = mkdtempSync(join(realpathSync(tmpdir()), 'amk-no-home-'));
      onTestFinished(() => {
        rmSync(folder, { recursive: true });
      });
      chmodSync(folder, 0o755);
      const { bundle } = copyBundle(folder);
      const initialize = {
        protocolVersion: '2025-11-25',
        capabilities: {},
        clientInfo: { name: 'raw', version: '1' },
      };
      const input = [
        { jsonrpc: '2.0', id: 1, method: 'initialize', params: initialize },
        { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'list_secret_sinks', arguments: {} } },
      ];
      const { status, stdout, stderr } = spawnSync(process.execPath, [bundle, ...args], {
        uid: NOBODY,
        gid: NOBODY,
        cwd: '/',
        env: { PATH: process.env.PATH ?? '', ...env },
        encoding: 'utf8',
        input: input.map((message) => `${JSON.stringify(message)}\n`).join(''),
      });
      return { status, stdout, stderr };
    }

    test('--version and --help work', () => {
      expect(run(['--version'])).toMatchObject({ status: 0, stderr: '' });
      expect(run(['--help'])).toMatchObject({ status: 0, stderr: '' });
    });

    test('one line names what to set', () => {
      const { stdout, stderr } = run([]);
      expect(stderr.split('\n')[0]).toBe(
        'atlas-model-keys-mcp: HOME: is not set, and the system knows no home directory of this user; set HOME, or ATLAS_MODEL_KEYS_SINKS to an absolute path',
      );
      expect(stdout).toContain('CONFIG_INVALID');
    });

    test('nothing is needed where all places are named', () => {
      const places = {
        ATLAS_MODEL_KEYS_SINKS: 'app=file:/srv/keys/{entry}.key',
        ATLAS_MODEL_KEYS_STATE_DIR: '/srv/state',
      };
      const { status, stdout, stderr } = run([], places);
      expect(status).toBe(0);
      expect(stderr).not.toContain('HOME');
      expect(stdout).toContain('/srv/keys/{entry}.key');
      expect(run(['doctor'], places).stdout).toContain('no file, since this user has no home directory');
    });

    test('~/ is answered with what to write instead', () => {
      const { stderr } = run(['--sink', 'app=file:~/x.key']);
      expect(stderr).toMatch(/^atlas-model-keys-mcp: HOME: is not set, .*; set HOME, or write the whole path\n/);
    });
  },
);

test('SIGUSR1 at any moment of the start leaves no inspector behind that sees a call', async () => {
  const moments = Array.from({ length: 28 }, (_, index) => index * 4);
  const ends: string[] = [];
  for (const moment of moments) ends.push(await signalled(moment));
  // On a busy machine all of these come before the program's first statement.
  for (let later = 128; !ends.includes('answered') && later < 10_000; later *= 2) ends.push(await signalled(later));
  expect(ends.filter((end) => end === 'answered with an inspector')).toEqual([]);
  expect(ends.filter((end) => end === 'answered').length, 'so that a server could be seen').toBeGreaterThan(0);
}, 120_000);

async function signalled(afterMs: number): Promise<string> {
  const server = startServer({ home: temporaryHome(), args: ['--sandbox'] });
  setTimeout(() => {
    server.kill('SIGUSR1');
  }, afterMs);
  askForProjects(server);
  const answered = expect
    .poll(() => server.output().stdout, { timeout: 20_000 })
    .toContain('"id":2')
    .then(() => 'answered');
  const end = await Promise.race([answered, server.ended.then(({ code, signal }) => signal ?? `exit code ${code}`)]);
  answered.catch(() => undefined);
  const { stderr } = server.output();
  server.kill('SIGKILL');
  if (end === 'exit code 2')
    expect(stderr).toContain("inspector: Node's inspector was opened on this process by SIGUSR1");
  return end === 'answered' && stderr.includes('Debugger listening') ? 'answered with an inspector' : end;
}

function askForProjects(server: SilentServer): void {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } };
  for (const message of [
    { id: 1, method: 'initialize', params },
    { method: 'notifications/initialized' },
    { id: 2, method: 'tools/call', params: { name: 'list_projects', arguments: {} } },
  ]) {
    server.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }
}

const hasModes = process.platform !== 'win32';

test.skipIf(!hasModes)(
  `a folder on the way to the configuration that others can write to is named${hasModes ? '' : ' (skipped: no modes)'}`,
  async () => {
    const home = temporaryHome();
    const shared = join(home, 'shared');
    mkdirSync(join(shared, 'mine'), { recursive: true, mode: 0o700 });
    const path = fileIn(home, 'shared/mine/config.json', '{"readOnly":true}');
    const warnings = async () => {
      const host = await startHost({ home, args: ['--sandbox', '--config', path] });
      expect(structuredOf(await host.call('list_secret_sinks')).outcome).toBe('listed');
      const examined = spawnSync(process.execPath, [BUNDLE, 'doctor', '--sandbox', '--config', path], {
        env: { HOME: home, TMPDIR: join(home, 'tmp'), PATH: process.env.PATH ?? '' },
        encoding: 'utf8',
      });
      return [host.output().stderr, examined.stdout];
    };
    const sentence = `Whoever can remove ${path} removes the restrictions in it.`;
    for (const said of await warnings()) expect(said).not.toContain(sentence);
    // A folder of configuration is often a link, which only this user can change.
    symlinkSync(join(shared, 'mine'), join(home, 'linked'));
    const linked = spawnSync(
      process.execPath,
      [BUNDLE, 'doctor', '--sandbox', '--config', `${home}/linked/config.json`],
      {
        env: { HOME: home, TMPDIR: join(home, 'tmp'), PATH: process.env.PATH ?? '' },
        encoding: 'utf8',
      },
    );
    expect(linked.stdout).not.toContain('removes the restrictions');
    chmodSync(shared, 0o777);
    for (const said of await warnings()) {
      expect(said).toContain(sentence);
      expect(said).toContain(shared);
    }
  },
);
