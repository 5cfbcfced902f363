// Access control lists, with the system's own getfacl and setfacl: who could read a file still can once it was replaced,
// nobody else can, and what cannot be kept is said before.

import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, readFileSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Sink } from '../../src/sinks/sink.ts';
import { pretendPlatform } from '../pretend-platform.ts';
import {
  ADDRESS,
  OLD,
  READ_BACK,
  REPLACED,
  SECRET,
  STRANGER,
  VARIABLE,
  WRITTEN,
  dotenvSinkAt,
  environmentIn,
  fileSinkAt,
  fileWith,
  folderIn,
  isRoot,
  modeAt,
  notReady,
  problemOf,
  run,
  scratch,
  targetOf,
} from './file-fixture.ts';
import { scriptFolder, type ScriptFolder } from './script-folder.ts';

const missing = ['getfacl', 'setfacl'].filter((program) => !isInstalled(program));
const hasNone = missing.length > 0 && process.env.CI === undefined;
const reason = hasNone ? ` (not installed: ${missing.join(', ')})` : '';
const WEB = 33;
/** As getfacl prints it, where that one user may read beside the owner. */
const FOR_STRANGER = ['user::rw-', `user:${STRANGER}:r--`, 'group::---', 'mask::r--', 'other::---'];
const PRIVATE = ['user::rw-', 'group::---', 'other::---'];

let programs: ScriptFolder;
beforeEach(() => {
  programs = scriptFolder();
});
afterEach(() => {
  programs.remove();
});

function isInstalled(program: string): boolean {
  try {
    run(program, '--version');
    return true;
  } catch {
    return false;
  }
}

function entriesOf(path: string): string[] {
  const text = execFileSync('getfacl', ['-ancpE', '--', path], { encoding: 'utf8' });
  return text.split('\n').filter(Boolean);
}

/** Each sink at a file that holds the old secret, which gives way. */
const kinds: [string, (mode?: number) => string, (path: string, environment?: Record<string, string>) => Sink][] = [
  ['file', (mode) => fileWith(OLD, mode), (path, environment) => fileSinkAt(path, environment)],
  [
    'dotenv',
    (mode) => fileWith(`${VARIABLE}=${OLD}\n`, mode),
    (path, environment) => dotenvSinkAt(path, VARIABLE, environment),
  ],
];

/** What a dry run and a create say before, and the result of the create. */
async function deliveredTo(sink: Sink): Promise<{ told: readonly string[]; retract: () => Promise<unknown> }> {
  const said = [];
  for (const mode of ['inspect', 'prove'] as const) said.push(await sink.preflight(ADDRESS, mode, REPLACED));
  const target = await targetOf(sink, ADDRESS, REPLACED);
  const delivery = await target.deliver(SECRET);
  const told = delivery.outcome === 'written' ? delivery.warnings : expect.fail(delivery.message);
  const found = { ok: true, value: expect.objectContaining({ warnings: told }) as unknown };
  expect(said).toEqual([found, found]);
  expect(await target.verify(SECRET)).toEqual(READ_BACK);
  return { told, retract: () => target.retract() };
}

async function problemsOf(sink: Sink): Promise<unknown[]> {
  return [await problemOf(sink, 'inspect', ADDRESS, REPLACED), await problemOf(sink, 'prove', ADDRESS, REPLACED)];
}

function canRead(user: number, path: string): boolean {
  chmodSync(dirname(path), 0o711);
  process.seteuid?.(user);
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  } finally {
    process.seteuid?.(0);
  }
}

function onlyWith(...names: string[]): Record<string, string> {
  for (const name of names) symlinkSync(execFileSync('which', [name], { encoding: 'utf8' }).trim(), programs.at(name));
  return { PATH: programs.path };
}

const LOST = /^Only its owner can read \S+ once the secret is in it \(mode 0600\).*package acl.*setfacl -m\.$/;

describe.skipIf(hasNone).each(kinds)(`a file with a list, of a sink of type %s${reason}`, (_kind, make, sinkAt) => {
  test('keeps the readers, who are told, and gives the group nothing', async () => {
    const path = make();
    run('setfacl', '-m', `u:${STRANGER}:r`, path);
    const { told, retract } = await deliveredTo(sinkAt(path));
    expect(told).toEqual([`By its access control list, the user ${STRANGER} can read ${path} and the secret in it.`]);
    expect(entriesOf(path)).toEqual(FOR_STRANGER);
    if (isRoot) expect([canRead(STRANGER, path), canRead(STRANGER + 1, path)]).toEqual([true, false]);
    await retract();
    expect(entriesOf(path)).toEqual(FOR_STRANGER);
    expect(readFileSync(path, 'utf8')).toContain(OLD);
    expect(readdirSync(dirname(path))).toEqual(['.env']);
  });

  test('keeps a group of it, and of each only the right to read', async () => {
    const path = make();
    run('setfacl', '-m', `u:${STRANGER}:rwx,g:${WEB}:rx,u:${STRANGER + 1}:w,m::rx`, path);
    const { told } = await deliveredTo(sinkAt(path));
    expect(told).toEqual([
      `By its access control list, the user ${STRANGER} and the group ${WEB} can read ${path} and the secret in it.`,
    ]);
    expect(entriesOf(path)).toEqual([...FOR_STRANGER.slice(0, 3), `group:${WEB}:r--`, ...FOR_STRANGER.slice(3)]);
  });

  test('that others could read too is theirs no more', async () => {
    const path = make(0o644);
    run('setfacl', '-m', `u:${STRANGER}:r`, path);
    const { told } = await deliveredTo(sinkAt(path));
    expect(told).toEqual([
      `Other users could read ${path} (mode 0644); once the secret is in it, its mode is 0640.`,
      `By its access control list, the user ${STRANGER} can read ${path} and the secret in it.`,
    ]);
    expect(entriesOf(path)).toEqual(FOR_STRANGER);
  });

  test.each(['---', '--x'])('keeps nothing that the mask %s took away', async (mask) => {
    const path = make();
    run('setfacl', '-m', `u:${STRANGER}:r,g::r,m::${mask}`, path);
    expect(entriesOf(path)).toContain(`mask::${mask}`);
    await deliveredTo(sinkAt(path));
    expect(entriesOf(path)).toEqual(PRIVATE);
  });

  test('is refused where the list lets others write', async () => {
    const path = make();
    run('setfacl', '-m', `u:${STRANGER}:rw`, path);
    // A group of more users than this one is refused by the mode already.
    const problem = notReady(/^Other users can write to \S+\.env/, /chmod 600|setfacl -b/);
    expect(await problemsOf(sinkAt(path))).toEqual([problem, problem]);
  });

  test('is refused before a key is made where the list cannot be given', async () => {
    const path = make();
    run('setfacl', '-m', `u:${STRANGER}:r`, path);
    programs.sh('setfacl', 'exit 1');
    const problem = notReady(/cannot be given its access control list/, /setfacl -b/);
    expect(await problemsOf(sinkAt(path, onlyWith('getfacl')))).toEqual([problem, problem]);
    expect([entriesOf(path), readdirSync(dirname(path))]).toEqual([FOR_STRANGER, ['.env']]);
  });

  test.each([[['ls']], [['ls', 'getfacl']], [[]]])(
    'and only the programs %j: that it goes is said before',
    async (names) => {
      const path = make();
      run('setfacl', '-m', `u:${STRANGER}:r`, path);
      const { told } = await deliveredTo(sinkAt(path, onlyWith(...names)));
      expect(told).toEqual([expect.stringMatching(LOST)]);
      expect(entriesOf(path)).toEqual(PRIVATE);
    },
  );

  test('and a getfacl that others could exchange, which is not run', async () => {
    const path = make();
    run('setfacl', '-m', `u:${STRANGER}:r`, path);
    programs.sh('setfacl', 'exit 0');
    programs.sh('getfacl', 'echo user::rw-');
    chmodSync(programs.at('getfacl'), 0o777);
    expect((await deliveredTo(sinkAt(path, { PATH: programs.path }))).told).toEqual([expect.stringMatching(LOST)]);
    expect(programs.started()).toBe(0);
  });

  test.each(['', 'user::rw-\nsomething else\n', 'user:name:r--\n'])(
    'and a getfacl that says %j: nothing is guessed',
    async (said) => {
      const path = make(0o640);
      programs.write('said', said);
      programs.sh('getfacl', 'while read -r line; do echo "$line"; done < "$F/said"');
      const { told } = await deliveredTo(sinkAt(path, onlyWith('setfacl')));
      expect(told).toEqual([expect.stringMatching(LOST)]);
      expect(modeAt(path)).toBe(0o600);
    },
  );
});

describe.skipIf(hasNone).each(kinds)(`a file without a list, of a sink of type %s${reason}`, (_kind, make, sinkAt) => {
  test('that only its owner can read starts no program', async () => {
    for (const name of ['getfacl', 'setfacl', 'ls']) programs.sh(name, 'exit 1');
    const environment = { PATH: programs.path };
    expect((await deliveredTo(sinkAt(make(), environment))).told).toEqual([]);
    const fresh = sinkAt(join(scratch(), 'new'), environment);
    expect(await (await targetOf(fresh)).deliver(SECRET)).toEqual(WRITTEN);
    expect(programs.started()).toBe(0);
    await deliveredTo(sinkAt(make(0o640), environment));
    expect(programs.started()).toBeGreaterThan(0);
  });

  test.skipIf(!isRoot)('keeps its group with ls only, which marks lists (needs root)', async () => {
    const path = make(0o640);
    chownSync(path, 0, WEB);
    const { told } = await deliveredTo(sinkAt(path, onlyWith('ls')));
    expect(told).toEqual([`The group ${WEB} can read ${path} and the secret in it (mode 0640).`]);
    expect([modeAt(path), lstatSync(path).gid]).toEqual([0o640, WEB]);
  });

  test('loses its group where an ls is found that marks none', async () => {
    const path = make(0o640);
    programs.sh('ls', 'echo "-rw-r----- 1 0 33 1 Jan 1 00:00 x"');
    expect((await deliveredTo(sinkAt(path, { PATH: programs.path }))).told).toEqual([expect.stringMatching(LOST)]);
    expect(modeAt(path)).toBe(0o600);
  });
});

describe.skipIf(hasNone).each(kinds)(
  `a directory that gives new files a list, of a sink of type %s${reason}`,
  (_kind, make, sinkAt) => {
    function listedFolder(path: string): void {
      run('setfacl', '-d', '-m', `u:${STRANGER}:rwx,g::---`, dirname(path));
    }

    test('lets nobody else read a new file', async () => {
      const path = join(scratch(), 'new');
      listedFolder(path);
      const target = await targetOf(sinkAt(path));
      expect(await target.deliver(SECRET)).toEqual(WRITTEN);
      expect(await target.verify(SECRET)).toEqual(READ_BACK);
      expect([modeAt(path), entriesOf(path)]).toEqual([0o600, expect.arrayContaining(['mask::---'])]);
      if (isRoot) expect(canRead(STRANGER, path)).toBe(false);
    });

    test('lets nobody else read a file in place of one of mode 0600', async () => {
      const path = make();
      listedFolder(path);
      await deliveredTo(sinkAt(path));
      expect([modeAt(path), isRoot && canRead(STRANGER, path)]).toEqual([0o600, false]);
    });

    test.skipIf(!isRoot)('gives the file that a group keeps to that group only (needs root)', async () => {
      const path = make(0o640);
      chownSync(path, 0, WEB);
      listedFolder(path);
      const { told } = await deliveredTo(sinkAt(path));
      expect(told).toEqual([`The group ${WEB} can read ${path} and the secret in it (mode 0640).`]);
      expect(entriesOf(path)).toEqual(['user::rw-', 'group::r--', 'other::---']);
      expect([lstatSync(path).gid, canRead(STRANGER, path)]).toEqual([WEB, false]);
    });

    test.skipIf(!isRoot)('and without the programs the group goes, and all are told (needs root)', async () => {
      const path = make(0o640);
      chownSync(path, 0, WEB);
      listedFolder(path);
      expect((await deliveredTo(sinkAt(path, onlyWith('ls')))).told).toEqual([expect.stringMatching(LOST)]);
      expect([modeAt(path), canRead(STRANGER, path)]).toEqual([0o600, false]);
    });
  },
);

describe.skipIf(hasNone || !isRoot)(
  `a directory whose mode lets only root's own group write${reason} (needs root)`,
  () => {
    test('is refused where its list lets another write', async () => {
      const folder = scratch();
      const shared = folderIn(folder, 'shared', 0o775);
      const own = folderIn(shared, 'own');
      const sinks = [join(own, 'k'), join(shared, 'k'), join(shared, 'new/k')].map((path) => fileSinkAt(path));
      for (const sink of sinks) await targetOf(sink);
      run('setfacl', '-m', `u:${STRANGER}:rx,g:${WEB}:rwx`, shared);
      const problem = notReady(
        new RegExp(
          `^Other users can write to the directory ${shared}: by its access control list, the group ${WEB} can`,
        ),
        /chmod g-w/,
      );
      for (const sink of sinks) expect(await problemsOf(sink)).toEqual([problem, problem]);
      run('chmod', 'g-w', shared);
      for (const sink of sinks) await targetOf(sink);
    });

    test('is refused where it may have one that cannot be read', async () => {
      const shared = folderIn(scratch(), 'shared', 0o775);
      const path = join(shared, 'k');
      await targetOf(fileSinkAt(path, onlyWith('ls')));
      run('setfacl', '-m', `u:${STRANGER}:rwx`, shared);
      const problem = notReady(/which cannot be read without getfacl \(package acl\)/, /chmod g-w/);
      expect(await problemsOf(fileSinkAt(path, { PATH: programs.path }))).toEqual([problem, problem]);
    });
  },
);

describe.each(kinds)(
  'on macOS (simulated), where a list stands beside the mode, of a sink of type %s',
  (_kind, make, sinkAt) => {
    const FILE = '-rw-------+ 1 me  staff  40 Nov 26 01:00 /x/.env';

    test.each([
      ['has one', `${FILE}\n 0: user:bob allow read\n`, /^\S+\.env has an access control list .*chmod \+a\.$/],
      ['has none', FILE, undefined],
      ['has one that cannot be seen', undefined, /^\S+\.env may have an access control list/],
    ])('a file that %s', async (_what, listed, warning) => {
      const path = make();
      programs.write('listed', listed ?? '');
      programs.sh(
        'ls',
        listed === undefined
          ? 'exit 1'
          : '[ "$1" = -lde ] && while IFS= read -r line; do echo "$line"; done < "$F/listed"; true',
      );
      pretendPlatform('darwin');
      const { told } = await deliveredTo(sinkAt(path, { ...environmentIn('/nonexistent'), PATH: programs.path }));
      expect(told).toEqual(warning === undefined ? [] : [expect.stringMatching(warning)]);
      expect(modeAt(path)).toBe(0o600);
    });
  },
);
