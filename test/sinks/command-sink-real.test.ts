// The command sink with the programs that people use: pass, age and secret-tool, with real keys and a real
// keyring. It needs the Debian packages pass, gnupg, age, libsecret-tools, gnome-keyring and dbus.

import { readFileSync, statSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CommandSpec } from '../../src/config/command-spec.ts';
import { fingerprintOf } from '../../src/secret/opened-secret.ts';
import { Secret } from '../../src/secret/secret.ts';
import { commandSink } from '../../src/sinks/command-sink.ts';
import type { PreparedWrite } from '../../src/sinks/sink.ts';
import { done, makePassStore, missingOf, realHome, startKeyring, type RealHome } from './real-programs.ts';

const ADDRESS = { groupId: '0123456789abcdef01234567', entry: 'voyage.dev' };
const VALUE = 'al-real-canary-0123456789abcdefghij';
const SECRET = new Secret(VALUE);

let home: RealHome;
beforeEach(() => {
  home = realHome();
});
afterEach(() => home.close());

/** Skips with a reason where a program is missing; in continuous integration it must be there. */
function realTest(programs: readonly string[], title: string, body: () => Promise<void>): void {
  const missing = missingOf(programs);
  const reason = missing.length > 0 ? ` (not installed: ${missing.join(', ')})` : '';
  test.skipIf(missing.length > 0 && process.env.CI === undefined)(title + reason, body);
}

async function targetOf(
  argv: CommandSpec['argv'],
  verify?: CommandSpec['argv'],
  entry?: string,
): Promise<PreparedWrite> {
  const spec: CommandSpec = {
    type: 'command',
    argv,
    env: {},
    timeoutMs: 20_000,
    ...(verify && { verify, absent: [1] }),
  };
  const address = { ...ADDRESS, ...(entry !== undefined && { entry }) };
  const preflight = await commandSink('vault', spec, home.env).preflight(address, 'prove');
  if (!preflight.ok) throw new Error(preflight.failure.message);
  return preflight.value.write;
}

const WRITTEN = { outcome: 'written', warnings: [] };
const READ_BACK = { outcome: 'verified', verification: 'read-back' };

describe('pass', () => {
  const programs = ['pass', 'gpg', 'gpgconf'];
  const insert: CommandSpec['argv'] = ['pass', 'insert', '-m', '-f', 'atlas/{groupId}/{entry}'];
  const show: CommandSpec['argv'] = ['pass', 'show', 'atlas/{groupId}/{entry}'];

  realTest(programs, 'keeps a secret and gives it back', async () => {
    makePassStore(home);
    const target = await targetOf(insert, show);
    expect(await target.deliver(SECRET)).toEqual(WRITTEN);
    expect(await target.verify(SECRET)).toEqual(READ_BACK);
    expect(done(home, 'pass', ['show', `atlas/${ADDRESS.groupId}/voyage.dev`])).toBe(VALUE);
  });

  realTest(programs, 'does not overwrite an entry, and tells what it holds', async () => {
    makePassStore(home);
    await (await targetOf(insert, show)).deliver(SECRET);
    await expect(targetOf(insert, show)).rejects.toThrow('is taken');
    const spec: CommandSpec = { type: 'command', argv: insert, verify: show, absent: [1], env: {}, timeoutMs: 20_000 };
    const sink = commandSink('vault', spec, home.env);
    expect(await sink.lookUp(ADDRESS)).toMatchObject({ held: 'value', fingerprint: fingerprintOf(SECRET) });
    expect(await sink.lookUp({ ...ADDRESS, entry: 'other' })).toEqual({ held: 'nothing' });
    expect(await sink.preflight({ ...ADDRESS, entry: 'other' }, 'prove')).toMatchObject({ ok: true });
  });

  realTest(programs, 'gives away the secret of the key that is replaced, and gets it back', async () => {
    makePassStore(home);
    await (await targetOf(insert, show)).deliver(SECRET);
    const spec: CommandSpec = { type: 'command', argv: insert, verify: show, absent: [1], env: {}, timeoutMs: 20_000 };
    const sink = commandSink('vault', spec, home.env);
    const other = await sink.preflight(ADDRESS, 'prove', { maskedSecret: 'al-****xyz9' });
    expect(other).toMatchObject({ ok: false, failure: { code: 'SINK_ENTRY_EXISTS' } });
    const preflight = await sink.preflight(ADDRESS, 'prove', { maskedSecret: 'al-****ghij' });
    if (!preflight.ok) return expect.fail(preflight.failure.message);
    expect(preflight.value.write.overwrites).toBe('old secret');
    const secret = new Secret('al-real-canary-of-the-new-key-0123456789');
    expect(await preflight.value.write.deliver(secret)).toEqual(WRITTEN);
    expect(await preflight.value.write.verify(secret)).toEqual(READ_BACK);
    await preflight.value.write.retract();
    expect(done(home, 'pass', ['show', `atlas/${ADDRESS.groupId}/voyage.dev`])).toBe(VALUE);
  });

  realTest(programs, 'starts an agent that outlives it, as a daemon should', async () => {
    makePassStore(home);
    const target = await targetOf(insert, show);
    await target.deliver(SECRET);
    done(home, 'gpgconf', ['--kill', 'all']);
    // Now `pass show` has to start the agent itself, in the middle of the sink's process group.
    expect(await target.verify(SECRET)).toEqual(READ_BACK);
    expect(done(home, 'gpg-connect-agent', ['--no-autostart', 'getinfo pid', '/bye'])).toMatch(/^D \d+\nOK$/);
  });

  realTest(programs, 'that shows another entry is a mismatch', async () => {
    makePassStore(home);
    const target = await targetOf(insert, ['pass', 'show', 'atlas/{groupId}/other']);
    expect(await target.deliver(SECRET)).toEqual(WRITTEN);
    await (await targetOf(insert, show, 'other')).deliver(new Secret('al-real-canary-of-another-key'));
    expect(await target.verify(SECRET)).toMatchObject({ outcome: 'mismatch' });
  });

  realTest(programs, 'without a store fails, and its words are not shown', async () => {
    const delivery = await (await targetOf(insert, show)).deliver(SECRET);
    expect(delivery).toMatchObject({ outcome: 'failed', message: 'The program "pass" ended with exit code 1.' });
    expect(JSON.stringify(delivery)).not.toMatch(/init|al-real/);
  });
});

describe('age', () => {
  const programs = ['age', 'age-keygen'];

  function makeArgv(): { encrypt: CommandSpec['argv']; decrypt: CommandSpec['argv'] } {
    const identity = home.at('identity');
    done(home, 'age-keygen', ['-o', identity]);
    const recipient = done(home, 'age-keygen', ['-y', identity]);
    const file = home.at('{groupId}-{entry}.age');
    return { encrypt: ['age', '-r', recipient, '-o', file], decrypt: ['age', '-d', '-i', identity, file] };
  }

  realTest(programs, 'encrypts a secret and gives it back', async () => {
    const { encrypt, decrypt } = makeArgv();
    const target = await targetOf(encrypt, decrypt);
    expect(await target.deliver(SECRET)).toEqual(WRITTEN);
    expect(await target.verify(SECRET)).toEqual(READ_BACK);
    const file = home.at(`${ADDRESS.groupId}-voyage.dev.age`);
    expect(readFileSync(file, 'latin1')).toContain('age-encryption.org');
    expect(readFileSync(file, 'latin1')).not.toContain(VALUE);
  });

  realTest(programs, 'that encrypted something else is a mismatch', async () => {
    const { encrypt, decrypt } = makeArgv();
    const target = await targetOf(encrypt, decrypt);
    await (await targetOf(encrypt)).deliver(new Secret('al-real-canary-of-another-key'));
    expect(await target.verify(SECRET)).toMatchObject({ outcome: 'mismatch' });
  });

  realTest(programs, 'with a recipient that is none fails, and leaves no file', async () => {
    const file = home.at('x.age');
    const delivery = await (await targetOf(['age', '-r', 'nobody', '-o', file])).deliver(SECRET);
    expect(delivery).toMatchObject({ outcome: 'failed', message: 'The program "age" ended with exit code 1.' });
    expect(statSync(file, { throwIfNoEntry: false })).toBeUndefined();
  });
});

describe('secret-tool', () => {
  const programs = ['secret-tool', 'gnome-keyring-daemon', 'dbus-daemon', 'dbus-send'];
  const store: CommandSpec['argv'] = [
    'secret-tool',
    'store',
    '--label=Voyage {entry}',
    'service',
    'voyage',
    'key',
    '{entry}',
  ];
  const lookup: CommandSpec['argv'] = ['secret-tool', 'lookup', 'service', 'voyage', 'key', '{entry}'];
  realTest(programs, 'keeps a secret and gives it back', async () => {
    await startKeyring(home);
    const target = await targetOf(store, lookup);
    expect(await target.deliver(SECRET)).toEqual(WRITTEN);
    expect(await target.verify(SECRET)).toEqual(READ_BACK);
    expect(done(home, 'secret-tool', ['lookup', 'service', 'voyage', 'key', 'voyage.dev'])).toBe(VALUE);
  });

  realTest(programs, 'that has no such entry is a mismatch', async () => {
    await startKeyring(home);
    const target = await targetOf(store, ['secret-tool', 'lookup', 'service', 'nothing']);
    expect(await target.deliver(SECRET)).toEqual(WRITTEN);
    expect(await target.verify(SECRET)).toMatchObject({ outcome: 'mismatch' });
  });

  realTest(programs, 'without a bus fails', async () => {
    home.env.DBUS_SESSION_BUS_ADDRESS = `unix:path=${home.at('absent')}`;
    expect(await (await targetOf(store, lookup)).deliver(SECRET)).toMatchObject({ outcome: 'failed' });
  });
});
