// The places that are used where the operator names none: never below whatever directory the server was started in.

import { mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { parseCommandLine } from '../../src/config/command-line.ts';
import { ConfigError } from '../../src/config/config-error.ts';
import { loadConfig } from '../../src/config/config.ts';
import { userDirectory } from '../../src/config/directories.ts';
import { pretendPlatform } from '../pretend-platform.ts';
import { startServer, temporaryHome } from '../e2e/host.ts';
import { configurationFile, load, refusalOf } from './fixture.ts';

const onLinux = process.platform === 'linux';

describe.skipIf(!onLinux)(`a relative XDG directory${onLinux ? '' : ' (skipped: XDG is for Linux)'}`, () => {
  const withVariable = (name: string) => {
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    vi.stubEnv(name, 'relative');
  };

  test('of the configuration is refused, but where a file is named', async () => {
    withVariable('XDG_CONFIG_HOME');
    expect(await refusalOf([], { ATLAS_MODEL_KEYS_CONFIG: undefined })).toBe(
      'XDG_CONFIG_HOME: must be an absolute path; the default place for config is below it',
    );
    expect((await load()).defaultSink).toBe('local');
  });

  test('of the sink "local" is refused, but where there is another sink', async () => {
    withVariable('XDG_DATA_HOME');
    expect(await refusalOf([])).toBe('XDG_DATA_HOME: must be an absolute path; the default place for data is below it');
    expect((await load(['--sink', 'a=file:/x/{entry}'])).defaultSink).toBe('a');
    expect((await load(['--sandbox'])).defaultSink).toBe('local');
  });

  test('of the journal is refused, but where a directory is named', async () => {
    withVariable('XDG_STATE_HOME');
    expect(await refusalOf([])).toBe(
      'XDG_STATE_HOME: must be an absolute path; the default place for state is below it',
    );
    expect((await load([], { ATLAS_MODEL_KEYS_STATE_DIR: '/srv/state' })).stateDir).toBe('/srv/state');
  });
});

// As Claude Desktop, an MSIX package, starts it: what it makes in AppData is kept where nobody else sees it. Only
// process.platform says Windows here.
test('on Windows every default place is one folder of the user’s profile, and not in AppData', () => {
  pretendPlatform('win32');
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  vi.stubEnv('APPDATA', '/appdata/roaming');
  vi.stubEnv('LOCALAPPDATA', '/appdata/local');
  const folder = join(homedir(), '.atlas-model-keys');
  expect([userDirectory('config'), userDirectory('data')]).toEqual([folder, folder]);
  expect(userDirectory('state')).toBe(join(folder, 'state'));
});

test.each(['/nonexistent/tmp', import.meta.filename])(
  'the sandbox needs a directory for its files, not %s',
  async (path) => {
    const environment = { ATLAS_MODEL_KEYS_CONFIG: configurationFile({}) };
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    vi.stubEnv('TMPDIR', path);
    await expect(loadConfig(parseCommandLine(['--sandbox']), environment)).rejects.toThrow(
      new ConfigError('TMPDIR', 'does not name a directory that exists; --sandbox keeps its files there'),
    );
    expect((await loadConfig(parseCommandLine([]), environment)).defaultSink).toBe('local');
  },
);

describe('an empty HOME', () => {
  /** What the server says and ends with, started in a directory that holds a configuration to be taken in by. */
  async function refusalWithoutHome(args: readonly string[]) {
    const home = temporaryHome();
    mkdirSync(join(home, '.config', 'atlas-model-keys'), { recursive: true });
    writeFileSync(join(home, '.config', 'atlas-model-keys', 'config.json'), '{"bogus":1}', { mode: 0o600 });
    const server = startServer({ home, args, env: { HOME: '' } });
    server.endInput();
    const { code } = await server.ended;
    return [code, server.output().stderr];
  }

  test('is refused', async () => {
    expect(await refusalWithoutHome([])).toEqual([
      2,
      'atlas-model-keys-mcp: HOME: must be an absolute path; the default place for config is below it\n',
    ]);
  });

  test('gives ~/ no meaning', async () => {
    expect(await refusalWithoutHome(['--config', '~/config.json'])).toEqual([
      2,
      'atlas-model-keys-mcp: HOME: is empty or is not an absolute path, so that ~/ has no meaning\n',
    ]);
  });
});
