// The presets against the real programs, each with a store of its own: the contract of sinks (of pass in pass.test.ts). It
// needs the Debian packages age, libsecret-tools, gnome-keyring, dbus, keepassxc and systemd.

import { existsSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Secret } from '../../src/secret/secret.ts';
import { containing } from '../matching.ts';
import { describeContract, type Store } from './contract.ts';
import { done, realHome, reasonOf, sinkOf, startKeyring, type RealHome } from './real-programs.ts';

const REFERENCE = { groupId: '0123456789abcdef01234567', entry: 'voyage.dev' };

/** As {@link Store}, with the person's own way to it. */
interface Scene {
  readonly uri: string;
  readonly store: Omit<Store, 'sink' | 'reference' | 'close'>;
}

function storeIn(home: RealHome, { uri, store }: Scene): Store {
  return { sink: sinkOf(uri, home), reference: REFERENCE, ...store, close: () => home.close() };
}

const AGE = ['age', 'age-keygen'];

test.skipIf(reasonOf(AGE) !== undefined && process.env.CI === undefined)(
  'age: a symbolic link that leads nowhere is not nothing, and is not written through',
  async () => {
    const home = realHome();
    onTestFinished(() => home.close());
    done(home, 'age-keygen', ['-o', home.at('identity')]);
    const recipient = done(home, 'age-keygen', ['-y', home.at('identity')]);
    symlinkSync(home.at('elsewhere'), home.at('voyage.dev.age'));
    for (const end of ['', `&identity=${home.at('identity')}`]) {
      const sink = sinkOf(`age:${home.at('{entry}')}.age?recipient=${recipient}${end}`, home);
      const preflight = await sink.preflight(REFERENCE, 'prove');
      if (preflight.ok) await preflight.value.write.deliver(new Secret('al-canary-of-a-new-key-0123456789'));
      expect(existsSync(home.at('elsewhere'))).toBe(false);
      expect(preflight).toMatchObject({ ok: false });
      expect(await sink.lookUp(REFERENCE)).not.toEqual({ held: 'nothing' });
    }
  },
);

/** As `age`, `keepassxc-cli` and `systemd-creds` find out before a key is made; a folder that is not there is `gone`. */
const UNREADY: readonly (readonly [string, string, RegExp])[] = [
  ['a folder that is not there', 'age:HOME/gone/x.age?recipient=OWN', /no folder/],
  ['a folder that is a file', 'age:HOME/identity/x.age?recipient=OWN&identity=HOME/identity', /no folder/],
  ['no recipient', 'age:HOME/x.age?recipient=age1nobody', /cannot encrypt/],
  ['a recipient of somebody else', 'age:HOME/x.age?recipient=OTHER&identity=HOME/identity', /cannot decrypt/],
  ['an identity that is not there', 'age:HOME/x.age?recipient=OWN&identity=HOME/gone', /cannot decrypt/],
  ['a folder that is not there', 'systemd-creds:HOME/gone/x.cred', /no folder/],
  ['a database that is not there', 'keepassxc:HOME/gone.kdbx?key=HOME/key#x', /cannot open/],
  ['a group that is not there', 'keepassxc:HOME/db.kdbx?key=HOME/key#team/x', /no such group/],
];

const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  age: AGE,
  keepassxc: ['keepassxc-cli'],
  'systemd-creds': ['systemd-creds'],
};

for (const [what, uri, message] of UNREADY) {
  const preset = uri.replace(/:.*/, '');
  const isForRoot = preset === 'systemd-creds' && process.getuid?.() !== 0;
  const reason = isForRoot ? 'for root only' : reasonOf(PROGRAMS[preset] ?? []);
  test.skipIf(reason !== undefined && (process.env.CI === undefined || isForRoot))(
    `a place is refused beforehand: ${what} (${uri})${reason === undefined ? '' : ` (${reason})`}`,
    async () => {
      const home = realHome();
      onTestFinished(() => home.close());
      const { OWN, OTHER } = preset === 'age' ? recipientsIn(home) : { OWN: '', OTHER: '' };
      if (preset === 'keepassxc') {
        done(home, 'keepassxc-cli', ['db-create', '-q', '-k', home.at('key'), home.at('db.kdbx')]);
      }
      const named = uri.replaceAll('HOME', home.path).replace('OWN', OWN).replace('OTHER', OTHER);
      expect(await sinkOf(named, home).preflight(REFERENCE, 'prove')).toMatchObject({
        ok: false,
        failure: { code: 'SINK_NOT_READY', message: expect.stringMatching(message) as unknown },
      });
    },
  );
}

test.skipIf(reasonOf(AGE) !== undefined && process.env.CI === undefined)(
  'age: a secret is not replaced by what its identity could not decrypt',
  async () => {
    const home = realHome();
    onTestFinished(() => home.close());
    const { OWN, OTHER } = recipientsIn(home);
    const file = home.at('voyage.dev.age');
    const old = 'al-canary-of-an-old-key-01234567odu2';
    done(home, 'age', ['-r', OWN, '-o', file], old);
    const sink = sinkOf(`age:${home.at('{entry}')}.age?recipient=${OTHER}&identity=${home.at('identity')}`, home);
    const replaced = { maskedSecret: 'al-****odu2' };
    expect(await sink.preflight(REFERENCE, 'prove', replaced)).toMatchObject({
      ok: false,
      failure: { code: 'SINK_NOT_READY' },
    });
    expect(done(home, 'age', ['-d', '-i', home.at('identity'), file])).toBe(old);
  },
);

function recipientsIn(home: RealHome) {
  const [OWN = '', OTHER = ''] = ['identity', 'other'].map((name) => {
    done(home, 'age-keygen', ['-o', home.at(name)]);
    return done(home, 'age-keygen', ['-y', home.at(name)]);
  });
  return { OWN, OTHER };
}

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

const KEYRING = ['secret-tool', 'gnome-keyring-daemon', 'dbus-daemon', 'dbus-send'];

test.skipIf(reasonOf(KEYRING) !== undefined && process.env.CI === undefined)(
  'keychain: a free entry of a keyring that is locked is not ready, and no key is made for it',
  async () => {
    const home = realHome();
    onTestFinished(() => home.close());
    await startKeyring(home);
    const sink = sinkOf('keychain:voyage/{entry}', home);
    expect(await sink.preflight(REFERENCE, 'prove')).toMatchObject({ ok: true });
    home.run('secret-tool', ['lock']);
    expect(await sink.preflight(REFERENCE, 'prove')).toMatchObject({
      failure: { code: 'SINK_NOT_READY', message: containing('locked'), hint: containing('Unlock') },
    });
  },
);

describeContract({
  name: 'keychain:',
  skipped: reasonOf(KEYRING),
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

test.skipIf(reasonOf(['keepassxc-cli']) !== undefined && process.env.CI === undefined)(
  'keepassxc: of two sinks that lead to one database, neither loses what the other adds at the same time',
  async () => {
    const home = realHome();
    onTestFinished(() => home.close());
    const [key, database] = [home.at('key'), home.at('db.kdbx')];
    done(home, 'keepassxc-cli', ['db-create', '-q', '-k', key, database]);
    const run = (verb: string, ...rest: string[]) =>
      done(home, 'keepassxc-cli', [verb, '-q', '--no-password', '-k', key, ...rest]);
    const groups = ['dev', 'prod'];
    for (const group of groups) run('mkdir', database, group);
    const given = groups.flatMap((group) => {
      const sink = sinkOf(`keepassxc:${database}?key=${key}#${group}/{entry}`, home);
      return ['a', 'b', 'c', 'd'].map((entry) => ({ group, sink, entry }));
    });
    const paths = given.map(async ({ group, sink, entry }) => {
      const preflight = await sink.preflight({ ...REFERENCE, entry }, 'prove');
      if (!preflight.ok) return expect.fail(preflight.failure.message);
      const secret = new Secret(`al-canary-of-${group}-${entry}-0123456789`);
      expect(await preflight.value.write.deliver(secret)).toMatchObject({ outcome: 'written' });
      return `${group}/${entry}`;
    });
    const delivered = await Promise.all(paths);
    expect(run('ls', '-R', '-f', database).split('\n')).toEqual(expect.arrayContaining(delivered));
  },
  60_000,
);

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
