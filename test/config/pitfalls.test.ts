// What machines and people hand over without meaning it.

import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { foreignPathWords } from '../../src/config/directories.ts';
import { pretendPlatform } from '../pretend-platform.ts';
import { configurationFile, load, refusalOf, temporaryFolder } from './fixture.ts';

describe('a configuration in UTF-16, as PowerShell 5 writes it', () => {
  const json = '{"readOnly":true}';
  const swapped = Buffer.from(json, 'utf16le').swap16();
  test.each([
    ['little endian', Buffer.from(`\uFEFF${json}`, 'utf16le')],
    ['big endian', Buffer.concat([Buffer.from([0xfe, 0xff]), swapped])],
    ['little endian without a mark', Buffer.from(json, 'utf16le')],
    ['big endian without a mark', swapped],
  ])('is named as what it is: %s', async (_what, bytes) => {
    const path = configurationFile({});
    writeFileSync(path, bytes);
    expect(await refusalOf(['--config', path])).toBe(
      `${path}: is in UTF-16, as PowerShell 5 writes it; save it as UTF-8`,
    );
  });
});

describe('the variables of Kubernetes for a service of a like name', () => {
  const links = (service: string) => ({
    [`${service}_SERVICE_HOST`]: '10.0.0.1',
    [`${service}_SERVICE_PORT`]: '80',
    [`${service}_SERVICE_PORT_HTTP_2`]: '80',
    [`${service}_PORT`]: 'tcp://10.0.0.1:80',
    [`${service}_PORT_80_TCP`]: 'tcp://10.0.0.1:80',
    [`${service}_PORT_80_TCP_PROTO`]: 'tcp',
    [`${service}_PORT_80_TCP_PORT`]: '80',
    [`${service}_PORT_80_TCP_ADDR`]: '10.0.0.1',
  });
  test.each(['ATLAS_MODEL_KEYS', 'ATLAS_MODEL_KEYS_MCP', 'ATLAS_MODEL_KEYS_READ_ONLY'])(
    '%s: are passed over',
    async (service) => {
      expect((await load([], links(service))).readOnly).toBe(false);
    },
  );
  test.each(['READONLY', 'PORTS', 'REPORT', 'SERVICE', 'SERVICE_HOSTS', 'PORT_TCP'])(
    'and no other: %s',
    async (name) => {
      expect(await refusalOf([], { [`ATLAS_MODEL_KEYS_${name}`]: '1' })).toMatch(/is not known here/);
    },
  );
});

describe('a list of sinks in one variable', () => {
  const form = /^ATLAS_MODEL_KEYS_SINKS: must be one NAME=URI, or for several a JSON object .*\{"app":"dotenv:/;
  test.each([
    'a=file:/srv/a,b=file:/srv/b',
    'a=file:/srv/a, b=dotenv:/srv/.env#KEY',
    'a=file:/srv/a;b=command:["pass"]',
    'a=file:/srv/a,b=inline',
    'a=inline,b=file:/srv/b',
    'a=file:/srv/a,b=file:/srv/b,c=vault:kv/x',
    'a=file:/srv/a b=file:/srv/b',
    'a=file:/srv/a | b=dotenv:/srv/.env',
    'a=file:/srv/a, b = file:/srv/b',
    'a=file:/srv/a\nb=inline',
  ])('%s is refused with the form to use', async (value) => {
    expect(await refusalOf([], { ATLAS_MODEL_KEYS_SINKS: value })).toMatch(form);
  });
  test('nor is a list taken for one path where it is a flag', async () => {
    expect(await refusalOf(['--sink', 'a=file:/srv/a,b=file:/srv/b'])).toMatch(/^--sink: must be one NAME=URI/);
  });
  test('words of a command are not a list', async () => {
    const { sinks } = await load([], { ATLAS_MODEL_KEYS_SINKS: 'a=command:["sh","-c","put --to x=https://x | cat"]' });
    expect([...sinks.keys()]).toEqual(['a']);
  });
  test('a comma in a path does not make a list', async () => {
    const { sinks } = await load([], { ATLAS_MODEL_KEYS_SINKS: 'a=file:/srv/a,b/{entry}' });
    expect([...sinks.values()]).toEqual([{ type: 'file', path: '/srv/a,b/{entry}' }]);
    const command = 'a=command:["put","a=file:/x","b=inline"]';
    expect([...(await load([], { ATLAS_MODEL_KEYS_SINKS: command })).sinks.keys()]).toEqual(['a']);
  });
});

describe('a key of the configuration that is not known', () => {
  const said = async (key: string) => {
    const path = configurationFile({ [key]: 'x' });
    return (await refusalOf(['--config', path])).slice(path.length);
  };
  test.each(['defaultSinc', 'read-only', 'READ_ONLY', 'sink2', 'maximumCreatesPerHour', '$comment'])(
    'is told where a person made it up: %s',
    async (key) => {
      expect(await said(key)).toBe(`: ${key}: is not known here`);
    },
  );
  test.each([
    'al-0123456789abcdefghij-KLMNO',
    'al-abcdefghijklmnopqrstuvwxyz',
    'mdb_sa_sk_abcdefghijklmnopqrst',
    '1d0f5b9e-93c4-4f7e-8f5d-0a1b2c3d4e5f',
    'deadbeef1234deadbeef1234',
    'QmFzZTY0IGlzIG5vdCBhIHNlY3JldA',
  ])('is not told where it looks like a secret: %s', async (key) => {
    expect(await said(key)).toBe(': (unreadable name): is not known here');
  });
  test('nor as a flag or a variable', async () => {
    expect(await refusalOf(['--al-abcdefghijklmnopqrstuvwxyz'])).toBe('command line: is not understood; see --help');
    expect(await refusalOf([], { ATLAS_MODEL_KEYS_0123456789ABCDEF0123456789ABCDEF: '1' })).toBe(
      'ATLAS_MODEL_KEYS_(unreadable name): is not known here',
    );
  });
  test('and a secret at random is hardly ever told', () => {
    const keys = fc.sample(fc.stringMatching(/^[A-Za-z0-9]{24,40}$/), { numRuns: 100, seed: 7 });
    return Promise.all(keys.map(said)).then((lines) => {
      expect(lines.filter((line) => !line.includes('(unreadable name)'))).toEqual([]);
    });
  });
  test('the name of a sink is told, such as production-eu-west-1', async () => {
    expect(await refusalOf(['--sink', 'production-eu-west-1=file:relative'])).toMatch(
      /^--sink\.production-eu-west-1\.path/,
    );
    expect(await refusalOf(['--sink', 'al-0123456789abcdefghij=file:relative'])).toMatch(
      /^--sink\.\(unreadable name\)/,
    );
  });
});

const isRoot = process.geteuid?.() === 0;

describe.skipIf(!isRoot)(
  `a configuration of root${isRoot ? '' : ' (skipped: only root can give itself another user)'}`,
  () => {
    const STRANGER = 54_321;

    /** The file in a folder of its own, and a script that prints what this server reads of it. */
    function readable(): { folder: string; path: string; script: string } {
      const folder = temporaryFolder();
      chmodSync(folder, 0o755);
      mkdirSync(join(folder, 'etc'));
      const path = join(folder, 'etc', 'config.json');
      writeFileSync(path, '{"readOnly":true}', { mode: 0o644 });
      const reader = join(folder, 'reader.mjs');
      const entry = fileURLToPath(new URL('../../src/config/configuration-file.ts', import.meta.url));
      buildSync({ entryPoints: [entry], outfile: reader, bundle: true, platform: 'node', format: 'esm' });
      const script = `import(${JSON.stringify(reader)}).then((file) => file.readConfigurationFile(${JSON.stringify(path)})).then((read) => console.log(JSON.stringify(read)))`;
      return { folder, path, script };
    }

    test('is read', () => {
      const { script } = readable();
      expect(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8', uid: 65_534 })).toBe(
        '{"readOnly":true}\n',
      );
    });

    test('is read in a user namespace that does not know root, and not below a folder of this user', ({ skip }) => {
      const { folder, path, script } = readable();
      const inside = ['--user', '--map-current-user', process.execPath, '-e', script];
      const read = () => spawnSync('unshare', inside, { encoding: 'utf8', uid: STRANGER, gid: STRANGER });
      const { stdout, stderr } = read();
      if (stderr.includes('unshare')) return skip('namespaces are not permitted here');
      expect(stdout).toBe('{"readOnly":true}\n');
      chownSync(join(folder, 'etc'), STRANGER, STRANGER);
      expect(read().stderr).toContain(
        `${path}: belongs to another user and is not read; make it yours or root's, or name its directory in ATLAS_MODEL_KEYS_TRUST_PATHS`,
      );
      // Nor where others could put another one there.
      chownSync(join(folder, 'etc'), 0, 0);
      chmodSync(join(folder, 'etc'), 0o777);
      expect(read().stderr).toContain(
        `${path}: belongs to another user and is not read; make it yours or root's, or name its directory in ATLAS_MODEL_KEYS_TRUST_PATHS`,
      );
    });
  },
);

// Only process.platform says Windows here, so the paths that are right there are not seen to be absolute; test/windows
// shows those.
describe('a path that is written as on another system', () => {
  const everywhere = (path: string): [string, string[], Record<string, string>][] => [
    ['--sink.a.path', ['--sink', `a=file:${path}`], {}],
    ['--sink.a.path', ['--sink', `a=dotenv:${path}#KEY`], {}],
    ['ATLAS_MODEL_KEYS_SINKS.a.path', [], { ATLAS_MODEL_KEYS_SINKS: JSON.stringify({ a: { type: 'file', path } }) }],
    ['ATLAS_MODEL_KEYS_STATE_DIR', [], { ATLAS_MODEL_KEYS_STATE_DIR: path }],
    ['ATLAS_MODEL_KEYS_TRUST_PATHS.0', [], { ATLAS_MODEL_KEYS_TRUST_PATHS: JSON.stringify([path]) }],
    ['ATLAS_MODEL_KEYS_CONFIG', [], { ATLAS_MODEL_KEYS_CONFIG: path }],
    ['--config', ['--config', path], {}],
    ['MONGODB_ATLAS_ACCESS_TOKEN_FILE', [], { MONGODB_ATLAS_ACCESS_TOKEN_FILE: path }],
    ['MONGODB_ATLAS_ACCESS_TOKEN_COMMAND', [], { MONGODB_ATLAS_ACCESS_TOKEN_COMMAND: JSON.stringify([path]) }],
    ['ATLAS_MODEL_KEYS_ATLAS_CLI', [], { ATLAS_MODEL_KEYS_ATLAS_CLI: path }],
  ];

  test.each(['/srv/x', String.raw`\srv\x`, '///C:/app/x', '/C:/app/x', 'file:///C:/app/x', 'FILE:/C:/app/x'])(
    'is refused on Windows with what to write instead, wherever it stands: %s',
    async (path) => {
      pretendPlatform('win32');
      for (const [setting, argv, environment] of everywhere(path)) {
        const settings = { ATLAS_MODEL_KEYS_CONFIG: undefined, ATLAS_MODEL_KEYS_STATE_DIR: '~/state', ...environment };
        expect(await refusalOf(argv, settings)).toBe(
          String.raw`${setting}: must begin with a drive, such as C:\app\.env, or with ~\ (not /app/.env, and not file:///C:/app/.env)`,
        );
      }
    },
  );

  test.each([String.raw`\\server\share\x`, '//server/share/x', 'C:/app/x', String.raw`C:\app\x`])(
    'but not what names a drive or a server: %s',
    (path) => {
      pretendPlatform('win32');
      expect(foreignPathWords(path)).toBeUndefined();
    },
  );

  test('is refused elsewhere where it is a URL', async () => {
    const path = 'file:///srv/x';
    for (const [setting, argv, environment] of everywhere(path)) {
      expect(await refusalOf(argv, environment)).toBe(
        `${setting}: must be a path, such as /app/.env, and not a URL (file:///app/.env)`,
      );
    }
  });

  test('begins with the home directory on Windows where it begins with ~ and a backslash', async () => {
    const environment = {
      ATLAS_MODEL_KEYS_CONFIG: undefined,
      ATLAS_MODEL_KEYS_STATE_DIR: String.raw`~\state`,
      MONGODB_ATLAS_ACCESS_TOKEN_FILE: String.raw`~\token`,
    };
    pretendPlatform('win32');
    const { sinks, stateDir, atlas } = await load(['--sink', String.raw`a=dotenv:~\app\.env#KEY`], environment);
    expect(sinks.get('a')).toMatchObject({ path: join(homedir(), String.raw`app\.env`) });
    expect(stateDir).toBe(join(homedir(), 'state'));
    expect(atlas?.credentials).toMatchObject({ token: { file: join(homedir(), 'token') } });
  });

  test('has no home directory elsewhere', async () => {
    expect(await refusalOf(['--sink', String.raw`a=dotenv:~\app\.env#KEY`])).toBe(
      '--sink.a.path: must be an absolute path, or start with ~/',
    );
  });
});
