// `setup --keychain` with a real keyring. It needs the Debian packages libsecret-tools, gnome-keyring and dbus.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { startHost } from '../e2e/host.ts';
import { structuredOf } from '../e2e/result.ts';
import { CREATE } from '../e2e/scene.ts';
import { GROUP, openSetup } from './session.ts';

const PATH = process.env.PATH ?? '';
const missing = ['secret-tool', 'gnome-keyring-daemon', 'dbus-daemon', 'dbus-send'].filter(
  (program) => !PATH.split(delimiter).some((folder) => existsSync(join(folder, program))),
);
const reason = missing.length > 0 ? ` (not installed: ${missing.join(', ')})` : '';

/** A bus and an unlocked keyring of their own; the variables that lead to them. */
async function startKeyring(home: string): Promise<Record<string, string>> {
  for (const folder of ['run', 'data']) mkdirSync(join(home, folder), { mode: 0o700 });
  const base = { PATH, HOME: home, XDG_RUNTIME_DIR: join(home, 'run'), XDG_DATA_HOME: join(home, 'data') };
  const bus = daemon(
    'dbus-daemon',
    ['--session', '--nofork', '--print-address', `--address=unix:dir=${home}/run`],
    base,
  );
  const address = await new Promise<string>((resolve) =>
    bus.stdout.once('data', (chunk: Buffer) => {
      resolve(chunk.toString().trim());
    }),
  );
  const env = { ...base, DBUS_SESSION_BUS_ADDRESS: address };
  daemon('gnome-keyring-daemon', ['--foreground', '--unlock', '--components=secrets'], env).stdin.end('password');
  const question = ['--session', '--print-reply', '--dest=org.freedesktop.DBus', '/org/freedesktop/DBus'];
  const asked = [...question, 'org.freedesktop.DBus.NameHasOwner', 'string:org.freedesktop.secrets'];
  while (!spawnSync('dbus-send', asked, { env, encoding: 'utf8' }).stdout.includes('boolean true')) await delay(20);
  return env;
}

function daemon(program: string, args: readonly string[], env: Record<string, string>) {
  const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'ignore'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

test.skipIf(missing.length > 0 && process.env.CI === undefined)(
  `the secret goes into the keyring, and a server that starts with it creates a key${reason}`,
  async () => {
    const setup = await openSetup([]);
    const keyring = await startKeyring(setup.home);
    const { code, said, leaks } = await setup.run(['--yes', '--keychain'], { ...setup.env, ...keyring });
    expect([code, leaks], said).toEqual([0, []]);
    expect(existsSync(setup.path('client-secret'))).toBe(false);
    expect(setup.read('config.json')).toContain('"lookup"');
    const again = await setup.run(['--yes', '--keychain'], { ...setup.env, ...keyring });
    expect([again.code, again.said]).toEqual([0, expect.stringContaining('secret     is kept where it is')]);
    const host = await startHost({ home: setup.home, env: keyring });
    const created = structuredOf(await host.call(CREATE, { groupId: GROUP, name: 'production' }));
    expect(created).toMatchObject({ outcome: 'delivered' });
  },
);

test('where there is no keyring, nothing is written', async () => {
  const setup = await openSetup([]);
  const { code, said } = await setup.run(['--yes', '--keychain']);
  expect([code, said]).toEqual([1, expect.stringContaining('"secret-tool" was not found')]);
  expect(existsSync(setup.folder)).toBe(false);
});
