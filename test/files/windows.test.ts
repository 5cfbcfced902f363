// Directories on Windows are closed to other users, and what could not be closed is told. Windows is not to be had here:
// only process.platform says so, and small programs stand for its icacls and whoami. They save access lists as those do,
// as far as that is documented; the real icacls has not been seen.

import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { ok } from '../../src/failure.ts';
import { stateChecks } from '../../src/doctor/places.ts';
import { walk } from '../../src/files/path-walk.ts';
import { configureMachine } from '../../src/files/machine.ts';
import { accessWarnings, leftOpenWarnings, withMadeDirectory } from '../../src/files/safe-directory.ts';
import { openJournal } from '../../src/keys/journal/journal.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { load } from '../config/fixture.ts';
import { pretendPlatform } from '../pretend-platform.ts';
import { benchFor } from '../keys/bench.ts';
import { ADDRESS, SECRET, dotenvSinkAt, fileSinkAt, problemOf, scratch, targetOf } from '../sinks/file-fixture.ts';
import { scriptFolder, type ScriptFolder } from '../sinks/script-folder.ts';

const ME = 'S-1-5-21-1111-2222-3333-1001';
const OPEN = 'D:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIID;0x1200a9;;;BU)';
const CLOSED = `D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;${ME})`;
const PLAN = { groupId: ADDRESS.groupId, name: 'a key', nonce: '0123456789ab', sink: 'file' };
const system = (name: string) => String.raw`C:\Windows\System32` + `\\${name}`;

let tools: ScriptFolder;
let folder: string;

/** `$F/calls` has what was asked of it. A directory has the list that is in it or above it, or else an open one. */
const ICACLS = `
printf '%s\\n' "$*" >> "$F/calls"
test ! -e "$F/broken" || exit 5
case "$2" in
  /inheritance:r) printf %s '${CLOSED}' > "$1/acl.txt" ;;
  /save) list='${OPEN}'
    for each in "$1/.." "$1"; do test ! -e "$each/acl.txt" || list=$(cat "$each/acl.txt"); done
    printf '%s\\r\\n%s\\r\\n' "\${1##*/}" "$list" | iconv -t UTF-16LE > "$3" ;;
esac`;

beforeEach(() => {
  tools = scriptFolder();
  folder = scratch();
  tools.sh(system('icacls.exe'), ICACLS);
  tools.sh(system('whoami.exe'), `test -e "$F/nobody" || printf '"pc\\\\me","${ME}"\\r\\n'`);
  configureMachine({ trustPaths: [], environment: { ...environment(), PATH: `${tools.path}:/usr/bin:/bin` } });
  onTestFinished(() => {
    configureMachine({ trustPaths: [], environment: {} });
    vi.unstubAllEnvs();
    tools.remove();
  });
  vi.stubEnv('HOME', '/nonexistent');
  pretendPlatform('win32');
});

const environment = () => ({ MONGODB_ATLAS_CLIENT_SECRET: 'none of their business' });
const calls = () => (tools.has('calls') ? tools.read('calls').split('\n').filter(Boolean) : []);
const changes = () => calls().filter((call) => call.includes('/inheritance:r'));
const openAt = (path: string) =>
  `Other users of this machine may be able to read what is in ${path}: its access is not seen to be limited to this user. See icacls.`;
const make = (path: string) => withMadeDirectory(path, () => ok(undefined));
const warningsAt = async (path: string, isOwn?: boolean) => {
  const way = walk(path);
  return way.ok ? accessWarnings(way.value, isOwn) : expect.fail(way.failure.message);
};

test('nobody is told to be this user where whoami does not say it', async () => {
  writeFileSync(tools.at('nobody'), '');
  await make(join(folder, 'made'));
  expect(changes()).toEqual([]);
  expect(leftOpenWarnings()).toContain(openAt(join(folder, 'made')));
});

test('a directory that is made is closed once, before anything is in it, and so is all that is made in it', async () => {
  const path = join(folder, 'made');
  await make(join(path, 'inner', 'innermost'));
  expect(changes()).toEqual([`${path} /inheritance:r /grant:r *${ME}:(OI)(CI)F *S-1-5-18:(OI)(CI)F /q`]);
  expect(readdirSync(path).sort()).toEqual(['acl.txt', 'inner']);
  await make(join(path, 'inner', 'innermost'));
  expect(changes()).toHaveLength(1);
  expect(leftOpenWarnings()).not.toContain(openAt(path));
  expect(await warningsAt(path, true)).toEqual([]);
});

test('the programs of Windows get none of the credentials', async () => {
  tools.sh(system('icacls.exe'), 'env > "$F/seen"');
  await make(join(folder, 'made'));
  expect(tools.read('seen')).toContain('PATH=');
  expect(tools.read('seen')).not.toContain('MONGODB');
});

describe('where icacls fails', () => {
  const kinds: [string, (path: string) => Sink][] = [
    ['file', fileSinkAt],
    ['dotenv', (path) => dotenvSinkAt(path)],
  ];
  test.each(kinds)('the dry run and the delivery of a sink of kind %s say so alike', async (_kind, sinkAt) => {
    writeFileSync(tools.at('broken'), '');
    const sink = sinkAt(join(folder, 'made', 'k'));
    const expected = [openAt(join(folder, 'made'))];
    expect(await sink.preflight(ADDRESS, 'inspect')).toMatchObject({ ok: true, value: { warnings: expected } });
    expect(existsSync(join(folder, 'made'))).toBe(false);
    const target = await targetOf(sink);
    expect(await target.deliver(SECRET)).toEqual({ outcome: 'written', warnings: expected });
  });

  test('the result of a create names the directory of the journal', async () => {
    const bench = await benchFor();
    writeFileSync(tools.at('broken'), '');
    const outcome = await bench.create('a key');
    expect(outcome).toMatchObject({ outcome: 'delivered' });
    const state = leftOpenWarnings().filter((each) => each.includes('state'));
    expect(state).toHaveLength(1);
    expect(outcome).toMatchObject({ warnings: expect.arrayContaining(state) as unknown });
  });

  test('the doctor says so, before and after the directory is made', async () => {
    writeFileSync(tools.at('broken'), '');
    const path = join(folder, 'state');
    const config = { ...(await configured()), stateDir: path };
    const told = {
      check: 'state directory',
      status: 'warning',
      finding: expect.stringContaining(openAt(path)) as unknown,
    };
    expect((await stateChecks(config))[0]).toMatchObject(told);
    expect(existsSync(path)).toBe(false);
    mkdirSync(path, { mode: 0o700 });
    expect((await stateChecks(config))[0]).toMatchObject(told);
  });
});

describe('without owners and modes', () => {
  beforeEach(() => {
    // As on Windows, where Node has no such function.
    const { geteuid } = process;
    Object.defineProperty(process, 'geteuid', { value: undefined });
    onTestFinished(() => void Object.defineProperty(process, 'geteuid', { value: geteuid }));
  });

  test('the doctor does not say that only this user can change the state directory', async () => {
    const path = join(folder, 'state');
    await make(path);
    const [check] = await stateChecks({ ...(await configured()), stateDir: path });
    expect(check).toMatchObject({ status: 'ok', finding: `${path}: can be used` });
  });

  test('nobody is asked for a mode', async () => {
    writeFileSync(join(folder, 'file'), '');
    const [check] = await stateChecks({ ...(await configured()), stateDir: join(folder, 'file') });
    expect(check).toMatchObject({ status: 'failed', advice: expect.not.stringContaining('mode') as unknown });
    const opened = await openJournal(join(folder, 'file')).open(PLAN, { since: 0, maxPerHour: 1, isOnePlace: true });
    expect(opened).toMatchObject({
      failure: { code: 'CONFIG_INVALID', hint: expect.not.stringContaining('mode') as unknown },
    });
    expect(await openJournal(join(folder, 'file')).read()).toMatchObject({
      failure: { code: 'CONFIG_INVALID', hint: expect.not.stringContaining('mode') as unknown },
    });
  });

  test('a read-only file is made writable as Windows does it', async () => {
    writeFileSync(join(folder, '.env'), 'A=1\n', { mode: 0o400 });
    expect(await problemOf(dotenvSinkAt(join(folder, '.env')))).toMatchObject({
      hint: expect.stringContaining(`attrib -r "${join(folder, '.env')}"`) as unknown,
    });
  });
});

describe('a directory that was there', () => {
  test('is looked at outside the user’s profile, each time', async () => {
    expect(await warningsAt(folder)).toEqual([openAt(folder)]);
    expect(await fileSinkAt(join(folder, 'k')).preflight(ADDRESS, 'inspect')).toMatchObject({
      value: { warnings: [openAt(folder)] },
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  test('and in it only where this program keeps its own files there', async () => {
    vi.stubEnv('HOME', folder);
    expect(await warningsAt(folder)).toEqual([]);
    expect(calls()).toEqual([]);
    expect(await warningsAt(folder, true)).toEqual([openAt(folder)]);
  });

  test.each([
    [CLOSED, true],
    [`D:P(A;OICI;FA;;;${ME})`, true],
    [`D:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIID;FA;;;${ME})`, true],
    [`D:PAI(D;OICI;FA;;;BU)(A;OICI;FA;;;${ME})`, true],
    [OPEN, false],
    ['D:PAI(A;OICI;FA;;;WD)', false],
    ['D:PAI(A;OICI;FA;;;LA)', false],
    [`D:PAI(A;OICI;FA;;;${ME}0)`, false],
    [`D:PAI(A;OICI;FA;;;${ME})(XA;OICI;FX;;;WD;(@User.Title=="PM"))`, false],
    ['D:PAI', false],
    ['D:NO_ACCESS_CONTROL', false],
    ['', false],
  ])('with the access list %s is closed: %s', async (list, isClosed) => {
    writeFileSync(join(folder, 'acl.txt'), list);
    expect(await warningsAt(folder)).toEqual(isClosed ? [] : [openAt(folder)]);
  });
});

test('elsewhere nothing is run', async () => {
  pretendPlatform('linux');
  await make(join(folder, 'made'));
  expect(await warningsAt(folder, true)).toEqual([]);
  expect(calls()).toEqual([]);
});

/** Loaded as on this system, whose paths it has. */
async function configured() {
  pretendPlatform('linux');
  const config = await load(['--sandbox']);
  pretendPlatform('win32');
  return config;
}
