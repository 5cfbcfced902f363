import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { childEnvironment, searchPathOf } from '../../src/programs/child-environment.ts';
import { pretendPlatform } from '../pretend-platform.ts';

const NEEDED = {
  PATH: '/usr/bin',
  HOME: '/home/ada',
  LANG: 'C.UTF-8',
  LC_ALL: 'C.UTF-8',
  TZ: 'UTC',
  TMPDIR: '/tmp',
  XDG_RUNTIME_DIR: '/run/user/1000',
  XDG_CONFIG_HOME: '/home/ada/.config',
  DBUS_SESSION_BUS_ADDRESS: 'unix:path=/run/user/1000/bus',
  SSH_AUTH_SOCK: '/run/agent',
  GNUPGHOME: '/home/ada/.gnupg',
  GPG_TTY: '/dev/pts/0',
  DISPLAY: ':0',
  WAYLAND_DISPLAY: 'wayland-0',
  PASSWORD_STORE_DIR: '/home/ada/.password-store',
};

const OWN_CREDENTIALS = {
  MONGODB_ATLAS_CLIENT_ID: 'id',
  MONGODB_ATLAS_CLIENT_SECRET: 'canary',
  MONGODB_ATLAS_ACCESS_TOKEN: 'canary',
  MONGODB_ATLAS_PRIVATE_API_KEY: 'canary',
  MDB_MCP_API_CLIENT_SECRET: 'canary',
  mongodb_atlas_client_secret: 'canary',
};

const FOREIGN = {
  AWS_SECRET_ACCESS_KEY: 'canary',
  VAULT_TOKEN: 'canary',
  OP_SERVICE_ACCOUNT_TOKEN: 'canary',
  ATLAS_MODEL_KEYS_SINKS: 'canary',
  LD_PRELOAD: '/tmp/evil.so',
  DYLD_INSERT_LIBRARIES: '/tmp/evil.dylib',
  NODE_OPTIONS: '--require=/tmp/evil.js',
  BASH_ENV: '/tmp/evil.sh',
  PATHOLOGY: 'a name that begins like one of the list',
  MY_XDG_SECRET: 'canary',
};

describe('what a command inherits', () => {
  test('is what keyrings, agents and prompts need', () => {
    expect(childEnvironment({ ...NEEDED, ...OWN_CREDENTIALS, ...FOREIGN }, {})).toEqual(NEEDED);
  });

  test('is never a variable of another name', () => {
    const families = /^(?:LC_|XDG_)/;
    const known = new Set([...Object.keys(NEEDED), 'USER', 'LOGNAME', 'SHELL', 'TERM', 'LANGUAGE', 'XAUTHORITY']);
    const name = fc.oneof(
      fc.string(),
      fc.constantFrom(...known, ...Object.keys(FOREIGN), '__proto__', 'constructor'),
      fc.tuple(fc.constantFrom(...known, 'LC_', 'XDG_', 'AWS_'), fc.string()).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.string())), (entries) => {
        const child = childEnvironment(Object.fromEntries(entries), {});
        for (const key of Object.keys(child)) expect(known.has(key) || families.test(key)).toBe(true);
      }),
    );
  });
});

describe('what the operator adds', () => {
  test('reaches the command, and wins', () => {
    const child = childEnvironment(NEEDED, { VAULT_TOKEN: 'wanted', PATH: '/opt/bin' });
    expect(child).toEqual({ ...NEEDED, VAULT_TOKEN: 'wanted', PATH: '/opt/bin' });
  });

  test('never holds the credentials for Atlas', () => {
    expect(childEnvironment({}, { ...OWN_CREDENTIALS, VAULT_ADDR: 'https://vault' })).toEqual({
      VAULT_ADDR: 'https://vault',
    });
  });
});

test('programs are looked up in the PATH that the command will have', () => {
  expect(searchPathOf(childEnvironment(NEEDED, {}))).toBe('/usr/bin');
  expect(searchPathOf({})).toBe('');
});

describe('on Windows (simulated), where Path and PATH are one variable', () => {
  test.each([
    [{ Path: 'C:\\inherited' }, { PATH: 'C:\\added' }],
    [{ PATH: 'C:\\inherited' }, { Path: 'C:\\added' }],
    [{ PATH: 'C:\\inherited', Path: 'C:\\too' }, { path: 'C:\\added' }],
  ])('of %j the one that the operator adds is left, for the command and for the search', (inherited, added) => {
    pretendPlatform('win32');
    const child = childEnvironment(inherited, added);
    expect(child).toEqual(added);
    expect(searchPathOf(child)).toBe('C:\\added');
  });

  test('elsewhere they are two', () => {
    const child = childEnvironment({ PATH: '/usr/bin' }, { Path: '/opt/bin' });
    expect(child).toEqual({ PATH: '/usr/bin', Path: '/opt/bin' });
    expect(searchPathOf(child)).toBe('/usr/bin');
  });
});
