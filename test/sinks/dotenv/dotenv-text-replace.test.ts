// The text of a .env file in which a variable gets another value and then its old one again: examples for each shape,
// and properties with `util.parseEnv` as the judge.

import { parseEnv } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { replaceVariable, takeBack, type Trace } from '../../../src/sinks/dotenv/dotenv-text.ts';

const VARIABLE = 'VOYAGE_API_KEY';
const FROM = 'al-Xy_9.~+/z==old';
const TO = 'al-Zy_8.~+/y==new-and-longer';

const exchange = (text: string) => replaceVariable(text, VARIABLE, FROM, TO);

/** What an exchange leaves behind of a line that was plain. */
const PLAIN: Trace = { lead: '', was: { start: `${VARIABLE}=`, rest: '' } };

describe('only the line of the value changes, which is plain then', () => {
  test.each([
    ['bare', (value: string) => `${VARIABLE}=${value}`],
    ['exported', (value: string) => `export ${VARIABLE}=${value}`],
    ['indented', (value: string) => `  ${VARIABLE}=${value}`],
    ['double quotes', (value: string) => `export ${VARIABLE}="${value}"`],
    ['single quotes', (value: string) => `${VARIABLE}='${value}'`],
    ['backticks', (value: string) => `${VARIABLE}=\`${value}\``],
    ['spaces around the sign', (value: string) => `${VARIABLE} = ${value}`],
    ['trailing blanks', (value: string) => `${VARIABLE}=${value}   `],
    ['a comment', (value: string) => `${VARIABLE}=${value} # from Atlas`],
    ['a comment that has the old value too', (value: string) => `${VARIABLE}=${value} # not ${FROM}`],
    ['quotes and a comment', (value: string) => `${VARIABLE} = "${value}"  # it's "mine"`],
    ['quotes and a comment right behind', (value: string) => `${VARIABLE}='${value}'# c`],
  ])('%s', (_shape, lineOf) => {
    const plain = `${lineOf('').startsWith('export') ? 'export ' : ''}${VARIABLE}=${TO}`;
    for (const ending of ['\n', '\r\n']) {
      const around = (line: string) => ['A="1"', '', line, `# ${FROM}`, `B='2' # c`, ''].join(ending);
      expect(exchange(around(lineOf(FROM)))).toMatchObject({ outcome: 'edited', text: around(plain) });
      const last = (line: string) => ['A=1', line].join(ending);
      const edit = exchange(last(lineOf(FROM)));
      if (edit.outcome !== 'edited') return expect.fail(edit.outcome);
      expect(edit.text).toBe(last(plain));
      expect(takeBack(edit.text, VARIABLE, TO, edit.trace, FROM)).toBe(last(lineOf(FROM)));
    }
  });

  test.each([
    ['behind a byte order mark', `\uFEFFA=1\n${VARIABLE}=${FROM}\n`, `\uFEFFA=1\n${VARIABLE}=${TO}\n`],
    [
      'of two lines the last, which is the one that readers see',
      `${VARIABLE}=${FROM}\nA=1\n${VARIABLE}=${FROM}\n`,
      `${VARIABLE}=${FROM}\nA=1\n${VARIABLE}=${TO}\n`,
    ],
    [
      'and of the secrets of several keys the last',
      `${VARIABLE}=al-other\n${VARIABLE}=${FROM}\n`,
      `${VARIABLE}=al-other\n${VARIABLE}=${TO}\n`,
    ],
    [
      'not another variable of the same value',
      `${VARIABLE}_2=${FROM}\n${VARIABLE}=${FROM}\nMY_${VARIABLE}=${FROM}\n`,
      `${VARIABLE}_2=${FROM}\n${VARIABLE}=${TO}\nMY_${VARIABLE}=${FROM}\n`,
    ],
  ])('%s', (_shape, before, after) => {
    expect(exchange(before)).toMatchObject({ outcome: 'edited', text: after });
    expect(takeBack(after, VARIABLE, TO, PLAIN, FROM)).toBe(before);
  });
});

describe('nothing changes', () => {
  test.each([
    ['another value', `${VARIABLE}=other\n`],
    ['a longer one', `${VARIABLE}=${FROM}x\n`],
    ['none', `A=${FROM}\n`],
    ['an empty text', ''],
    ['a value in a comment', `# ${VARIABLE}=${FROM}\n`],
    ['an empty line below', `${VARIABLE}=${FROM}\n${VARIABLE}=\n`],
    ['another line below', `${VARIABLE}=${FROM}\n${VARIABLE}=other\n`],
  ])('where the variable does not read as the old value: %s', (_shape, text) => {
    expect(exchange(text)).toEqual({ outcome: 'has changed' });
    expect(takeBack(text, VARIABLE, FROM, PLAIN, TO)).toBeUndefined();
  });

  test.each([
    ['a quote that never ends', `${VARIABLE}=${FROM}\nA="one\nB=2\n`],
    ['something behind the quotes', `${VARIABLE}="${FROM}"x\n`],
    ['a line inside of a quoted value below, for Docker', `${VARIABLE}=${FROM}\nA="one\n${VARIABLE}=${FROM}\n"\n`],
    ['a sign that some readers take for a comment', `${VARIABLE}=${FROM}#x\n`],
    [
      'lines that readers do not agree on',
      `export   ${VARIABLE}=other\n${VARIABLE}=${FROM}\nexport   ${VARIABLE}=other`,
    ],
  ])('where that is not clear: %s', (_shape, text) => {
    const edit = exchange(text);
    expect(edit.outcome).toMatch(/unclear|has changed/);
    expect(edit).not.toHaveProperty('text');
  });

  test('megabytes do not take hours', () => {
    expect(exchange(`A="${`${VARIABLE}=${FROM}\n`.repeat(20_000)}"\n`)).toEqual({ outcome: 'has changed' });
    expect(exchange(`${VARIABLE}=${FROM}${' '.repeat(1_000_000)}x`).outcome).toBe('has changed');
    expect(exchange(`${VARIABLE}=${FROM}${' '.repeat(1_000_000)}\n`)).toMatchObject({ outcome: 'edited' });
  });
});

test('what was edited since stays, also when the old value comes back', () => {
  const back = (text: string) => takeBack(text, VARIABLE, TO, PLAIN, FROM);
  expect(back(`B=2\nexport ${VARIABLE}='${TO}' # mine\nA="open`)).toBe(
    `B=2\nexport ${VARIABLE}='${FROM}' # mine\nA="open`,
  );
  expect(back(`${VARIABLE}=${TO}\n${VARIABLE}=mine\n`)).toBeUndefined();
  // It is back already.
  expect(back(`${VARIABLE}=${TO}\n${VARIABLE}=${FROM}\n`)).toBeUndefined();
});

const value = fc.stringMatching(/^[A-Za-z0-9_.+/=-][A-Za-z0-9_.~+/=-]{7,59}$/);
const otherLine = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('A', 'B_2', `MY_${VARIABLE}`, `${VARIABLE}_OLD`, 'a.b', VARIABLE, `export ${VARIABLE}`),
      fc.constantFrom(
        '',
        '1',
        FROM,
        `"${FROM}"`,
        `'x=y'`,
        '`q`',
        '"one\\ntwo"',
        '3 # c',
        '"a\nb"',
        "'a\n#b'",
        'ü✓',
        'a#b',
      ),
    )
    .map(([name, text]) => `${name}=${text}`),
  fc.constantFrom('', '# a comment', `# ${VARIABLE}=${FROM}`, "# it's", `  A = "1" # c`, `C="\n${VARIABLE}=${FROM}\n"`),
);
const wildLine = fc.oneof(
  otherLine,
  fc.constantFrom('   ', '  # c', 'A="open', "B='open", 'junk', '=', '=1', '"', "'x'", `${VARIABLE}=#x`),
  fc.string({
    unit: fc.constantFrom('=', '"', "'", '`', '#', ' ', '\t', '\r', '\\', 'A', 'export ', VARIABLE, FROM, '\uFEFF'),
    maxLength: 12,
  }),
);
const ownLine = fc
  .record({
    lead: fc.constantFrom('', 'export ', '  ', 'export  \t'),
    sign: fc.constantFrom('=', ' = ', '= ', ' ='),
    quote: fc.constantFrom('', '"', "'", '`'),
    tail: fc.constantFrom('', ' ', ' # c', " # it's", `\t# ${FROM}`),
  })
  .map(({ lead, sign, quote, tail }) => `${lead}${VARIABLE}${sign}${quote}${FROM}${quote}${tail}`);

function textOf(lines: fc.Arbitrary<readonly string[]>) {
  return fc
    .record({
      lines,
      ending: fc.constantFrom('\n', '\r\n'),
      mark: fc.constantFrom('', '\uFEFF'),
      isEnded: fc.boolean(),
    })
    .map(({ lines, ending, mark, isEnded }) => {
      const body = lines.join(ending).replaceAll(/(?<!\r)\n/g, ending);
      return mark + body + (isEnded ? ending : '');
    });
}

/** What is read beside the variable, without what each version of the parser stumbles over in its own way. */
function others(text: string): Map<string, string | undefined> {
  const tidied = text.split('\n').map((line) => line.trimEnd());
  const entries = Object.entries(parseEnv(`${tidied.join('\n')}\n`));
  return new Map(entries.filter(([key]) => !new RegExp(`(?:^|\\s)\uFEFF?${VARIABLE}\\s*$`).test(key)));
}

/** Whether one line is plain now, and all else the same byte for byte. */
function isOneExchange(before: string, after: string, to: string, { lead, was }: Trace): boolean {
  const [wasLines, isLines] = [before.split('\n'), after.split('\n')];
  const changed = wasLines.flatMap((line, index) => (line === isLines[index] ? [] : [index]));
  const [only = -1] = changed;
  const mark = only === 0 && before.startsWith('\uFEFF') ? '\uFEFF' : '';
  const [from, now] = [wasLines[only] ?? '', isLines[only] ?? ''].map((line) => line.replace(/\r$/, ''));
  const isSame = from === `${mark}${was?.start ?? ''}${FROM}${was?.rest ?? ''}`;
  return (
    isSame && now === `${mark}${lead}${VARIABLE}=${to}` && changed.length === 1 && wasLines.length === isLines.length
  );
}

const RUNS = { numRuns: 1_500 };

describe('properties', () => {
  test('an exchange changes one value, nothing else, and comes back byte for byte', () => {
    const lines = fc.tuple(fc.array(wildLine, { maxLength: 5 }), ownLine, fc.array(wildLine, { maxLength: 3 }));
    let edited = 0;
    fc.assert(
      fc.property(textOf(lines.map(([above, own, below]) => [...above, own, ...below])), value, (text, to) => {
        fc.pre(!text.includes(to));
        const edit = replaceVariable(text, VARIABLE, FROM, to);
        if (edit.outcome !== 'edited') return;
        edited += 1;
        expect(parseEnv(text)[VARIABLE]).toBe(FROM);
        expect(parseEnv(edit.text)[VARIABLE]).toBe(to);
        expect(others(edit.text)).toEqual(others(text));
        expect(isOneExchange(text, edit.text, to, edit.trace)).toBe(true);
        expect(takeBack(edit.text, VARIABLE, to, edit.trace, FROM)).toBe(text);
      }),
      RUNS,
    );
    expect(edited).toBeGreaterThan(100);
  });

  test('an ordinary file is never refused', () => {
    const line = otherLine.filter((each) => !each.includes(`${VARIABLE}=`) || each.startsWith('#'));
    const own = fc
      .tuple(fc.constantFrom('', 'export '), fc.constantFrom('', '"', "'"), fc.constantFrom('', ' # c'))
      .map(([lead, quote, tail]) => `${lead}${VARIABLE}=${quote}${FROM}${quote}${tail}`);
    const lines = fc
      .tuple(fc.array(line), own, fc.array(line))
      .map(([above, each, below]) => [...above, each, ...below]);
    fc.assert(
      fc.property(fc.tuple(lines, fc.constantFrom('\n', '\r\n')), value, ([parts, ending], to) => {
        const text = [...parts, ''].join(ending);
        expect(replaceVariable(text, VARIABLE, FROM, to).outcome).toBe('edited');
      }),
      RUNS,
    );
  });
});
