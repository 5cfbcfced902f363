// The preset pass: against the real pass and gpg: the contract of sinks, an agent that is locked, and stores that cannot be written or
// read. It needs the Debian packages pass and gnupg.

import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { Secret } from '../../src/secret/secret.ts';
import { benchFor } from '../keys/bench.ts';
import { containing } from '../matching.ts';
import { describeContract, type Store } from './contract.ts';
import { boundSinkOf, done, makePassStore, reasonOf, realHome, sinkOf, type RealHome } from './real-programs.ts';

const REFERENCE = { groupId: '0123456789abcdef01234567', entry: 'voyage.dev' };

const skipped = reasonOf(['pass', 'gpg', 'gpgconf']);
const PASSPHRASE = 'correct horse';

/** A store whose key has a passphrase. To make it takes seconds. */
let madeStore: RealHome | undefined;
function copiedStore(): RealHome {
  if (!madeStore) {
    madeStore = realHome();
    writeFileSync(madeStore.at('gpg-agent.conf'), 'pinentry-program /bin/false\n');
    makePassStore(madeStore, PASSPHRASE);
    done(madeStore, 'gpgconf', ['--kill', 'all']);
  }
  const home = realHome();
  cpSync(madeStore.path, home.path, { recursive: true, filter: (path) => !/\/S\.[^/]*$/.test(path) });
  return home;
}
afterAll(() => madeStore?.close());

/** The agent knows the passphrase until it is locked. */
function passStore(home: RealHome): Store {
  const file = home.at('store/atlas/voyage.dev.gpg');
  const held = () => {
    if (!existsSync(file)) return undefined;
    const asked = ['--batch', '--quiet', '--pinentry-mode', 'loopback', '--passphrase', PASSPHRASE, '--decrypt', file];
    return done(home, 'gpg', asked);
  };
  const put = (value: string) => {
    done(home, 'pass', ['insert', '-m', '-f', 'atlas/voyage.dev'], value);
  };
  const lock = () => {
    done(home, 'gpgconf', ['--kill', 'gpg-agent']);
  };
  // The agent has learnt the passphrase once something was decrypted.
  put('nothing');
  held();
  rmSync(home.at('store/atlas'), { recursive: true });
  return {
    sink: sinkOf('pass:atlas/{entry}', home),
    reference: REFERENCE,
    held,
    put,
    lock,
    forbidWrites: () => {
      rmSync(home.at('store/.gpg-id'));
    },
    takeAway: () => {
      rmSync(home.at('store'), { recursive: true });
    },
    close: () => home.close(),
  };
}

/** A key that gpg encrypts for, and whose secret half is not here. */
function addBob(home: RealHome): string {
  const key = ['--batch', '--pinentry-mode', 'loopback', '--passphrase', PASSPHRASE];
  done(home, 'gpg', [...key, '--quick-generate-key', 'Bob <bob@example.org>', 'future-default', 'default', 'never']);
  const [fingerprint = ''] = /[0-9A-F]{40}/.exec(done(home, 'gpg', ['--with-colons', '--list-keys', 'bob'])) ?? [];
  done(home, 'gpg', ['--batch', '--yes', '--delete-secret-keys', fingerprint]);
  done(home, 'gpg', ['--batch', '--import-ownertrust'], `${fingerprint}:6:\n`);
  return 'bob@example.org\n';
}

describeContract({
  name: 'pass:',
  skipped,
  verification: 'read-back',
  isRetracting: true,
  timeoutMs: 120_000,
  open: () => passStore(copiedStore()),
});

const title = skipped === undefined ? 'pass' : `pass (${skipped})`;

describe.skipIf(skipped !== undefined && process.env.CI === undefined)(title, () => {
  const open = () => {
    const home = copiedStore();
    onTestFinished(() => home.close());
    return { home, ...passStore(home) };
  };
  const problemIn = async ({ sink }: Store, entry = REFERENCE.entry) => {
    const preflight = await sink.preflight({ ...REFERENCE, entry }, 'prove');
    return preflight.ok ? expect.fail('nothing is wrong') : preflight.failure;
  };
  const SECRET = new Secret('al-canary-of-a-new-key-0123456789');

  test('with a locked agent the entry of a live key stays, and a free one is not ready', async () => {
    const store = open();
    await store.put('al-live-canary-0123456789-0123456789');
    await store.lock?.();
    const taken = await store.sink.preflight(REFERENCE, 'prove');
    expect(taken).toMatchObject({ failure: { code: 'SINK_NOT_READY' } });
    expect(JSON.stringify(taken)).not.toMatch(/canary|absent/);
    // What is written could not be read back, so that nobody could say whether it is there.
    const free = await problemIn(store, 'other');
    expect(free).toMatchObject({ code: 'SINK_NOT_READY', message: containing('decrypt') });
    expect(await store.held()).toBe('al-live-canary-0123456789-0123456789');
  });

  test('of an entry that is written when the agent gets locked nobody says that it is there, or that it is not', async () => {
    const store = open();
    const { home, sink } = store;
    const free = await sink.preflight({ ...REFERENCE, entry: 'other' }, 'prove');
    if (!free.ok) return expect.fail(free.failure.message);
    expect(await free.value.write.deliver(SECRET)).toMatchObject({ outcome: 'written' });
    await store.lock?.();
    expect(await free.value.write.verify(SECRET)).toMatchObject({ outcome: 'unreadable' });
    expect(await free.value.write.retract()).toBe('unknown');
    expect(existsSync(join(home.path, 'store/atlas/other.gpg'))).toBe(true);
  });

  test('a symbolic link that leads nowhere is not nothing, and is not written through', async () => {
    const { home, sink } = open();
    mkdirSync(home.at('store/atlas'));
    symlinkSync(home.at('elsewhere'), home.at('store/atlas/voyage.dev.gpg'));
    const preflight = await sink.preflight(REFERENCE, 'prove');
    if (preflight.ok) await preflight.value.write.deliver(SECRET);
    expect(existsSync(home.at('elsewhere'))).toBe(false);
    expect(preflight).toMatchObject({ failure: { code: 'SINK_NOT_READY' } });
    expect(await sink.lookUp(REFERENCE)).toEqual({ held: 'unknown' });
  });

  test('with a locked agent neither a create nor a rotation reaches Atlas, and the secret of the live key stays', async () => {
    const store = open();
    const { home, sink } = store;
    const bench = await benchFor();
    const context = { ...bench.context(), sinks: new Map([['pass', sink]]), defaultSink: 'pass' };
    const made = await bench.create('live', { entry: REFERENCE.entry }, context);
    expect(made).toMatchObject({ outcome: 'delivered', delivery: { verification: 'read-back' } });
    const [before, keys] = [readFileSync(home.at('store/atlas/voyage.dev.gpg')), bench.sandbox.keys()];
    expect(keys).toHaveLength(1);
    const secret = await store.held();
    await store.lock?.();
    const refused = { outcome: 'failed', failure: { code: 'SINK_NOT_READY' } };
    expect(await bench.create('other', { entry: REFERENCE.entry }, context)).toMatchObject(refused);
    expect(await bench.create('other', { entry: 'free' }, context)).toMatchObject(refused);
    expect(await bench.rotate('live', { entry: REFERENCE.entry }, context)).toMatchObject(refused);
    expect(bench.sandbox.keys()).toEqual(keys);
    expect(readFileSync(home.at('store/atlas/voyage.dev.gpg'))).toEqual(before);
    expect(await store.held()).toBe(secret);
    expect(secret).toBe(keys[0]?.secret);
  });

  test('a store that was never initialized is not ready, and says what to run', async () => {
    const store = open();
    for (const path of ['store/.gpg-id', 'store']) {
      rmSync(store.home.at(path), { recursive: true });
      const problem = await problemIn(store);
      expect(problem).toMatchObject({ code: 'SINK_NOT_READY' });
      expect(problem.hint).toContain('pass init');
      expect(await store.sink.lookUp(REFERENCE)).toEqual({ held: 'unknown' });
    }
  });

  test.each([
    ['the folder of the entry', 'store/atlas', 0o000],
    ['the store', 'store', 0o000],
    ['a folder that can be listed and not searched', 'store/atlas', 0o600],
  ])('nobody says that nothing is in what cannot be searched: %s', async (_what, path, mode) => {
    const store = open();
    await store.put('al-live-canary-0123456789-0123456789');
    const sink = boundSinkOf('pass:atlas/{entry}', store.home);
    expect(await sink.lookUp(REFERENCE)).toMatchObject({ held: 'value' });
    chmodSync(store.home.at(path), mode);
    expect(await sink.lookUp(REFERENCE)).toEqual({ held: 'unknown' });
    const preflight = await sink.preflight(REFERENCE, 'prove');
    expect(preflight).toMatchObject({ failure: { code: 'SINK_NOT_READY', message: containing('searched') } });
  });

  test.each([
    [
      'a folder that is a file',
      (at: RealHome['at']) => {
        writeFileSync(at('store/atlas'), '');
      },
    ],
    [
      'a link that leads nowhere',
      (at: RealHome['at']) => {
        symlinkSync(at('gone'), at('store/atlas'));
      },
    ],
  ])('nothing is looked for behind %s', async (_what, make) => {
    const { home, sink } = open();
    make(home.at);
    expect(await sink.lookUp(REFERENCE)).toEqual({ held: 'unknown' });
    const preflight = await sink.preflight(REFERENCE, 'prove');
    expect(preflight).toMatchObject({ failure: { code: 'SINK_NOT_READY', message: containing('searched') } });
  });

  test.each([
    ['the store, where the folder of the entry is missing', []],
    ['the folder of the entry', ['atlas']],
  ])('a store is not ready where this is read-only: %s', async (_what, made) => {
    const { home } = open();
    const folder = home.at(['store', ...made].join('/'));
    mkdirSync(folder, { recursive: true });
    const sink = boundSinkOf('pass:atlas/{entry}', home);
    expect(await sink.preflight(REFERENCE, 'prove')).toMatchObject({ ok: true });
    chmodSync(folder, 0o500);
    const preflight = await sink.preflight(REFERENCE, 'prove');
    expect(preflight).toMatchObject({ failure: { code: 'SINK_NOT_READY', message: containing('written') } });
  });

  test.each([
    ['has no key here', 'nobody@example.org\n'],
    ['is empty', ''],
    ['has only a comment', '# ada@example.org\n'],
    ['does not end its line, which pass wants', 'ada@example.org'],
    ['has one key here and one not', 'ada@example.org\nnobody@example.org\n'],
  ])('a .gpg-id that %s makes the store not ready', async (_what, text) => {
    const store = open();
    writeFileSync(store.home.at('store/.gpg-id'), text);
    const problem = await problemIn(store);
    expect(problem).toMatchObject({ code: 'SINK_NOT_READY' });
    expect(problem.hint).toContain('gpg');
  });

  test.each([
    ['of a colleague that is not here', () => 'ada@example.org\nnobody@example.org\n', 'encrypt'],
    ['of another person only', addBob, 'decrypt'],
  ])('what is there is read, and not replaced, where .gpg-id names a key %s', async (_what, idsIn, verb) => {
    const store = open();
    const old = 'al-old-canary-0123456789-0123456789-odu2';
    await store.put(old);
    writeFileSync(store.home.at('store/.gpg-id'), idsIn(store.home));
    expect(await store.sink.lookUp(REFERENCE)).toMatchObject({ held: 'value' });
    const replaced = { maskedSecret: 'al-****odu2', isLastHere: true };
    expect(await store.sink.preflight(REFERENCE, 'prove', replaced)).toMatchObject({
      failure: { code: 'SINK_NOT_READY', message: containing(verb) },
    });
    expect(await store.held()).toBe(old);
  });

  test('an entry that cannot be written is read, and not replaced', async () => {
    const store = open();
    const old = 'al-old-canary-0123456789-0123456789-odu2';
    await store.put(old);
    const sink = boundSinkOf('pass:atlas/{entry}', store.home);
    const replaced = { maskedSecret: 'al-****odu2', isLastHere: true };
    expect(await sink.preflight(REFERENCE, 'prove', replaced)).toMatchObject({ ok: true });
    chmodSync(store.home.at('store/atlas/voyage.dev.gpg'), 0o400);
    expect(await sink.lookUp(REFERENCE)).toMatchObject({ held: 'value' });
    expect(await sink.preflight(REFERENCE, 'prove', replaced)).toMatchObject({
      failure: { code: 'SINK_NOT_READY', message: containing('written') },
    });
  });

  test.each(['Ada <ada@example.org># whose key\n', '\n#\nada@example.org\n'])(
    'the .gpg-id of the folder nearest to the entry counts: %j',
    async (text) => {
      const { home, sink } = open();
      writeFileSync(home.at('store/.gpg-id'), 'nobody@example.org');
      mkdirSync(home.at('store/atlas/a/b'), { recursive: true });
      writeFileSync(home.at('store/atlas/.gpg-id'), text);
      const preflight = await sink.preflight({ ...REFERENCE, entry: 'new' }, 'prove');
      if (!preflight.ok) return expect.fail(preflight.failure.message);
      expect(await preflight.value.write.deliver(SECRET)).toMatchObject({ outcome: 'written' });
      expect(await preflight.value.write.verify(SECRET)).toMatchObject({ outcome: 'verified' });
    },
  );

  test('where PASSWORD_STORE_KEY names the key, no .gpg-id is wanted', async () => {
    const { home } = open();
    rmSync(home.at('store/.gpg-id'));
    home.env.PASSWORD_STORE_KEY = 'ada@example.org';
    const sink = sinkOf({ type: 'preset', uri: 'pass:atlas/{entry}', passEnv: ['PASSWORD_STORE_KEY'] }, home);
    const preflight = await sink.preflight(REFERENCE, 'prove');
    if (!preflight.ok) return expect.fail(preflight.failure.message);
    expect(await preflight.value.write.deliver(SECRET)).toMatchObject({ outcome: 'written' });
    expect(await preflight.value.write.verify(SECRET)).toMatchObject({ outcome: 'verified' });
  });

  test('a folder of that name is no entry, and what is in it stays', async () => {
    const { home, sink } = open();
    done(home, 'pass', ['insert', '-m', '-f', 'atlas/voyage.dev/inner'], 'of another');
    const preflight = await sink.preflight(REFERENCE, 'prove');
    if (!preflight.ok) return expect.fail(preflight.failure.message);
    const { write } = preflight.value;
    expect(await write.deliver(SECRET)).toMatchObject({ outcome: 'written' });
    expect(await write.verify(SECRET)).toMatchObject({ outcome: 'verified', verification: 'read-back' });
    expect(await write.retract()).toBe('out');
    expect(existsSync(home.at('store/atlas/voyage.dev.gpg'))).toBe(false);
    expect(done(home, 'pass', ['show', 'atlas/voyage.dev/inner'])).toBe('of another');
  });

  test('an entry that cannot be decrypted is neither free nor the old secret, and stays', async () => {
    const store = open();
    const file = store.home.at('store/atlas/voyage.dev.gpg');
    mkdirSync(store.home.at('store/atlas'));
    for (const bytes of ['', 'not of gpg']) {
      writeFileSync(file, bytes);
      expect(await problemIn(store)).toMatchObject({ code: 'SINK_NOT_READY' });
      const replaced = { maskedSecret: undefined, isLastHere: true };
      expect(await store.sink.preflight(REFERENCE, 'prove', replaced)).toMatchObject({
        failure: { code: 'SINK_NOT_READY' },
      });
      expect(await store.sink.lookUp(REFERENCE)).toEqual({ held: 'unknown' });
      expect(readFileSync(file, 'utf8')).toBe(bytes);
    }
  });
});
