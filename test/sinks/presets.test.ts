// The presets against the real programs, each with a store of its own: the contract of sinks, and what each program is like. It
// needs the Debian packages pass, gnupg, age, libsecret-tools, gnome-keyring, dbus, keepassxc and systemd.

import { cpSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { Secret } from '../../src/secret/secret.ts';
import { describeContract, type Store } from './contract.ts';
import { done, makePassStore, missingOf, realHome, sinkOf, startKeyring, type RealHome } from './real-programs.ts';

const REFERENCE = { groupId: '0123456789abcdef01234567', entry: 'voyage.dev' };

/** As {@link Store}, with the person's own way to it. */
interface Scene {
  readonly uri: string;
  readonly store: Omit<Store, 'sink' | 'reference' | 'close'>;
}

function storeIn(home: RealHome, { uri, store }: Scene): Store {
  return { sink: sinkOf(uri, home), reference: REFERENCE, ...store, close: () => home.close() };
}

function reasonOf(programs: readonly string[]): string | undefined {
  const missing = missingOf(programs);
  return missing.length > 0 ? `not installed: ${missing.join(', ')}` : undefined;
}

const PASS = ['pass', 'gpg', 'gpgconf'];
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
function passScene(home: RealHome): Scene {
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
    uri: 'pass:atlas/{entry}',
    store: {
      held,
      put,
      lock,
      forbidWrites: () => {
        rmSync(home.at('store/.gpg-id'));
      },
      takeAway: () => {
        rmSync(home.at('store'), { recursive: true });
      },
    },
  };
}

describeContract({
  name: 'pass:',
  skipped: reasonOf(PASS),
  verification: 'read-back',
  isRetracting: true,
  timeoutMs: 120_000,
  open() {
    const home = copiedStore();
    return storeIn(home, passScene(home));
  },
});

const AGE = ['age', 'age-keygen'];

describeContract({
  name: 'age:',
  skipped: reasonOf(AGE),
  verification: 'read-back',
  isRetracting: true,
  open() {
    const home = realHome();
    const [identity, file] = [home.at('identity'), home.at('kept/voyage.dev.age')];
    done(home, 'age-keygen', ['-o', identity]);
    const recipient = done(home, 'age-keygen', ['-y', identity]);
    done(home, 'mkdir', [home.at('kept')]);
    return storeIn(home, {
      uri: `age:${home.at('kept')}/{entry}.age?recipient=${recipient}&identity=${identity}`,
      store: {
        held: () => (existsSync(file) ? done(home, 'age', ['-d', '-i', identity, file]) : undefined),
        put: (value) => {
          done(home, 'age', ['-r', recipient, '-o', file], value);
        },
        lock: () => {
          renameSync(identity, `${identity}.away`);
        },
        unlock: () => {
          renameSync(`${identity}.away`, identity);
        },
        takeAway: () => {
          rmSync(home.at('kept'), { recursive: true });
        },
      },
    });
  },
});

describeContract({
  name: 'age: without an identity',
  skipped: reasonOf(AGE),
  verification: 'metadata',
  isRetracting: false,
  open() {
    const home = realHome();
    const [identity, file] = [home.at('identity'), home.at('voyage.dev.age')];
    done(home, 'age-keygen', ['-o', identity]);
    const recipient = done(home, 'age-keygen', ['-y', identity]);
    return storeIn(home, {
      uri: `age:${home.at('{entry}')}.age?recipient=${recipient}`,
      store: {
        held: () => (existsSync(file) ? done(home, 'age', ['-d', '-i', identity, file]) : undefined),
        put: (value) => {
          done(home, 'age', ['-r', recipient, '-o', file], value);
        },
      },
    });
  },
});

describeContract({
  name: 'keychain:',
  skipped: reasonOf(['secret-tool', 'gnome-keyring-daemon', 'dbus-daemon', 'dbus-send']),
  verification: 'read-back',
  isRetracting: true,
  timeoutMs: 120_000,
  async open() {
    const home = realHome();
    await startKeyring(home);
    const attributes = ['service', 'voyage', 'account', 'voyage.dev'];
    return storeIn(home, {
      uri: 'keychain:voyage/{entry}',
      store: {
        held: () => {
          const { status, stdout } = home.run('secret-tool', ['lookup', ...attributes]);
          return status === 0 ? stdout : undefined;
        },
        put: (value) => {
          done(home, 'secret-tool', ['store', '--label=x', ...attributes], value);
        },
        // It locks, and then crashes.
        lock: () => {
          home.run('secret-tool', ['lock']);
        },
        async unlock() {
          await home.endDaemons();
          await startKeyring(home);
        },
        takeAway: home.endDaemons,
      },
    });
  },
});

describeContract({
  name: 'keepassxc:',
  skipped: reasonOf(['keepassxc-cli']),
  verification: 'read-back',
  isRetracting: false,
  timeoutMs: 120_000,
  open() {
    const home = realHome();
    const [key, database] = [home.at('key'), home.at('db.kdbx')];
    done(home, 'keepassxc-cli', ['db-create', '-q', '-k', key, database]);
    const cli = (verb: string, ...rest: string[]) => [verb, '-q', '--no-password', '-k', key, ...rest];
    done(home, 'keepassxc-cli', cli('mkdir', database, 'atlas'));
    const entry = 'atlas/voyage.dev';
    const held = () => {
      const { status, stdout } = home.run('keepassxc-cli', cli('show', '-s', '-a', 'Password', database, entry));
      return status === 0 ? stdout.trim() : undefined;
    };
    return storeIn(home, {
      uri: `keepassxc:${database}?key=${key}#atlas/{entry}`,
      store: {
        held,
        put: (value) => {
          done(home, 'keepassxc-cli', cli(held() === undefined ? 'add' : 'edit', '-p', database, entry), value);
        },
        lock: () => {
          renameSync(key, `${key}.away`);
        },
        unlock: () => {
          renameSync(`${key}.away`, key);
        },
        takeAway: () => {
          rmSync(database);
        },
      },
    });
  },
});

/** Only root may use the key of the host. */
const isRoot = process.getuid?.() === 0;

describe.runIf(isRoot)('as root', () => {
  describeContract({
    name: 'systemd-creds:',
    skipped: reasonOf(['systemd-creds']),
    verification: 'read-back',
    isRetracting: true,
    open() {
      const home = realHome();
      const file = home.at('kept/voyage.dev.cred');
      done(home, 'mkdir', [home.at('kept')]);
      const named = ['--name=voyage.dev.cred'];
      return storeIn(home, {
        uri: `systemd-creds:${home.at('kept')}/{entry}.cred`,
        store: {
          held: () => (existsSync(file) ? done(home, 'systemd-creds', ['decrypt', ...named, file, '-']) : undefined),
          put: (value) => {
            done(home, 'systemd-creds', ['encrypt', '--with-key=host', ...named, '-', file], value);
          },
          // As of another host.
          lock: () => {
            renameSync(file, `${file}.own`);
            writeFileSync(file, readFileSync(`${file}.own`, 'utf8').replace(/[A-Z]/, 'x'));
          },
          unlock: () => {
            renameSync(`${file}.own`, file);
          },
          takeAway: () => {
            rmSync(home.at('kept'), { recursive: true });
          },
        },
      });
    },
  });
});

test.skipIf(missingOf(PASS).length > 0 && process.env.CI === undefined)(
  'pass with a locked agent: the entry of a live key stays, and a free one is still free',
  async () => {
    const home = copiedStore();
    onTestFinished(() => home.close());
    const { uri, store } = passScene(home);
    const sink = sinkOf(uri, home);
    await store.put('al-live-canary-0123456789-0123456789');
    await store.lock?.();
    const taken = await sink.preflight(REFERENCE, 'prove');
    expect(taken).toMatchObject({ failure: { code: 'SINK_NOT_READY' } });
    expect(JSON.stringify(taken)).not.toMatch(/canary|absent/);
    const free = await sink.preflight({ ...REFERENCE, entry: 'other' }, 'prove');
    if (!free.ok) return expect.fail(free.failure.message);
    const secret = new Secret('al-canary-of-a-new-key-0123456789');
    expect(await free.value.write.deliver(secret)).toMatchObject({ outcome: 'written' });
    // It cannot be read back: nobody may say that it is there, or that it is not.
    expect(await free.value.write.verify(secret)).toMatchObject({ outcome: 'unreadable' });
    expect(await free.value.write.retract()).toBe('unknown');
    expect(existsSync(join(home.path, 'store/atlas/other.gpg'))).toBe(true);
    expect(await store.held()).toBe('al-live-canary-0123456789-0123456789');
  },
);
