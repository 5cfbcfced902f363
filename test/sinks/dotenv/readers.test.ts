// The rules of the readers of .env files, next to the readers themselves: on the same texts both find the same variables.

import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { READERS, type Reader } from '../../../src/sinks/dotenv/readers.ts';
import { REAL_READERS, type Found, type RealReader } from './real-readers.ts';

const VARIABLE = 'VOYAGE_API_KEY';

/** The rules for a real reader; of systemd those of its version. */
function rulesOf(real: RealReader): Reader {
  const rules = READERS.filter(({ name }) => name === real.name);
  const isOldSystemd = real.name === 'systemd' && systemdVersion() < 254;
  const [rule] = isOldSystemd ? rules.slice(-1) : rules;
  return rule ?? expect.fail(`no rules for ${real.name}`);
}

function systemdVersion(): number {
  return Number(/^systemd (\d+)/.exec(spawnSync('systemctl', ['--version'], { encoding: 'utf8' }).stdout)?.[1]);
}

const line = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('A', 'B', 'C_1', VARIABLE, 'export A', `export ${VARIABLE}`, ' A', 'A ', 'a.b', "'A'"),
      fc.constantFrom('=', '=', '=', ' = ', '= ', '+=', ': '),
      fc.oneof(
        fc.constantFrom(
          ...['', '1', '"two words"', "'x=y'", '3 # c', '"x" # c', '"a', "'a", 'b"', "b'", 'a#b', "it's", 'ü✓', '"a"b'],
          ...[
            'x;y',
            'x\\',
            '"x\\',
            '"it\'s"',
            '\'say "a"\'',
            'a b',
            '#c',
            ' #c',
            '"',
            "'",
            '""',
            "''",
            '\'a\'"b"',
            '~a',
          ],
        ),
        fc.stringMatching(/^[a-z0-9 "'#=\\]{0,8}$/),
      ),
    )
    .map(([name, sign, value]) => `${name}${sign}${value}`),
  fc.constantFrom(
    '',
    ' ',
    '# c',
    "# it's",
    '# c\\',
    '; c',
    '; c\\',
    ' # c',
    'junk',
    'junk more',
    'A',
    VARIABLE,
    `export ${VARIABLE}`,
    '{',
    '}',
    'junk |',
    '=',
    '=1',
    '"',
    "'",
    '\\',
  ),
);

const text = fc
  .record({
    lines: fc.array(line, { maxLength: 7 }),
    ending: fc.constantFrom('\n', '\n', '\r\n'),
    isEnded: fc.boolean(),
    mark: fc.constantFrom('', '', '', '\uFEFF'),
  })
  .map(({ lines, ending, isEnded, mark }) => mark + lines.join(ending) + (isEnded ? ending : ''));

/** Where rules and program once disagreed. */
const FOUND_BY_CHANCE = [
  ...['C_1 = r \\', '{ # c\n}\nA=1\n', 'A=1\nif true; then\nfi\nB=2\n', '{ ! # c\n}\nA=1\n'],
  ...['{\nA=1\njunk |\n}\nB=2\n', 'A=1\n{ B=2; } | junk\n', 'A=1 &&\n', 'A=1\nthen B=2\n', 'A=1\njunk B=(1 2)\n'],
];

/** The programs say only whether all went well, so the texts that the rules refuse are not compared. */
function compare(real: RealReader, texts: readonly string[]): number {
  const rules = rulesOf(real);
  const founds = real.readAll(texts);
  let compared = 0;
  for (const [each, found] of founds.entries()) {
    const ruled = rules.read(texts[each] ?? '');
    if (ruled === undefined || found === undefined) continue;
    compared += 1;
    const [expected, actual] = [comparable(found, ruled), comparable(ruled, ruled)];
    const named = JSON.stringify(texts[each]);
    expect({ named, found: actual }).toEqual({ named, found: expected });
  }
  return compared;
}

/** The rules leave escapes and "~" as they stand, and environment.d has no empty variables. */
function comparable(found: Found, ruled: Found): unknown {
  return [...found]
    .filter(([name]) => ruled.get(name) !== '')
    .map(([name, value]) => [name, /[\\~]/.test(ruled.get(name) ?? '') ? '(escaped)' : value])
    .sort();
}

describe('the rules find what the program itself finds', () => {
  for (const real of REAL_READERS.filter(({ name }) => name !== 'Node')) {
    const reason = real.isInstalled ? '' : ` (not installed: ${real.from ?? real.name})`;
    test.skipIf(!real.isInstalled && process.env.CI === undefined)(real.name + reason, { timeout: 60_000 }, () => {
      const texts = [...FOUND_BY_CHANCE, ...fc.sample(text, real.slow ? 120 : 600)];
      expect(compare(real, texts)).toBeGreaterThan(30);
    });
  }
});

const wordsOfBash = fc
  .array(
    fc.constantFrom(
      ...[
        'A=1',
        'export A=3',
        'junk',
        'true',
        '{',
        '}',
        '{ A=4',
        '} B=5',
        'fi',
        'if true',
        'then',
        'then A=6',
        'elif true',
      ],
      ...[
        'else',
        'while junk',
        'until true',
        'do',
        'done',
        '!',
        'time',
        'for x in a',
        'case x in',
        'esac',
        'function',
        'in',
      ],
      ...[
        '|',
        '&&',
        '||',
        ';',
        '&',
        '| A=8',
        '&& B=9',
        'A=1 |',
        '# c',
        '"x y"',
        'F={',
        'G=}',
        '{}',
        '[[',
        ']]',
        'A=(1 2)',
      ],
    ),
    { minLength: 1, maxLength: 3 },
  )
  .chain((words) => fc.constantFrom(' ', ' ; ', '; ').map((between) => words.join(between)));

const bash = REAL_READERS.find(({ name }) => name === 'bash') ?? expect.fail('no bash');
test.skipIf(!bash.isInstalled)(
  `bash reads as far as its rules say, whatever words stand in a text${bash.isInstalled ? '' : ' (not installed: bash)'}`,
  { timeout: 60_000 },
  () => {
    // The line between them is what may depend on the words above.
    const texts = fc
      .sample(fc.array(wordsOfBash, { maxLength: 5 }), 2000)
      .map((lines) => `${lines.join('\n')}\n:\nLAST=1\n`);
    const ruled = texts.filter((each) => rulesOf(bash).read(each) !== undefined).slice(0, 400);
    for (const [each, found] of bash.readAll(ruled).entries()) {
      const last = rulesOf(bash)
        .read(ruled[each] ?? '')
        ?.get('LAST');
      expect({ text: ruled[each], last: found?.get('LAST') }).toEqual({ text: ruled[each], last });
    }
    expect(ruled.length).toBeGreaterThan(200);
  },
);
