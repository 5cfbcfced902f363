// One line of a .env file for all its readers: Node, npm dotenv, bash, python-dotenv and systemd themselves, Docker and
// Compose by their documented rules. Each reads the secret, and all else as before.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { replaceVariable, setVariable } from '../../../src/sinks/dotenv/dotenv-text.ts';
import { readAsDocumentedByCompose, readAsDocumentedByDocker } from './docker-and-compose.ts';
import { REAL_READERS, type Found, type RealReader } from './real-readers.ts';

const VARIABLE = 'VOYAGE_API_KEY';
const VALUE = 'al-Xy_9.~+/z==0123456789';
const OLD = 'al-Zy_8.~+/y==old-9876543210';

const DOCUMENTED: readonly RealReader[] = [
  { name: "Docker's --env-file", isInstalled: true, readAll: (texts) => texts.map(readAsDocumentedByDocker) },
  { name: 'Compose', isInstalled: true, readAll: (texts) => texts.map(readAsDocumentedByCompose) },
];
const ALL = [...REAL_READERS, ...DOCUMENTED];

function filled(text: string): string {
  const edit = setVariable(text, VARIABLE, VALUE);
  return edit.outcome === 'edited' ? edit.text : expect.fail(edit.outcome);
}

function exchanged(text: string): string {
  const edit = replaceVariable(text, VARIABLE, OLD, VALUE);
  return edit.outcome === 'edited' ? edit.text : expect.fail(edit.outcome);
}

describe('a line that is added', () => {
  test.each([
    ['ends with a newline', 'A=1', `A=1\n${VARIABLE}=${VALUE}\n`],
    ['ends with a newline as the file has them', 'A=1\r\nB=2', `A=1\r\nB=2\r\n${VARIABLE}=${VALUE}\r\n`],
    ['stands apart from a line that goes on', 'A=1\\\n', `A=1\\\n\n${VARIABLE}=${VALUE}\n`],
    // There bash takes the backslash for a part of the value, which it would not with a line below.
    ['stands above a last line that could go on', 'A=1\\', `${VARIABLE}=${VALUE}\nA=1\\`],
    ['stands apart from a last comment that goes on', '# c\\', `# c\\\n\n${VARIABLE}=${VALUE}\n`],
    ['stands apart from a comment that goes on', '# c\\\r\n', `# c\\\r\n\r\n${VARIABLE}=${VALUE}\r\n`],
  ])('%s', (_what, before, after) => {
    expect(filled(before)).toBe(after);
  });

  test('of a file of exports is one, since it is for shells', () => {
    expect(filled('export A=1\nexport B="2"\n')).toBe(`export A=1\nexport B="2"\nexport ${VARIABLE}=${VALUE}\n`);
    expect(filled(`export A="x\nB=y"\n${VARIABLE}=\n`)).toBe(`export A="x\nB=y"\nexport ${VARIABLE}=${VALUE}\n`);
    expect(filled('export A=1\nB=2\n')).toBe(`export A=1\nB=2\n${VARIABLE}=${VALUE}\n`);
    expect(filled('# export A=1\n')).toBe(`# export A=1\n${VARIABLE}=${VALUE}\n`);
  });
});

describe('a line that is filled or gets another value is plain', () => {
  test.each([
    ['bare', (value: string) => `${VARIABLE}=${value}`, []],
    ['indented', (value: string) => `  ${VARIABLE}=${value}`, []],
    ['blanks', (value: string) => `${VARIABLE} = ${value}`, []],
    ['trailing blanks', (value: string) => `${VARIABLE}=${value}  `, []],
    ['double quotes', (value: string) => `${VARIABLE}="${value}"`, ['quotes']],
    ['single quotes', (value: string) => `${VARIABLE}='${value}' `, ['quotes']],
    ['a comment', (value: string) => `${VARIABLE}=${value} # from Atlas`, ['a comment']],
    ['both', (value: string) => `${VARIABLE} = "${value}"  # it's`, ['quotes', 'a comment']],
  ])('%s', (_shape, lineOf, dropped) => {
    const plain = (value: string) => `A=1\n${VARIABLE}=${value}\nB=2\n`;
    const around = (value: string) => `A=1\n${lineOf(value)}\nB=2\n`;
    expect(setVariable(around(''), VARIABLE, VALUE)).toMatchObject({ text: plain(VALUE), dropped });
    expect(replaceVariable(around(OLD), VARIABLE, OLD, VALUE)).toMatchObject({ text: plain(VALUE), dropped });
  });

  test('but keeps its export', () => {
    expect(filled(`A=1\nexport ${VARIABLE}="" # c\n`)).toBe(`A=1\nexport ${VARIABLE}=${VALUE}\n`);
    expect(exchanged(`A=1\nexport ${VARIABLE}='${OLD}'\n`)).toBe(`A=1\nexport ${VARIABLE}=${VALUE}\n`);
  });
});

describe('a placeholder inside of the value of another variable', () => {
  test.each([
    ['for bash and systemd', `A=1\\\n${VARIABLE}=\n`],
    ['for an older systemd', `# c\\\n${VARIABLE}=\nA=1\n`],
    ['for all but Docker', `A="x\n${VARIABLE}=\n"\n`],
    ['for bash', `A=it's\n${VARIABLE}=\nB=it's\n`],
  ])('is not filled: %s', (_whom, text) => {
    expect(filled(text)).toBe(`${text}${VARIABLE}=${VALUE}\n`);
  });

  test('nor is a reference to the variable touched', () => {
    const text = `A=$${VARIABLE}\nB="\${${VARIABLE}}"\n`;
    expect(filled(text)).toBe(`${text}${VARIABLE}=${VALUE}\n`);
  });
});

describe('an assignment that would win for one of the readers', () => {
  test.each([
    ['for Docker and python-dotenv, in quotes of others', `A="x\n${VARIABLE}=other\n"\n`, ["Docker's --env-file"]],
    ['for shells', `A=1; ${VARIABLE}=other\n`, ['bash']],
    ['in quotes around its name', `'${VARIABLE}'=other\n`, ['python-dotenv']],
    ['that appends', `${VARIABLE}+=other\n`, ['bash']],
    ['behind a comment for older ones', `#\\\n${VARIABLE}=other\n`, undefined],
    ['which others take for a comment', `${VARIABLE}=#other\n`, undefined],
  ])('is a value that is not overwritten: %s', (_where, text, readers) => {
    expect(setVariable(text, VARIABLE, VALUE)).toEqual({
      outcome: 'has value',
      readers: readers ?? (expect.any(Array) as unknown),
    });
  });

  test.each([
    ['in quotes of others', `${VARIABLE}=${OLD}\nA="x\n${VARIABLE}=other\n"\n`, "Docker's --env-file"],
    ['in quotes of others, empty', `${VARIABLE}=${OLD}\nA="x\n${VARIABLE}=\n"\n`, "Docker's --env-file"],
    ['of a shell', `${VARIABLE}=${OLD}\nA=1; ${VARIABLE}=other\n`, 'bash'],
    ['that appends', `${VARIABLE}=${OLD}\n${VARIABLE}+=other\n`, 'bash'],
    [
      'that only some take for an assignment',
      `${VARIABLE}=${OLD}\nexport ${VARIABLE}\n'${VARIABLE}'=other\n`,
      'python-dotenv',
    ],
  ])('keeps a value from being exchanged: %s', (_where, text, reader) => {
    expect(replaceVariable(text, VARIABLE, OLD, VALUE)).toMatchObject({
      outcome: 'unclear',
      readers: expect.arrayContaining([reader]) as unknown,
    });
  });

  test('is filled where it is the last of several empty ones, whatever their form', () => {
    expect(filled(`${VARIABLE}=\n ${VARIABLE} = ""\n`)).toBe(`${VARIABLE}=\n${VARIABLE}=${VALUE}\n`);
  });
});

describe('a name without a sign, which takes the value of a line above it away for python-dotenv', () => {
  test('is filled', () => {
    expect(filled(`${VARIABLE}=\nexport ${VARIABLE}\n`)).toBe(`${VARIABLE}=\nexport ${VARIABLE}=${VALUE}\n`);
  });

  test('is passed over where Node takes it for a part of the next name', () => {
    expect(filled(`${VARIABLE}=\n ${VARIABLE}\nA=1\n`)).toBe(`${VARIABLE}=\n ${VARIABLE}\nA=1\n${VARIABLE}=${VALUE}\n`);
  });

  test('keeps a value from being exchanged', () => {
    expect(replaceVariable(`${VARIABLE}=${OLD}\n${VARIABLE}\n`, VARIABLE, OLD, VALUE)).toEqual({
      outcome: 'unclear',
      readers: expect.arrayContaining(['python-dotenv']) as unknown,
    });
  });
});

test('a pipe that goes on in the next line, for bash, gets none', () => {
  expect(filled('A=1 |\n')).toBe(`${VARIABLE}=${VALUE}\nA=1 |\n`);
});

describe('the edit names the readers that do not get the secret', () => {
  test.each([
    [
      'bash, which stops at a brace that closes nothing',
      'A={\n  "b": 1\n}\n',
      ["Docker's --env-file", 'Compose', 'bash'],
    ],
    [
      'but it goes on behind a group, or an if',
      '{ A=1\n}\nif true; then B=1; fi\n',
      ["Docker's --env-file", 'Compose'],
    ],
    ['none', 'A=1\n', []],
    ['those that know no export', 'export A=1\n', ["Docker's --env-file", 'systemd']],
    ['that take no blanks around a sign', 'A = 1\n', ["Docker's --env-file"]],
    ['bash, to which a Windows line end is part of the value', 'A=1\r\n', ['bash']],
    ['Compose, which refuses a name', 'A*=1\n', ['Compose']],
  ])('%s', (_which, text, blind) => {
    expect(setVariable(text, VARIABLE, VALUE)).toMatchObject({ outcome: 'edited', blind });
  });
});

const name = fc.constantFrom('A', 'B_2', 'DATABASE_URL', `MY_${VARIABLE}`, `${VARIABLE}_OLD`);
const others = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('', '', '', 'export ', ' '),
      name,
      fc.constantFrom('=', '=', '=', ' = ', ' ='),
      fc.constantFrom(
        ...[
          '',
          '1',
          '"two words"',
          "'x=y'",
          '3 # c',
          '"a\nb"',
          "'a\n#b'",
          'ü✓',
          'a#b',
          "it's",
          'x\\',
          '"open',
          "'open",
        ],
        ...['a;b', 'a b', '"x" # c', `"\n${VARIABLE}=\n"`, `'\n${VARIABLE}=\n'`, '"a"b', '""'],
      ),
    )
    .map((parts) => parts.join('')),
  fc.constantFrom(
    ...['', '   ', '# c', "# it's", '# c\\', '; c', `# ${VARIABLE}=old`, 'junk', 'A*=1', '=1', 'export A', 'A'],
    ...[VARIABLE, `export ${VARIABLE}`, '{', '}', 'fi', 'junk |'],
  ),
);
const own = (value: string) =>
  fc.constantFrom(
    ...[
      `${VARIABLE}=${value}`,
      `export ${VARIABLE}="${value}"`,
      ` ${VARIABLE} = '${value}' # c`,
      `${VARIABLE}=${value} # c`,
    ],
    ...[`${VARIABLE}="${value}"# c`, `${VARIABLE} =${value}`, `\t${VARIABLE}=${value}  `],
  );
const secret = fc.stringMatching(/^[A-Za-z0-9_.+/=-][A-Za-z0-9_.~+/=-]{15,40}$/);

function textOf(line: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .record({
      lines: fc.array(line, { maxLength: 6 }),
      ending: fc.constantFrom('\n', '\n', '\n', '\r\n'),
      isEnded: fc.boolean(),
      mark: fc.constantFrom('', '', '', '\uFEFF'),
    })
    .map(({ lines, ending, isEnded, mark }) => {
      const body = lines.join(ending).replaceAll(/(?<!\r)\n/g, ending);
      return mark + body + (isEnded && body !== '' ? ending : '');
    });
}

interface Made {
  readonly before: string;
  readonly after: string;
  readonly value: string;
  readonly blind: readonly string[];
}

/** Those of many texts that could be edited. */
function madeBy(
  texts: fc.Arbitrary<string>,
  edit: (text: string, value: string) => ReturnType<typeof setVariable>,
): Made[] {
  return fc.sample(fc.tuple(texts, secret), 700).flatMap(([before, value]) => {
    const edited = edit(before, value);
    return edited.outcome === 'edited' ? [{ before, after: edited.text, value, blind: edited.blind }] : [];
  });
}

/** Beside the variable, as far as every version of a reader can tell it. */
function besides(reader: RealReader, found: Found | undefined): unknown {
  const entries = [...(found ?? [])].filter(([key]) => !key.endsWith(VARIABLE) || key.endsWith(`MY_${VARIABLE}`));
  return entries.filter(([, value]) => reader.name !== 'systemd' || value !== '').sort();
}

/** Versions of Node stumble over blanks at the ends of lines, and a last line without an end. */
function tidied(reader: RealReader, text: string): string {
  if (reader.name !== 'Node') return text;
  return `${text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')}\n`;
}

function expectRead(reader: RealReader, made: readonly Made[]): void {
  const seen = made.filter(({ blind }) => !blind.includes(reader.name)).slice(0, reader.slow ? 50 : 500);
  const values = reader.readAll(seen.map(({ after }) => after));
  const was = reader.readAll(seen.map(({ before }) => tidied(reader, before)));
  const is = reader.name === 'Node' ? reader.readAll(seen.map(({ after }) => tidied(reader, after))) : values;
  for (const [each, { before, after, value }] of seen.entries()) {
    const texts = JSON.stringify({ before, after });
    expect({ texts, read: values[each]?.get(VARIABLE) }).toEqual({ texts, read: value });
    // A line that it refused before, such as `NAME = `, may be plain now.
    if (was[each] === undefined) continue;
    expect({ texts, others: besides(reader, is[each]) }).toEqual({ texts, others: besides(reader, was[each]) });
  }
  expect(seen.length).toBeGreaterThan(10);
}

describe('whatever is in the file', { timeout: 120_000 }, () => {
  for (const reader of ALL) {
    const reason = reader.isInstalled ? '' : ` (not installed: ${reader.from ?? reader.name})`;
    test.skipIf(!reader.isInstalled && process.env.CI === undefined)(`${reader.name} reads the secret${reason}`, () => {
      const free = textOf(fc.oneof({ weight: 5, arbitrary: others }, { weight: 1, arbitrary: own('') }));
      expectRead(
        reader,
        madeBy(free, (text, value) => setVariable(text, VARIABLE, value)),
      );
      const taken = fc
        .tuple(textOf(others), own(OLD), textOf(others))
        .map(([above, line, below]) => `${above}\n${line}\n${below.replace('\uFEFF', '')}`);
      expectRead(
        reader,
        madeBy(taken, (text, value) => replaceVariable(text, VARIABLE, OLD, value)),
      );
    });
  }
});
