// The text of a .env file, edited: examples for each shape, and properties with `util.parseEnv` as the judge.

import { parseEnv } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  isVariableName,
  needsNoQuotes,
  setVariable,
  takeBack,
  type Trace,
} from '../../../src/sinks/dotenv/dotenv-text.ts';

const VARIABLE = 'VOYAGE_API_KEY';
const VALUE = 'al-Xy_9.~+/z==';

const set = (text: string) => setVariable(text, VARIABLE, VALUE);

describe('a text without the variable gets one line more', () => {
  test.each([
    ['an empty text', '', `${VARIABLE}=${VALUE}\n`],
    ['a last newline', 'A=1\n', `A=1\n${VARIABLE}=${VALUE}\n`],
    ['no last newline', 'A=1', `A=1\n${VARIABLE}=${VALUE}\n`],
    ['CRLF', 'A=1\r\nB=2\r\n', `A=1\r\nB=2\r\n${VARIABLE}=${VALUE}\r\n`],
    ['CRLF and no last newline', 'A=1\r\nB=2', `A=1\r\nB=2\r\n${VARIABLE}=${VALUE}\r\n`],
    ['mixed endings, as the last one', 'A=1\r\nB=2\n', `A=1\r\nB=2\n${VARIABLE}=${VALUE}\n`],
    ['a commented-out value', `# ${VARIABLE}=old\nA=1\n`, `# ${VARIABLE}=old\nA=1\n${VARIABLE}=${VALUE}\n`],
    [
      'longer names around it',
      `MY_${VARIABLE}=1\n${VARIABLE}_2=2\n`,
      `MY_${VARIABLE}=1\n${VARIABLE}_2=2\n${VARIABLE}=${VALUE}\n`,
    ],
    ['a byte order mark', '\uFEFFA=1\n', `\uFEFFA=1\n${VARIABLE}=${VALUE}\n`],
    ['a quoted last value', 'A="x=y"', `A="x=y"\n${VARIABLE}=${VALUE}\n`],
    ['only a comment without an end', '# hello', `# hello\n${VARIABLE}=${VALUE}\n`],
    [
      'the line inside of a quoted value',
      `A="one\n${VARIABLE}=\nB=2"\n`,
      `A="one\n${VARIABLE}=\nB=2"\n${VARIABLE}=${VALUE}\n`,
    ],
  ])('%s', (_shape, text, expected) => {
    expect(set(text)).toMatchObject({ outcome: 'edited', text: expected });
  });

  // What the parser loses there differs from version to version; the value must be seen in any case.
  test.each([
    ['below a placeholder behind a byte order mark', `\uFEFF${VARIABLE}=\nA=1\n`],
    ['below a line of blanks', 'A=1\n   \n'],
    ['below an indented comment', 'A=1\n  # B\n'],
    ['below a line without a sign', 'A=1\nhello'],
    ['below a placeholder below a line of blanks', `A=1\n  \n${VARIABLE}=\nB=2\n`],
  ])('%s', (_shape, text) => {
    const edit = set(text);
    if (edit.outcome !== 'edited') return expect.fail(edit.outcome);
    expect(parseEnv(edit.text)[VARIABLE]).toBe(VALUE);
    expect(takeBack(edit.text, VARIABLE, VALUE, edit.trace)).toBe(text);
  });
});

describe('an empty assignment is filled in where it stands, as a plain line', () => {
  test.each([
    ['bare', `${VARIABLE}=`, ''],
    ['exported', `export ${VARIABLE}=`, 'export '],
    ['indented', `  ${VARIABLE}=`, ''],
    ['double quotes', `export ${VARIABLE}=""`, 'export '],
    ['single quotes', `${VARIABLE}=''`, ''],
    ['backticks, which a shell would run', `${VARIABLE}=\`\``, ''],
    ['spaces around the sign', `${VARIABLE} = `, ''],
    ['trailing blanks', `${VARIABLE}=   `, ''],
    ['a comment', `${VARIABLE}= # from Atlas`, ''],
    ['a comment further away', `${VARIABLE}=    # from Atlas`, ''],
    ['spaces and a comment', `${VARIABLE} = # from Atlas`, ''],
    ['quotes and a comment', `${VARIABLE}=""  # it's`, ''],
  ])('%s', (_shape, placeholder, lead) => {
    const filled = `${lead}${VARIABLE}=${VALUE}`;
    for (const ending of ['\n', '\r\n']) {
      const around = (line: string) => ['A="1"', '', line, `B='2' # c`, ''].join(ending);
      const trace = { lead, was: { start: placeholder, rest: '' } };
      expect(set(around(placeholder))).toMatchObject({ outcome: 'edited', text: around(filled), trace });
      const last = (line: string) => ['A=1', line].join(ending);
      expect(set(last(placeholder))).toMatchObject({ outcome: 'edited', text: last(filled), trace });
      expect(takeBack(last(filled), VARIABLE, VALUE, { lead: lead === '' ? '' : 'export ', was: trace.was })).toBe(
        last(placeholder),
      );
    }
  });

  test('of two the last one, which is the one that counts', () => {
    expect(set(`${VARIABLE}=\nA=1\n${VARIABLE}=\n`)).toMatchObject({
      text: `${VARIABLE}=\nA=1\n${VARIABLE}=${VALUE}\n`,
    });
    expect(set(`${VARIABLE}=old\n${VARIABLE}=\n`)).toMatchObject({ text: `${VARIABLE}=old\n${VARIABLE}=${VALUE}\n` });
  });

  test('but not where one inside of a quoted value below it wins for Docker: a line is added', () => {
    expect(set(`${VARIABLE}=\nA="one\n${VARIABLE}=\n"\n`)).toMatchObject({
      text: `${VARIABLE}=\nA="one\n${VARIABLE}=\n"\n${VARIABLE}=${VALUE}\n`,
    });
  });
});

describe('a value is never overwritten', () => {
  test.each([
    `${VARIABLE}=old`,
    `export ${VARIABLE}="old"\n`,
    `A=1\r\n${VARIABLE} = 'old' # c\r\n`,
    `${VARIABLE}=\n${VARIABLE}=old\n`,
    `\uFEFF${VARIABLE}=old\n`,
    `export   ${VARIABLE}=old\n`,
    `A line without a sign\n${VARIABLE}=old\n`,
    `${VARIABLE}="old\nvalue"\n`,
  ])('%j', (text) => {
    expect(set(text)).toMatchObject({ outcome: 'has value', readers: expect.arrayContaining(['Node']) as unknown });
  });
});

test('a value that some versions of Node do not get to see stays', () => {
  expect(set(`=1\n${VARIABLE}=old\n`).outcome).toMatch(/has value|unclear/);
});

describe('what would change anything else is left to a person', () => {
  test.each([
    ['a quote that never ends', 'A="one\nB=2\n'],
    ['a single quote that never ends', "A='one\nB=2\n"],
    ['a quote that never ends, last', 'A="one'],
  ])('%s', (_shape, text) => {
    expect(set(text)).toMatchObject({ outcome: 'unclear' });
  });

  test.each(['__proto__', 'toString', 'constructor'])('the variable %s is one like any other, or refused', (name) => {
    const edit = setVariable('A=1\n', name, VALUE);
    if (edit.outcome === 'edited') expect(new Map(Object.entries(parseEnv(edit.text))).get(name)).toBe(VALUE);
    else expect(edit).toMatchObject({ outcome: 'unclear' });
  });

  test('megabytes of blanks and of placeholders do not take hours', () => {
    const blanks = `${VARIABLE}=${' '.repeat(1_000_000)}x`;
    expect(set(blanks)).toMatchObject({ outcome: 'has value' });
    expect(set(`A=1\n${'\r'.repeat(500_000)}x=1\n`)).toMatchObject({ outcome: 'edited' });
    expect(set(`A="${`${VARIABLE}=\n`.repeat(50_000)}"\n`)).toMatchObject({ outcome: 'edited' });
  });
});

const ADDED: Trace = { lead: '', gap: '' };

describe('undoing', () => {
  const undo = (text: string, placeholder?: string) =>
    takeBack(
      text,
      VARIABLE,
      VALUE,
      placeholder === undefined ? ADDED : { ...ADDED, was: { start: placeholder, rest: '' } },
    );

  test('leaves a value that is not the one', () => {
    expect(undo(`${VARIABLE}=other\n`)).toBeUndefined();
    expect(undo('A=1\n')).toBeUndefined();
  });

  test('takes only the value out of a line that was edited since', () => {
    expect(undo(`A=1\nexport ${VARIABLE}=${VALUE} # mine\n`)).toBe(`A=1\nexport ${VARIABLE}= # mine\n`);
    expect(undo(`A=1\n${VARIABLE}='${VALUE}'\nB=2`, `${VARIABLE}=""`)).toBe(`A=1\n${VARIABLE}=''\nB=2`);
  });

  test('keeps what was added since', () => {
    expect(undo(`A=1\n${VARIABLE}=${VALUE}\nB=2\n`)).toBe('A=1\nB=2\n');
    expect(undo(`A=1\n${VARIABLE}=${VALUE}\nB=2`)).toBe('A=1\nB=2');
    expect(undo(`A=1\n${VARIABLE} = ${VALUE}\nB=2\n`, `${VARIABLE} = `)).toBe(`A=1\n${VARIABLE} = \nB=2\n`);
  });
});

test.each([
  ['A', true],
  ['_a1', true],
  ['1A', false],
  ['A-B', false],
  ['A.B', false],
  ['', false],
  ['Ä', false],
  ['A\n', false],
])('%j is a name: %s', (name, expected) => {
  expect(isVariableName(name)).toBe(expected);
});

test.each([
  [VALUE, true],
  ['', false],
  ['a b', false],
  ['a"', false],
  ['a#b', false],
  ['a$b', false],
  ['a\\n', false],
  ['a\n', false],
  ['ä', false],
  // A shell would take it for a directory.
  [`~${VALUE}`, false],
  [`${VALUE}~`, true],
])('%j needs no quotes: %s', (value, expected) => {
  expect(needsNoQuotes(value)).toBe(expected);
});

const otherName = fc.constantFrom('A', 'B_2', 'DATABASE_URL', `MY_${VARIABLE}`, `${VARIABLE}_OLD`, 'a.b');
const value = fc.stringMatching(/^[A-Za-z0-9_.+/=-][A-Za-z0-9_.~+/=-]{7,59}$/);
const tameLine = fc.oneof(
  fc
    .tuple(
      otherName,
      fc.constantFrom('', '1', '"two words"', "'x=y'", '`q`', '"one\\ntwo"', '3 # c', '"a\nb"', "'a\n#b'", 'ü✓', 'a#b'),
    )
    .map(([name, text]) => `${name}=${text}`),
  otherName.map((name) => `export ${name}=1`),
  otherName.map((name) => `  ${name} = "1" # c`),
  fc.constantFrom('', '# a comment', `# ${VARIABLE}=old`, `#${VARIABLE}=`, "# it's", '# "'),
);
const ownLine = fc.constantFrom(
  ...[
    `${VARIABLE}=`,
    `export ${VARIABLE}=""`,
    ` ${VARIABLE} = '' # c`,
    `${VARIABLE}=\`\``,
    `${VARIABLE}= # c`,
    `${VARIABLE} = `,
  ],
);
const wildLine = fc.oneof(
  tameLine,
  ownLine,
  fc.constantFrom(
    '   ',
    '  # c',
    'A="open',
    "B='open",
    'junk',
    '=',
    '=1',
    '"',
    "'x'",
    `${VARIABLE}=#x`,
    `${VARIABLE}=old`,
    `C="\n${VARIABLE}=\n"`,
  ),
  fc.string({
    unit: fc.constantFrom('=', '"', "'", '`', '#', ' ', '\t', '\r', '\\', 'A', 'export ', VARIABLE, '\uFEFF'),
    maxLength: 12,
  }),
);

function textOf(line: fc.Arbitrary<string>) {
  return fc
    .record({
      lines: fc.array(line, { maxLength: 8 }),
      ending: fc.constantFrom('\n', '\r\n'),
      isEnded: fc.boolean(),
    })
    .map(
      ({ lines, ending, isEnded }) =>
        lines.join(ending).replaceAll(/(?<!\r)\n/g, ending) + (isEnded && lines.length > 0 ? ending : ''),
    );
}

/**
 * What is read beside the variable. Blanks at the ends of lines are out and a last newline is made up, since
 * each version of the parser stumbles over these in its own way.
 */
function others(text: string): Map<string, string | undefined> {
  const tidied = text.split('\n').map((line) => line.trimEnd());
  const entries = Object.entries(parseEnv(`${tidied.join('\n')}\n`));
  return new Map(entries.filter(([key]) => !new RegExp(`(?:^|\\s)\uFEFF?${VARIABLE}\\s*$`).test(key)));
}

/** Whether only that line was exchanged, or one line put at either end; all else byte for byte. */
function isOneEdit(before: string, after: string, secret: string, { lead, was: from, gap = '' }: Trace): boolean {
  const mark = before.startsWith('\uFEFF') ? '\uFEFF' : '';
  const [was, is] = [before.slice(mark.length), after.slice(mark.length)];
  if (!after.startsWith(mark)) return false;
  const line = `${lead}${VARIABLE}=${secret}`;
  if (from === undefined) {
    return ['\n', '\r\n'].some((ending) => [was + gap + line + ending, line + ending + was].includes(is));
  }
  const [wasLines, isLines] = [was.split('\n'), is.split('\n')];
  const changed = wasLines.flatMap((each, index) => (each === isLines[index] ? [] : [index]));
  const [only = -1] = changed;
  const [old, now] = [wasLines[only] ?? '', isLines[only] ?? ''];
  const isSame = old.replace(/\r$/, '') === from.start && now.replace(/\r$/, '') === line;
  return isSame && changed.length <= 1 && wasLines.length === isLines.length;
}

const RUNS = { numRuns: 1_500 };

describe('properties', () => {
  test('an edit changes the variable, nothing else, and can be undone', () => {
    fc.assert(
      fc.property(textOf(wildLine), value, fc.boolean(), (body, secret, hasMark) => {
        const text = hasMark ? `\uFEFF${body}` : body;
        const edit = setVariable(text, VARIABLE, secret);
        if (edit.outcome !== 'edited') return;
        expect(parseEnv(edit.text)[VARIABLE]).toBe(secret);
        expect(others(edit.text)).toEqual(others(text));
        expect(isOneEdit(text, edit.text, secret, edit.trace)).toBe(true);
        if (edit.trace.was === undefined)
          expect(edit.text).toMatch(new RegExp(`${secret.replaceAll(/[.+]/g, '\\$&')}\r?\n`));
        else expect(edit.text.endsWith('\n')).toBe(text.endsWith('\n'));
        expect(takeBack(edit.text, VARIABLE, secret, edit.trace)).toBe(text);
      }),
      RUNS,
    );
  });

  test('an ordinary file is never refused', () => {
    fc.assert(
      fc.property(textOf(tameLine), value, (text, secret) => {
        expect(setVariable(text, VARIABLE, secret).outcome).toBe('edited');
      }),
      RUNS,
    );
  });

  test('an ordinary file with one placeholder gets the value there', () => {
    fc.assert(
      fc.property(fc.array(tameLine), ownLine, fc.array(tameLine), value, (above, own, below, secret) => {
        const lines = [...above, own, ...below, ''];
        const edit = setVariable(lines.join('\n'), VARIABLE, secret);
        expect(edit).toMatchObject({ outcome: 'edited', trace: { was: { start: own } } });
      }),
      RUNS,
    );
  });
});
