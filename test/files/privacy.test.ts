// macOS's Privacy & Security, simulated: the platform is pretended, and the functions of `fs` stand for a system that
// refuses a folder, or holds the call that opens it. This proves what this program makes of that, not what macOS does.

import fs, { mkdirSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import fsPromises from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { secretSource } from '../../src/atlas/auth/secret-source.ts';
import { ok } from '../../src/failure.ts';
import { parseCommandLine } from '../../src/config/command-line.ts';
import { loadConfig, type Config } from '../../src/config/config.ts';
import type { SinkSpec } from '../../src/config/sink-spec.ts';
import { sinkChecks, stateChecks, temporaryFilesCheck } from '../../src/doctor/places.ts';
import { attempt } from '../../src/files/file-problem.ts';
import { askFirst } from '../../src/files/machine.ts';
import { appendAudit } from '../../src/keys/journal/audit.ts';
import { openJournal } from '../../src/keys/journal/journal.ts';
import { fingerprintOfBytes } from '../../src/secret/opened-secret.ts';
import { openSinks } from '../../src/sinks/kinds.ts';
import { pretendPlatform } from '../pretend-platform.ts';
import { ADDRESS, notReady, scratch } from '../sinks/file-fixture.ts';

type Answer = 'yes' | 'no';

const NONCE = '0123456789ab';
const FINGERPRINT = fingerprintOfBytes(Buffer.from('x'));

let home: string;

beforeEach(() => {
  home = scratch();
  const before = process.env.HOME;
  process.env.HOME = home;
  onTestFinished(() => {
    if (before === undefined) delete process.env.HOME;
    else process.env.HOME = before;
  });
  writeFileSync(join(home, 'config.json'), '{}', { mode: 0o600 });
  pretendPlatform('darwin');
});

/**
 * Guards a folder as macOS does, until the test ends. The answer comes a moment after the folder was opened
 * asynchronously; what was asked synchronously before that is kept.
 */
function guard(folder: string, answer: Answer): string[] {
  const early: string[] = [];
  let isAnswered = false;
  const isInside = (path: unknown): path is string =>
    typeof path === 'string' && (path === folder || path.startsWith(`${folder}/`));
  const refusal = (path: string) => Object.assign(new Error('EPERM'), { code: 'EPERM', path });
  const { opendir } = fs;
  const restored = [() => void Reflect.set(fs, 'opendir', opendir)];
  Reflect.set(fs, 'opendir', (path: string, done: (error: Error | null, directory?: fs.Dir) => void) => {
    if (!isInside(path)) {
      opendir(path, done);
      return;
    }
    setTimeout(() => {
      isAnswered = true;
      if (answer === 'no') done(refusal(path));
      else opendir(path, done);
    }, 5);
  });
  const guarded = (name: string, real: object) =>
    new Proxy(real, {
      apply(called, self: unknown, args: unknown[]): unknown {
        const path = args.find(isInside);
        if (path !== undefined && !isAnswered) early.push(`${name} ${path}`);
        if (path !== undefined && answer === 'no') throw refusal(path);
        return typeof called === 'function' ? Reflect.apply(called, self, args) : undefined;
      },
      // realpathSync.native
      get: (called, member): unknown => {
        const value: unknown = Reflect.get(called, member);
        return member === 'native' && typeof value === 'function' ? guarded(name, value) : value;
      },
    });
  for (const [name, real] of Object.entries(fs)) {
    if (!name.endsWith('Sync') || typeof real !== 'function') continue;
    Reflect.set(fs, name, guarded(name, real));
    restored.push(() => void Reflect.set(fs, name, real));
  }
  syncBuiltinESMExports();
  onTestFinished(() => {
    for (const restore of restored) restore();
    syncBuiltinESMExports();
  });
  return early;
}

const REMEDY = /Privacy & Security, allow that app this folder \(Files and Folders, or Full Disk Access\)/;
const GUARDED = [
  'Documents',
  'Desktop',
  'Downloads',
  'Library/CloudStorage/Dropbox',
  'Library/Mobile Documents/com~apple~CloudDocs',
];

function folderAt(name: string): string {
  const folder = join(home, name);
  mkdirSync(join(folder, 'app'), { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, 'config.json'), '{}', { mode: 0o600 });
  return folder;
}

const sinksAt = (folder: string): Map<string, SinkSpec> =>
  new Map<string, SinkSpec>([
    ['file', { type: 'file', path: join(folder, 'app/key') }],
    ['dotenv', { type: 'dotenv', path: join(folder, 'app/.env'), variable: 'KEY' }],
    ['command', { type: 'command', argv: [join(folder, 'app/put')], env: {}, timeoutMs: 1000 }],
  ]);

/** A configuration in one folder, whose sinks and state are in another. */
function configIn(folder: string, places: string) {
  return loadConfig(parseCommandLine(['--config', join(folder, 'config.json')]), {
    ATLAS_MODEL_KEYS_STATE_DIR: join(places, 'app/state'),
    ATLAS_MODEL_KEYS_SINKS: JSON.stringify(Object.fromEntries(sinksAt(places))),
  });
}

describe.each(GUARDED)('~/%s', (name) => {
  test('that macOS refuses: dry run, proof, doctor and start name Privacy & Security', async () => {
    const folder = folderAt(name);
    const config = await configIn(home, folder);
    const early = guard(folder, 'no');
    for (const sink of openSinks(sinksAt(folder), {}).values()) {
      for (const mode of ['inspect', 'prove'] as const) {
        expect(await sink.preflight(ADDRESS, mode)).toEqual({
          ok: false,
          failure: notReady(/: macOS does not let the app that started this server into \/.*\.$/, REMEDY),
        });
      }
    }
    for (const check of [...(await sinkChecks(config)), ...(await stateChecks(config))])
      expect(check).toMatchObject({ status: 'failed', advice: expect.stringMatching(REMEDY) as unknown });
    await expect(loadConfig(parseCommandLine(['--config', join(folder, 'config.json')]), {})).rejects.toThrow(
      /config\.json: cannot be read; macOS does not let .*Privacy & Security/,
    );
    expect(early).toEqual([]);
  });

  test.each<[string, (folder: string, config: Config) => unknown]>([
    ...['file', 'dotenv', 'command'].flatMap((kind): [string, (folder: string) => unknown][] => {
      const sinkAt = (folder: string) =>
        openSinks(sinksAt(folder), { PATH: process.env.PATH ?? '' }).get(kind) ?? expect.fail();
      return [
        [`preflight of a ${kind} sink`, (folder) => sinkAt(folder).preflight(ADDRESS, 'inspect')],
        [`lookUp of a ${kind} sink`, (folder) => sinkAt(folder).lookUp(ADDRESS)],
        [`withdraw of a ${kind} sink`, (folder) => sinkAt(folder).withdraw?.(ADDRESS, FINGERPRINT)],
        [`leftovers of a ${kind} sink`, (folder) => sinkAt(folder).leftovers?.(ADDRESS, NONCE)],
        [`removeLeftovers of a ${kind} sink`, (folder) => sinkAt(folder).removeLeftovers?.(ADDRESS, NONCE)],
      ];
    }),
    ['the sinks of doctor', (_folder, config) => sinkChecks(config)],
    ['the state of doctor', (_folder, config) => stateChecks(config)],
    ['the temporary files of doctor', (_folder, config) => temporaryFilesCheck(config)],
    ['the journal', (_folder, { stateDir }) => openJournal(stateDir).read()],
    ['a claim of the journal', (_folder, { stateDir }) => openJournal(stateDir).claim(NONCE)],
    ['the audit log', (_folder, { stateDir }) => appendAudit(stateDir, {})],
    ['the configuration', (folder) => configIn(folder, home)],
  ])('is opened asynchronously before any synchronous call: %s', async (_what, first) => {
    const folder = folderAt(name);
    const config = await configIn(home, folder);
    const early = guard(folder, 'yes');
    await first(folder, config);
    expect(early).toEqual([]);
  });
});

describe('the question', () => {
  const touched: string[] = [];
  const touching = (answer: Promise<void>) => (directory: string) => {
    touched.push(directory);
    return answer;
  };
  beforeEach(() => void touched.splice(0));

  test('is asked once for a folder, however it is spelled, and again where it was refused', async () => {
    const refused = Object.assign(new Error('EPERM'), { code: 'EPERM', path: join(home, 'Documents') });
    await expect(askFirst(join(home, 'Documents/a'), touching(Promise.reject(refused)))).rejects.toBe(refused);
    for (const path of ['Documents/a', 'Documents/b/c', 'Documents'])
      await askFirst(join(home, path), touching(Promise.resolve()));
    await askFirst(join(home, 'documents/a'), touching(Promise.resolve()));
    expect(touched).toEqual(['Documents', 'Documents', 'documents'].map((name) => join(home, name)));
  });

  test('that nobody answers is waited for a while, and not asked again meanwhile', async () => {
    const path = join(home, 'Documents/.env');
    const touch = touching(new Promise(() => undefined));
    const held = () =>
      attempt('It cannot be used', async () => {
        await askFirst(path, touch, 10);
        return ok(undefined);
      });
    for (let tries = 0; tries < 2; tries += 1) {
      expect(await held()).toMatchObject({
        failure: {
          reason: 'no permission',
          message: `It cannot be used: macOS has not let the app that started this server into ${home}/Documents yet.`,
          remedy: expect.stringMatching(/^Answer its question, if it asks\. In System Settings, Privacy/) as unknown,
        },
      });
    }
    expect(touched).toEqual([join(home, 'Documents')]);
  });

  test('is about nothing else: other folders, other errors, other systems', async () => {
    const touch = touching(Promise.resolve());
    for (const path of ['.config/x', 'Documents2/x', 'Library/CloudStorage', 'Library/Application Support/x'])
      await askFirst(join(home, path), touch);
    pretendPlatform('linux');
    await askFirst(join(home, 'Documents/x'), touch);
    expect(touched).toEqual([]);
    pretendPlatform('darwin');
    const gone = Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
    await askFirst(join(home, 'Desktop/x'), touching(Promise.reject(gone)));
    const elsewhere = Object.assign(new Error('EPERM'), { code: 'EPERM', path: join(home, 'app/.env') });
    expect(await attempt('x', () => Promise.reject(elsewhere))).toMatchObject({
      failure: { remedy: 'Give the user who runs this server permission to write there.' },
    });
  });
});

test('a file of a secret in such a folder is told with what to allow', async () => {
  const path = join(folderAt('Documents'), 'client-secret');
  writeFileSync(path, 'x'.repeat(40), { mode: 0o600 });
  const { open } = fsPromises;
  Reflect.set(fsPromises, 'open', () => Promise.reject(Object.assign(new Error('EPERM'), { code: 'EPERM', path })));
  syncBuiltinESMExports();
  onTestFinished(() => {
    Reflect.set(fsPromises, 'open', open);
    syncBuiltinESMExports();
  });
  const answer = await secretSource({ setting: 'A_FILE', file: path }, 'A_FILE').get(undefined);
  expect(answer).toMatchObject({
    failure: { message: expect.stringMatching(REMEDY) as unknown },
  });
});
