// The dotenv sink where the secret of a key that is replaced may stand. The editing itself is in
// dotenv-text-replace.test.ts.

import { chownSync, lstatSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { redact } from '../../../src/secret/redaction.ts';
import { Secret } from '../../../src/secret/secret.ts';
import type { Replaced } from '../../../src/sinks/sink.ts';
import {
  appended,
  directory,
  directoryMode,
  fifo,
  hardLinked,
  linkedTo,
  mode,
  removed,
  renamedOver,
  startEditor,
  written,
  type Change,
} from '../file-changes.ts';
import {
  ADDRESS,
  CANARY,
  OLD,
  OTHER,
  READ_BACK,
  REPLACED,
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
  scratch,
  targetOf,
  treeOf,
} from '../file-fixture.ts';

const replacing = (path: string, replaced: Replaced = REPLACED) => targetOf(dotenvSinkAt(path), ADDRESS, replaced);

const problemAt = (path: string, replaced: Replaced = REPLACED, step: 'inspect' | 'prove' = 'prove') =>
  problemOf(dotenvSinkAt(path), step, ADDRESS, replaced);

function entryExists(message: RegExp): unknown {
  return {
    code: 'SINK_ENTRY_EXISTS',
    message: expect.stringMatching(message) as unknown,
    hint: expect.stringMatching(/Nothing is overwritten/) as unknown,
    ...(message.source.startsWith('not the secret') && { isRefusedLook: true }),
  };
}

/** The last line without quotes, comment and blanks. */
const plainOf = (line: string) => line.replace(/(export )?(\w+) ?= ?["']?([^"'\s]+)["']?(?: #.*)?$/, '$1$2=$3');

const around = (line: string) => `# é\r\nA=1\r\n${line}\r\nB="x\r\ny" # c\r\n`;

describe('a variable that is free', () => {
  test.each(['', 'A=1', `A=1\n${VARIABLE}=\n`, `${VARIABLE}="" # c\n`, `# ${VARIABLE}=${OLD}\n`])(
    'is filled as without a key to replace: %j',
    async (text) => {
      for (const replaced of [REPLACED, { maskedSecret: undefined }]) {
        const path = fileWith(text);
        const target = await replacing(path, replaced);
        expect(target.overwrites).toBe('nothing');
        expect(await target.deliver(SECRET)).toMatchObject({ outcome: 'written' });
        expect(await target.verify(SECRET)).toEqual(READ_BACK);
        await target.retract();
        expect(readFileSync(path, 'utf8')).toBe(text);
      }
    },
  );

  test('because there is no file', async () => {
    const path = join(scratch(), '.env');
    const target = await replacing(path);
    expect(target.overwrites).toBe('nothing');
    expect(await target.deliver(SECRET)).toEqual(WRITTEN);
    await target.retract();
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  test('and is given the old secret itself in the meantime, is not overwritten', async () => {
    const path = fileWith('');
    const target = await replacing(path);
    writeFileSync(path, `${VARIABLE}=${OLD}\n`);
    expect(await target.deliver(SECRET)).toMatchObject({ outcome: 'failed' });
    await target.retract();
    expect(readFileSync(path, 'utf8')).toBe(`${VARIABLE}=${OLD}\n`);
  });
});

describe('the old secret', () => {
  test.each([
    (value: string) => `${VARIABLE}=${value}`,
    (value: string) => `export ${VARIABLE}="${value}" # from Atlas`,
    (value: string) => `${VARIABLE} = '${value}'`,
    (value: string) => `${VARIABLE}=${OTHER}\r\n${VARIABLE}=${value}`,
  ])('gives way, and comes back byte for byte: %#', async (lineOf) => {
    const path = fileWith(around(lineOf(OLD)));
    const target = await replacing(path);
    expect(target).toMatchObject({ location: `${path}#${VARIABLE}`, overwrites: 'old secret' });
    expect(await target.deliver(SECRET)).toMatchObject({ outcome: 'written' });
    expect(await target.verify(SECRET)).toEqual(READ_BACK);
    expect(readFileSync(path, 'utf8')).toBe(around(plainOf(lineOf(CANARY))));
    expect([modeAt(path), readdirSync(dirname(path))]).toEqual([0o600, ['.env']]);
    await target.retract();
    expect(readFileSync(path, 'utf8')).toBe(around(lineOf(OLD)));
    expect([modeAt(path), readdirSync(dirname(path))]).toEqual([0o600, ['.env']]);
  });

  test('is known to redaction once it was found, and that of another key is not taken in', async () => {
    const [old, other] = [OLD.replace('old', 'three'), OTHER.replace('other', 'four')];
    await replacing(fileWith(`${VARIABLE}=${old}\n`));
    await problemAt(fileWith(`${VARIABLE}=${other}\n`));
    expect(redact(`${old} ${other}`)).toBe(`[redacted] ${other}`);
  });

  test('is not touched by a preflight, nor without one that allows it', async () => {
    const path = fileWith(around(`${VARIABLE}=${OLD}`));
    const before = treeOf(dirname(path));
    for (const step of ['inspect', 'prove'] as const) {
      expect(await dotenvSinkAt(path).preflight(ADDRESS, step, REPLACED)).toMatchObject({ ok: true });
      expect(await problemOf(dotenvSinkAt(path), step)).toEqual(entryExists(/has a value/));
    }
    await (await replacing(path)).retract();
    expect(treeOf(dirname(path))).toEqual(before);
  });

  test('could be read by others: that is mended, and said', async () => {
    const path = fileWith(`${VARIABLE}=${OLD}\n`, 0o644);
    const warning = `Other users could read ${path} (mode 0644); once the secret is in it, its mode is 0600.`;
    expect(await (await replacing(path)).deliver(SECRET)).toEqual({ outcome: 'written', warnings: [warning] });
    expect(modeAt(path)).toBe(0o600);
  });

  test('does not give way to a secret that needs quotes', async () => {
    const path = fileWith(`${VARIABLE}="${OLD}"\n`);
    const target = await replacing(path);
    expect(await target.deliver(new Secret(`${CANARY} "`))).toMatchObject({ outcome: 'failed' });
    await target.retract();
    expect(readFileSync(path, 'utf8')).toBe(`${VARIABLE}="${OLD}"\n`);
  });

  test('beside those of others, all exchanged at once', async () => {
    const entries = Array.from({ length: 12 }, (_, each) => `${each}`);
    const lineOf = (entry: string, value: string) => `KEY_${entry}="${value}${entry}_odu2" # ${entry}\n`;
    const textOf = (value: string) => entries.map((entry) => lineOf(entry, value)).join('# between\n');
    const path = fileWith(textOf(OLD));
    const sink = dotenvSinkAt(path, 'KEY_{entry}');
    const targets = await Promise.all(entries.map((entry) => targetOf(sink, { ...ADDRESS, entry }, REPLACED)));
    const secrets = entries.map((entry) => new Secret(`${CANARY}${entry}_odu2`));
    const deliveries = await Promise.all(targets.map((target, each) => target.deliver(secrets[each] ?? SECRET)));
    expect(deliveries).toMatchObject(entries.map(() => ({ outcome: 'written' })));
    const plain = entries.map((entry) => `KEY_${entry}=${CANARY}${entry}_odu2\n`).join('# between\n');
    expect(readFileSync(path, 'utf8')).toBe(plain);
    await Promise.all(targets.map((target) => target.retract()));
    expect(readFileSync(path, 'utf8')).toBe(textOf(OLD));
  });
});

describe('what is not certainly the old secret stays', () => {
  test.each<[string, string, string | undefined, RegExp]>([
    [
      'the secret of another key',
      `${VARIABLE}=${OTHER}`,
      'al-****odu2',
      /not the secret of the key that is to be repl/,
    ],
    [
      'that of another key in the last line',
      `${VARIABLE}=${OLD}\n${VARIABLE}=${OTHER}`,
      'al-****odu2',
      /not the secret/,
    ],
    ['some text', `${VARIABLE}="al-note about odu2 of mine"`, 'al-****odu2', /not the secret/],
    ['a value with a line end', `${VARIABLE}="${OLD}\n"`, 'al-****odu2', /not the secret/],
    ['a value with a blank', `${VARIABLE}=" ${OLD}"`, 'al-****odu2', /not the secret/],
    ['no mask', `${VARIABLE}=${OLD}`, undefined, /shows too little of the old secret/],
    ['a mask with a short end', `${VARIABLE}=${OLD}`, 'al-****du2', /shows too little/],
  ])('%s', async (_what, line, maskedSecret, message) => {
    const path = fileWith(around(line));
    const before = treeOf(dirname(path));
    for (const step of ['inspect', 'prove'] as const) {
      const problem = await problemAt(path, { maskedSecret }, step);
      expect(problem).toEqual(entryExists(message));
      expect(JSON.stringify(problem)).not.toContain('canary');
    }
    expect(treeOf(dirname(path))).toEqual(before);
  });

  test.each<[string, string, RegExp]>([
    ['a quote that never ends', `${VARIABLE}=${OLD}\nA="1\n`, /without changing what else it says/],
    ['something behind the quotes', `${VARIABLE}="${OLD}"x\n`, /without changing what else it says/],
    ['a sign that some readers take for a comment', `${VARIABLE}=${OLD}#x\n`, /without changing what else it says/],
  ])('where that is not clear: %s', async (_what, text, message) => {
    const path = fileWith(text);
    const before = treeOf(dirname(path));
    expect(await problemAt(path)).toEqual(notReady(message, /write the line plainly, as VOYAGE_API_KEY=VALUE/));
    expect(treeOf(dirname(path))).toEqual(before);
  });

  test.each<[string, RegExp, Change]>([
    ['a directory', /is a directory/, directory],
    ['a link to the file', /is a symbolic link/, linkedTo],
    ['a FIFO', /is a FIFO/, fifo],
    ['a hard link', /another name elsewhere \(a hard link\)/, hardLinked],
    ['a file that others can write', /Other users can write/, mode(0o602)],
    ['a directory that others can write to', /Other users can write to the dir/, directoryMode(0o707)],
  ])('the rules for files hold as for a new key: %s', async (_what, message, change) => {
    const path = fileWith(`${VARIABLE}=${OLD}\n`);
    change(path);
    const before = treeOf(dirname(path));
    expect(await problemAt(path)).toEqual(notReady(message));
    expect(treeOf(dirname(path))).toEqual(before);
  });

  test.skipIf(!isRoot)('the file of somebody else is refused (needs root)', async () => {
    const path = fileWith(`${VARIABLE}=${OLD}\n`);
    chownSync(path, STRANGER, STRANGER);
    expect(await problemAt(path)).toEqual(notReady(/does not belong to/));
  });
});

describe('what changed between the preflight and the delivery', () => {
  test.each<[string, Change]>([
    ['another value', written(`${VARIABLE}=${OTHER}\n`)],
    ['another that fits the mask', written(`${VARIABLE}=${OLD.replace('old', 'new')}\n`)],
    ['another value below', appended(`${VARIABLE}=${OTHER}\n`)],
    ['an empty line below', appended(`${VARIABLE}=\n`)],
    ['an open quote', appended('B="\n')],
    ['another file', renamedOver(`${VARIABLE}=${OTHER}\n`)],
    ['a file without the variable', written('A=1\n')],
    ['no file', removed],
    ['a link', linkedTo],
    ['a hard link', hardLinked],
    ['a FIFO', fifo],
    ['a file that others can write', mode(0o666)],
  ])('%s: nothing is written', async (_what, change) => {
    const path = fileWith(`A=1\n${VARIABLE}=${OLD}\n`);
    const target = await replacing(path);
    change(path);
    const before = treeOf(dirname(path));
    expect(await target.deliver(SECRET)).toMatchObject({ outcome: 'failed' });
    await target.retract();
    expect(treeOf(dirname(path))).toEqual(before);
  });

  test('all else is taken as it is then', async () => {
    const path = fileWith(`A=1\n${VARIABLE}=${OLD}\n`);
    const target = await replacing(path);
    renamedOver(`B=2\nexport ${VARIABLE}='${OLD}' # mine`)(path);
    expect(await target.deliver(SECRET)).toMatchObject({ outcome: 'written' });
    expect(readFileSync(path, 'utf8')).toBe(`B=2\nexport ${VARIABLE}=${CANARY}`);
  });

  test('of several that replace the same secret one wins, and the others fail', async () => {
    const path = fileWith(`${VARIABLE}=${OLD}\n`);
    const secrets = [0, 1, 2, 3].map((each) => new Secret(`${CANARY}${each}`));
    const targets = await Promise.all(secrets.map(() => replacing(path)));
    const deliveries = await Promise.all(targets.map((target, each) => target.deliver(secrets[each] ?? SECRET)));
    expect(deliveries.map(({ outcome }) => outcome).sort()).toEqual(['failed', 'failed', 'failed', 'written']);
    const winner = deliveries.findIndex(({ outcome }) => outcome === 'written');
    await Promise.all(targets.filter((_, each) => each !== winner).map((target) => target.retract()));
    expect(readFileSync(path, 'utf8')).toBe(`${VARIABLE}=${CANARY}${winner}\n`);
  });
});

describe('the old secret comes back', () => {
  test.each<[string, Change, string]>([
    ['others can write to the file by now', mode(0o666), `${VARIABLE}=${OLD}\n`],
    ['the file has a second name', hardLinked, `${VARIABLE}=${OLD}\n`],
    ['a line was added', appended('B=2'), `${VARIABLE}=${OLD}\nB=2`],
    ['the line was edited', written(`export ${VARIABLE}="${CANARY}" # c`), `export ${VARIABLE}="${OLD}" # c`],
  ])('while the new one is in its place: %s', async (_what, change, expected) => {
    const path = fileWith(`${VARIABLE}=${OLD}\n`);
    const target = await replacing(path);
    await target.deliver(SECRET);
    change(path);
    await target.retract();
    expect([readFileSync(path, 'utf8'), modeAt(path), lstatSync(path).nlink]).toEqual([expected, 0o600, 1]);
  });

  test.each<[string, Change]>([
    ['another value', written(`${VARIABLE}=${OTHER}\n`)],
    ['a line that takes it back', appended(`${VARIABLE}=\n`)],
    ['nothing', removed],
    ['a link', linkedTo],
    ['a FIFO', fifo],
  ])('not where there is %s instead, and never with an error', async (_what, change) => {
    const path = fileWith(`${VARIABLE}=${OLD}\n`);
    const target = await replacing(path);
    await target.deliver(SECRET);
    change(path);
    const before = treeOf(dirname(path));
    expect(await target.verify(SECRET)).toMatchObject({ outcome: 'mismatch' });
    await target.retract();
    expect(treeOf(dirname(path))).toEqual(before);
    rmSync(dirname(path), { recursive: true });
    await target.retract();
  });

  test('byte for byte, whatever else is in the file', { timeout: 60_000 }, async () => {
    const path = fileWith('');
    const line = fc.oneof(
      fc.constantFrom(
        '',
        '# c',
        'A=1',
        'B="x\ny"',
        "C='it\"s' # é",
        ' D = `q`',
        `${VARIABLE}=`,
        `${VARIABLE}=${OTHER}`,
      ),
      fc.string({ unit: fc.constantFrom('=', '"', "'", '#', ' ', 'A', VARIABLE, OLD), maxLength: 6 }),
    );
    const own = fc.constantFrom(
      ...[`${VARIABLE}=${OLD}`, `export ${VARIABLE}="${OLD}" # c`, `${VARIABLE} = '${OLD}'`, `${VARIABLE}=\`${OLD}\``],
    );
    const shape = fc.record({
      lines: fc.tuple(fc.array(line, { maxLength: 3 }), own, fc.array(line, { maxLength: 2 })),
      ending: fc.constantFrom('\n', '\r\n'),
      mark: fc.constantFrom('', '\uFEFF'),
      isEnded: fc.boolean(),
    });
    let exchanged = 0;
    await fc.assert(
      fc.asyncProperty(shape, async ({ lines: [above, each, below], ending, mark, isEnded }) => {
        const text = mark + [...above, each, ...below].join(ending) + (isEnded ? ending : '');
        writeFileSync(path, text, { mode: 0o600 });
        const preflight = await dotenvSinkAt(path).preflight(ADDRESS, 'inspect', REPLACED);
        if (preflight.ok) {
          exchanged += 1;
          expect(await preflight.value.write.deliver(SECRET)).toMatchObject({ outcome: 'written' });
          expect(parseEnv(readFileSync(path, 'utf8'))[VARIABLE]).toBe(CANARY);
          await preflight.value.write.retract();
        }
        expect(readFileSync(path)).toEqual(Buffer.from(text));
      }),
      { numRuns: 120 },
    );
    expect(exchanged).toBeGreaterThan(30);
  });
});

test('while another program edits the file, it stays whole, and the variable is one secret or another', async () => {
  const path = fileWith(`A=1\n${VARIABLE}="${OLD}" # c\n`);
  const { child, ended } = startEditor(path, 150);
  let exchanges = 0;
  for (let each = 0; child.exitCode === null; each += 1) {
    const preflight = await dotenvSinkAt(path).preflight(ADDRESS, 'inspect', REPLACED);
    if (!preflight.ok) continue;
    const value = `al-rival-canary-0123456789-${each}-odu2`;
    const { outcome } = await preflight.value.write.deliver(new Secret(value));
    if (outcome === 'written') exchanges += 1;
    const found = parseEnv(readFileSync(path, 'utf8'));
    expect(found).toMatchObject({ A: '1' });
    // The editor may rename what it read just before over the exchanged file.
    expect(found[VARIABLE]).toMatch(/^al-.*odu2$/);
  }
  expect(await ended).toEqual([0, null]);
  expect(exchanges).toBeGreaterThan(0);
  expect(readdirSync(dirname(path)).filter((name) => name.includes('atlas-model-keys'))).toEqual([]);
});
