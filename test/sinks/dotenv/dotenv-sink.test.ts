// The dotenv sink from preflight to retract, on real files. The editing itself is in dotenv-text.test.ts.

import {
  appendFileSync,
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../../src/secret/secret.ts';
import type { Delivery } from '../../../src/sinks/sink.ts';
import { startEditor } from '../file-changes.ts';
import {
  ADDRESS,
  CANARY,
  READ_BACK,
  SECRET,
  STRANGER,
  VARIABLE,
  WRITTEN,
  dotenvSinkAt,
  fileWith,
  isRoot,
  modeAt,
  notReady,
  problemOf,
  run,
  scratch,
  targetOf,
  treeOf,
  withUmask,
} from '../file-fixture.ts';

const LINE = `${VARIABLE}=${CANARY}\n`;

async function deliverTo(path: string, variable = VARIABLE): Promise<Delivery> {
  const target = await targetOf(dotenvSinkAt(path, variable));
  const delivery = await target.deliver(SECRET);
  expect(await target.verify(SECRET)).toEqual(READ_BACK);
  expect(modeAt(path)).toBe(0o600);
  expect(readdirSync(join(path, '..'))).toEqual(['.env']);
  return delivery;
}

describe('a delivery', () => {
  test('makes a file that is not there, and its directories', async () => {
    const folder = scratch();
    const path = join(folder, 'a', '.env');
    const sink = dotenvSinkAt(path);
    expect(sink).toMatchObject({
      name: 'env',
      kind: 'dotenv',
      location: `${path}#${VARIABLE}`,
      takesEntry: false,
      verification: 'read-back',
    });
    expect(await deliverTo(path)).toEqual(WRITTEN);
    expect(readFileSync(path, 'utf8')).toBe(LINE);
    expect(modeAt(join(folder, 'a'))).toBe(0o700);
  });

  test.each([
    ['a line more', 'A=1\r\n# é\r\n', `A=1\r\n# é\r\n${LINE.trim()}\r\n`],
    ['no last newline', 'A=1', `A=1\n${LINE}`],
    ['an empty file', '', LINE],
    ['a placeholder', `A=1\nexport ${VARIABLE}="" # key\nB=2\n`, `A=1\nexport ${VARIABLE}=${CANARY}\nB=2\n`],
  ])('keeps all else: %s', async (_shape, before, after) => {
    const path = fileWith(before);
    expect(await deliverTo(path)).toMatchObject({ outcome: 'written' });
    expect(readFileSync(path, 'utf8')).toBe(after);
  });

  test('keeps a byte order mark', async () => {
    const path = fileWith('\uFEFFA=1\n');
    await deliverTo(path);
    expect(readFileSync(path)).toEqual(Buffer.from(`\uFEFFA=1\n${LINE}`));
  });

  test.each([0o000, 0o022, 0o077, 0o277])('is private under umask %o', async (mask) => {
    const [fresh, old] = [join(scratch(), '.env'), fileWith('A=1\n')];
    withUmask(mask);
    expect(await deliverTo(fresh)).toEqual(WRITTEN);
    expect(await deliverTo(old)).toEqual(WRITTEN);
  });

  test.each([0o644, 0o604])('tightens mode %o and says so', async (mode) => {
    const path = fileWith('A=1\n', mode);
    const delivery = await deliverTo(path);
    const warning = `Other users could read ${path} (mode 0${mode.toString(8)}); once the secret is in it, its mode is 0600.`;
    expect(delivery).toEqual({ outcome: 'written', warnings: [warning] });
  });

  test('expands the entry into the variable', async () => {
    const path = fileWith('');
    const sink = dotenvSinkAt(path, 'KEY_{entry}');
    expect(sink.takesEntry).toBe(true);
    const target = await targetOf(sink, { ...ADDRESS, entry: 'blue' });
    expect(target.location).toBe(`${path}#KEY_blue`);
    expect(await target.deliver(SECRET)).toEqual(WRITTEN);
    expect(parseEnv(readFileSync(path, 'utf8'))).toEqual({ KEY_blue: CANARY });
  });

  test.each(['with space', 'quo"te', 'dollar$', 'new\nline', 'hash#', ''])(
    'refuses a secret that needs quotes: %j',
    async (value) => {
      const path = fileWith('A=1\n');
      const target = await targetOf(dotenvSinkAt(path));
      const delivery = await target.deliver(new Secret(value && `${CANARY}${value}`));
      expect(delivery).toMatchObject({
        outcome: 'failed',
        message: expect.stringContaining('without quotes') as unknown,
      });
      expect(readFileSync(path, 'utf8')).toBe('A=1\n');
    },
  );

  test('of many to one file all arrive', async () => {
    const path = fileWith('A=1\n');
    const sink = dotenvSinkAt(path, 'KEY_{entry}');
    const entries = Array.from({ length: 20 }, (_, each) => `${each}`);
    const targets = await Promise.all(entries.map((entry) => targetOf(sink, { ...ADDRESS, entry })));
    const secrets = entries.map((entry) => new Secret(`${CANARY}${entry}`));
    const deliveries = await Promise.all(targets.map((target, each) => target.deliver(secrets[each] ?? SECRET)));
    expect(deliveries).toEqual(entries.map(() => WRITTEN));
    expect(parseEnv(readFileSync(path, 'utf8'))).toEqual({
      A: '1',
      ...Object.fromEntries(entries.map((entry) => [`KEY_${entry}`, `${CANARY}${entry}`])),
    });
    await Promise.all(targets.map((target) => target.retract()));
    expect(readFileSync(path, 'utf8')).toBe('A=1\n');
  });

  test('of two to one variable, one wins and the other does not change it', async () => {
    const path = join(scratch(), '.env');
    const targets = [await targetOf(dotenvSinkAt(path)), await targetOf(dotenvSinkAt(path))];
    const secrets = [new Secret(`${CANARY}0`), new Secret(`${CANARY}1`)];
    const deliveries = await Promise.all(targets.map((target, each) => target.deliver(secrets[each] ?? SECRET)));
    expect(deliveries).toMatchObject([
      WRITTEN,
      { outcome: 'failed', message: expect.stringContaining('has a value') as unknown },
    ]);
    await targets[1]?.retract();
    expect(readFileSync(path, 'utf8')).toBe(`${VARIABLE}=${CANARY}0\n`);
  });
});

describe('a preflight', () => {
  test('changes nothing, and leaves nothing when it tries', async () => {
    const path = fileWith('A=1\n', 0o644);
    const folder = join(path, '..');
    const before = treeOf(folder);
    for (const mode of ['inspect', 'prove'] as const) {
      expect(await dotenvSinkAt(path).preflight(ADDRESS, mode)).toMatchObject({ ok: true });
    }
    expect(treeOf(folder)).toEqual(before);
    expect(await dotenvSinkAt(join(folder, 'not/there/.env')).preflight(ADDRESS, 'inspect')).toMatchObject({
      ok: true,
    });
    expect(treeOf(folder)).toEqual(before);
  });

  test('finds a variable that has a value', async () => {
    expect(await problemOf(dotenvSinkAt(fileWith(`${VARIABLE}=old\n`)), 'inspect')).toEqual({
      code: 'SINK_ENTRY_EXISTS',
      message: expect.stringContaining(`${VARIABLE} has a value in `) as unknown,
      hint: expect.stringContaining('Nothing is overwritten') as unknown,
    });
  });

  test.each([
    ['my.key-1', /"KEY_my\.key-1" is not a variable name/],
    ['a b', /"KEY_a b"/],
  ])('says which characters a variable may have: %s', async (entry, message) => {
    const sink = dotenvSinkAt(fileWith(''), 'KEY_{entry}');
    expect(await problemOf(sink, 'inspect', { ...ADDRESS, entry })).toEqual(
      notReady(message, /letters A to Z .* digits and "_".*another entry/),
    );
    expect(await problemOf(dotenvSinkAt(fileWith(''), '1A'), 'inspect')).toEqual(
      notReady(/"1A"/, /Configure another variable/),
    );
  });

  const kinds: [string, RegExp, (path: string) => void][] = [
    [
      'a directory',
      /is a directory/,
      (path) => {
        mkdirSync(path);
      },
    ],
    [
      'a link to a file',
      /is a symbolic link/,
      (path) => {
        writeFileSync(`${path}.2`, '');
        symlinkSync(`${path}.2`, path);
      },
    ],
    [
      'a link to nothing',
      /is a symbolic link/,
      (path) => {
        symlinkSync('/nonexistent', path);
      },
    ],
    [
      'a link to a device',
      /is a symbolic link/,
      (path) => {
        symlinkSync('/dev/null', path);
      },
    ],
    [
      'a FIFO',
      /is a FIFO/,
      (path) => {
        run('mkfifo', path);
      },
    ],
    [
      'a hard link',
      /hard link/,
      (path) => {
        writeFileSync(path, '');
        linkSync(path, `${path}.2`);
      },
    ],
    [
      'a file that others can write',
      /Other users can write/,
      (path) => {
        writeFileSync(path, '');
        chmodSync(path, 0o602);
      },
    ],
    [
      'a file that is too large',
      /larger than 64 KiB/,
      (path) => {
        writeFileSync(path, '#'.repeat(64 * 1024 + 1));
      },
    ],
    [
      'bytes that are not UTF-8',
      /not UTF-8/,
      (path) => {
        writeFileSync(path, Buffer.from('A=\xFF\n', 'latin1'));
      },
    ],
    [
      'UTF-16',
      /not UTF-8/,
      (path) => {
        writeFileSync(path, Buffer.from('A=1\n', 'utf16le'));
      },
    ],
    [
      'a quote that never ends',
      /without changing what else it says/,
      (path) => {
        writeFileSync(path, 'A="1\nB=2\n');
      },
    ],
  ];
  test.each(kinds)('refuses %s', async (_kind, message, make) => {
    const path = join(scratch(), '.env');
    make(path);
    const before = treeOf(join(path, '..'));
    for (const mode of ['inspect', 'prove'] as const)
      expect(await problemOf(dotenvSinkAt(path), mode)).toEqual(notReady(message));
    expect(treeOf(join(path, '..'))).toEqual(before);
  });

  test.skipIf(!isRoot)('refuses the file of somebody else (needs root)', async () => {
    const path = fileWith('');
    chownSync(path, STRANGER, STRANGER);
    expect(await problemOf(dotenvSinkAt(path))).toEqual(notReady(/does not belong to/));
  });

  test('refuses a file in which the variable has no room', async () => {
    const path = fileWith(`#${'x'.repeat(64 * 1024 - 2)}\n`);
    expect(await problemOf(dotenvSinkAt(path), 'inspect')).toEqual(notReady(/larger than 64 KiB, or would be/));
  });
});

describe('between the preflight and the delivery', () => {
  test('a file that was made, edited or removed is taken as it is then', async () => {
    const path = join(scratch(), '.env');
    const first = await targetOf(dotenvSinkAt(path, 'FIRST'));
    const second = await targetOf(dotenvSinkAt(path, 'SECOND'));
    writeFileSync(path, 'A=1\n', { mode: 0o600 });
    expect(await first.deliver(SECRET)).toEqual(WRITTEN);
    expect(readFileSync(path, 'utf8')).toBe(`A=1\nFIRST=${CANARY}\n`);
    rmSync(path);
    expect(await second.deliver(SECRET)).toEqual(WRITTEN);
    expect(readFileSync(path, 'utf8')).toBe(`SECOND=${CANARY}\n`);
  });

  test.each<[string, (path: string) => void]>([
    [
      'a value',
      (path) => {
        appendFileSync(path, `${VARIABLE}=mine\n`);
      },
    ],
    [
      'an open quote',
      (path) => {
        appendFileSync(path, 'B="\n');
      },
    ],
    [
      'a link',
      (path) => {
        rmSync(path);
        symlinkSync('/dev/null', path);
      },
    ],
    [
      'a hard link',
      (path) => {
        linkSync(path, `${path}.2`);
      },
    ],
    [
      'a FIFO',
      (path) => {
        rmSync(path);
        run('mkfifo', path);
      },
    ],
  ])('%s turned up: nothing is written', async (_kind, change) => {
    const path = fileWith('A=1\n');
    const target = await targetOf(dotenvSinkAt(path));
    change(path);
    const before = treeOf(join(path, '..'));
    expect(await target.deliver(SECRET)).toMatchObject({ outcome: 'failed' });
    await target.retract();
    expect(treeOf(join(path, '..'))).toEqual(before);
  });
});

test('while another program edits the file, it stays whole', async () => {
  const path = fileWith('A=1\n');
  const { child, ended } = startEditor(path, 300);
  const written = new Set<string>();
  for (let each = 0; child.exitCode === null; each += 1) {
    const preflight = await dotenvSinkAt(path, `KEY_${each}`).preflight(ADDRESS, 'prove');
    // Where the file never keeps still, the sink may give up, but not do any harm.
    if (!preflight.ok) continue;
    const { outcome } = await preflight.value.write.deliver(SECRET);
    if (outcome === 'written') written.add(`KEY_${each}`);
    const { A, ...others } = parseEnv(readFileSync(path, 'utf8'));
    expect(A).toBe('1');
    const wrong = Object.entries(others).filter(([name, value]) => value !== (written.has(name) ? CANARY : '1'));
    expect(wrong).toEqual([]);
  }
  expect(await ended).toEqual([0, null]);
  expect(written.size).toBeGreaterThan(0);
  expect(readdirSync(join(path, '..')).filter((name) => name.includes('atlas-model-keys'))).toEqual([]);
});

describe('a verification sees', () => {
  test.each<[string, (path: string) => void, RegExp]>([
    [
      'another value',
      (path) => {
        writeFileSync(path, `${VARIABLE}=${CANARY}x\n`);
      },
      /is not the secret/,
    ],
    [
      'a line that takes it back',
      (path) => {
        appendFileSync(path, `${VARIABLE}=\n`);
      },
      /is not the secret/,
    ],
    [
      'an emptied file',
      (path) => {
        writeFileSync(path, '');
      },
      /is not the secret/,
    ],
    [
      'a removed file',
      (path) => {
        rmSync(path);
      },
      /is gone/,
    ],
    [
      'a wider mode',
      (path) => {
        chmodSync(path, 0o644);
      },
      /mode 0644/,
    ],
    [
      'a second name',
      (path) => {
        linkSync(path, `${path}.2`);
      },
      /hard link/,
    ],
    [
      'a link',
      (path) => {
        rmSync(path);
        symlinkSync('/dev/null', path);
      },
      /is a symbolic link/,
    ],
  ])('%s', async (_change, change, message) => {
    const path = fileWith('A=1\n');
    const target = await targetOf(dotenvSinkAt(path));
    await target.deliver(SECRET);
    change(path);
    const verdict = await target.verify(SECRET);
    expect(verdict).toMatchObject({ outcome: 'mismatch', message: expect.stringMatching(message) as unknown });
    expect(JSON.stringify(verdict)).not.toContain(CANARY);
  });
});

describe('a retraction', () => {
  test.each(['', 'A=1', 'A=1\n', 'A=1\r\nB="x\ny"\r\n', `${VARIABLE}=\n`, `A=1\nexport ${VARIABLE} = '' # c`])(
    'brings %j back',
    async (text) => {
      const path = fileWith(text);
      const target = await targetOf(dotenvSinkAt(path));
      await target.deliver(SECRET);
      await target.retract();
      expect(readFileSync(path, 'utf8')).toBe(text);
      expect(readdirSync(join(path, '..'))).toEqual(['.env']);
    },
  );

  test('removes the file that it made, unless something else is in it by now', async () => {
    const path = join(scratch(), '.env');
    const target = await targetOf(dotenvSinkAt(path));
    await target.deliver(SECRET);
    await target.retract();
    expect(readdirSync(join(path, '..'))).toEqual([]);
    const again = await targetOf(dotenvSinkAt(path));
    await again.deliver(SECRET);
    appendFileSync(path, 'A=1\n');
    await again.retract();
    expect(readFileSync(path, 'utf8')).toBe('A=1\n');
  });

  test('leaves another value, and never throws', async () => {
    const path = fileWith('A=1\n');
    const target = await targetOf(dotenvSinkAt(path));
    await target.retract();
    await target.deliver(SECRET);
    writeFileSync(path, `${VARIABLE}=mine\n`);
    await target.retract();
    expect(readFileSync(path, 'utf8')).toBe(`${VARIABLE}=mine\n`);
    rmSync(join(path, '..'), { recursive: true });
    await target.retract();
  });
});
