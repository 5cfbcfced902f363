import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Answer, type Question } from '../../src/keys/request-context.ts';
import { chooseSink as choose, ENTRY } from '../../src/keys/sink-choice.ts';
import { openSinks } from '../../src/sinks/kinds.ts';

const GROUP = '69681d39c9e8cfd375386316';
const sinks = openSinks(
  new Map([
    ['open', { type: 'file', path: '/srv/{groupId}/{entry}.key' }],
    ['fixed', { type: 'dotenv', path: '/srv/.env', variable: 'KEY' }],
  ]),
  {},
);

type Wish = Parameters<typeof choose>[1];
const chooseSink = (choice: Parameters<typeof choose>[0], wish: Wish) => choose(choice, wish, undefined);

describe('the sink', () => {
  test('is the one that was named, or the default', async () => {
    expect(
      await chooseSink({ sinks, defaultSink: 'open' }, { groupId: GROUP, name: 'n', sink: 'fixed' }),
    ).toMatchObject({ value: { sink: { name: 'fixed' } } });
    expect(await chooseSink({ sinks, defaultSink: 'open' }, { groupId: GROUP, name: 'n' })).toMatchObject({
      value: { sink: { name: 'open' } },
    });
  });
  test('without a default must be named', async () => {
    expect(await chooseSink({ sinks }, { groupId: GROUP, name: 'n' })).toMatchObject({
      failure: { code: 'SINK_UNKNOWN', hint: 'Pass sink as one of: open, fixed. Ask the user which.' },
    });
  });
});

describe('of several sinks without a default', () => {
  const asked: Question[] = [];
  const answering = (answer: Answer) =>
    choose({ sinks }, { groupId: GROUP, name: 'n' }, (question) => {
      asked.push(question);
      return Promise.resolve(answer);
    });
  test('the person chooses', async () => {
    expect(await answering({ answer: 'given', value: 'fixed' })).toMatchObject({ value: { sink: { name: 'fixed' } } });
    expect(asked.at(-1)?.options).toEqual(['open', 'fixed']);
  });
  test('a long name is shown whole, in lines that a window has room for', async () => {
    const name = 'long name '.repeat(24).trim();
    await choose({ sinks }, { groupId: GROUP, name }, (question) => {
      asked.push(question);
      return Promise.resolve({ answer: 'declined' });
    });
    const lines = asked.at(-1)?.message.split('\n') ?? [];
    expect(lines.filter((line) => line.length > 71)).toEqual([]);
    expect(lines.map((line) => line.trim()).join(' ')).toContain(`Key: "${name}"`);
  });
  test.each([
    [{ answer: 'declined' }, 'DECLINED'],
    [{ answer: 'unavailable', because: 'silence' }, 'SINK_UNKNOWN'],
    [{ answer: 'given', value: 'another' }, 'SINK_UNKNOWN'],
  ] as const)('%j ends with %s', async (answer, code) => {
    expect(await answering(answer)).toMatchObject({ failure: { code } });
  });
  test('nobody is asked where the call names one, even a wrong one', async () => {
    const before = asked.length;
    const ask = (question: Question): Promise<Answer> => {
      asked.push(question);
      return Promise.resolve({ answer: 'declined' });
    };
    expect(await choose({ sinks }, { groupId: GROUP, name: 'n', sink: 'no' }, ask)).toMatchObject({
      failure: { code: 'SINK_UNKNOWN' },
    });
    expect(asked).toHaveLength(before);
  });
});

describe('without an entry, one is made that fits the place', () => {
  const places = openSinks(
    new Map([
      ['file', { type: 'file', path: '/srv/{entry}.key' }],
      ['variable', { type: 'dotenv', path: '/srv/.env', variable: '{entry}' }],
      ['folder', { type: 'dotenv', path: '/srv/{entry}/.env', variable: 'KEY' }],
    ]),
    {},
  );
  const entryIn = async (sink: string, name: string) => {
    const chosen = await chooseSink({ sinks: places }, { groupId: GROUP, name, sink });
    return chosen.ok ? chosen.value.reference.entry : chosen.failure.code;
  };
  test.each([
    ['Production key', 'Production-key', 'PRODUCTION_KEY'],
    ['Clé (EU) – 2', 'Cle-EU-2', 'CLE_EU_2'],
    ['2nd key', '2nd-key', 'KEY_2ND_KEY'],
    ['…', 'INVALID_INPUT', 'INVALID_INPUT'],
  ])('%j', async (name, inFile, inVariable) => {
    expect([await entryIn('file', name), await entryIn('folder', name)]).toEqual([inFile, inFile]);
    expect(await entryIn('variable', name)).toBe(inVariable);
  });
  test('a variable that every reader of a .env file takes, whatever the name', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 250 }), async (name) => {
        expect(await entryIn('variable', name)).toMatch(/^(?:[A-Z][A-Z0-9_]{0,127}|INVALID_INPUT)$/);
      }),
    );
  });
});

describe('an entry that Windows reserves, or cannot keep, is refused on every system and by every kind of sink', () => {
  const takers = openSinks(
    new Map([
      ['file', { type: 'file', path: '/srv/{entry}.key' }],
      ['variable', { type: 'dotenv', path: '/srv/.env', variable: 'KEY_{entry}' }],
      ['command', { type: 'command', argv: ['pass', 'insert', 'voyage/{entry}'], env: {}, timeoutMs: 1000 }],
    ]),
    {},
  );
  const failure = { code: 'INVALID_INPUT', message: expect.stringMatching(/^entry: Windows reserves/) as unknown };
  const refusal = { ok: false, failure };

  test.each(['NUL', 'CON', 'aux', 'Com1', 'lpt9.txt', 'nul.key', 'prod.'])('%s', async (entry) => {
    for (const sink of takers.keys()) {
      expect(await chooseSink({ sinks: takers }, { groupId: GROUP, name: 'n', sink, entry })).toMatchObject(refusal);
    }
  });

  test('also where it is made from the name of the key', async () => {
    expect(await chooseSink({ sinks: takers }, { groupId: GROUP, name: 'con', sink: 'command' })).toMatchObject(
      refusal,
    );
  });
});

describe('the entry made from a name', () => {
  const entryOf = async (name: string) => {
    const chosen = await chooseSink({ sinks, defaultSink: 'open' }, { groupId: GROUP, name });
    return chosen.ok ? chosen.value.reference.entry : chosen.failure.code;
  };
  test.each([
    ['Production key (EU)', 'Production-key-EU'],
    ['crème brûlée', 'creme-brulee'],
    ['../../etc/passwd', 'etc-passwd'],
    ['a..b', 'a.b'],
    ['.env', 'env'],
    ['--help', 'help'],
    ['x'.repeat(250), 'x'.repeat(128)],
    ['密钥', 'INVALID_INPUT'],
    ['...', 'INVALID_INPUT'],
  ])('%s becomes %s', async (name, entry) => {
    expect(await entryOf(name)).toBe(entry);
  });
  test('is always an accepted one, or refused (property)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), async (name) => {
        const entry = await entryOf(name);
        return entry === 'INVALID_INPUT' || (entry !== undefined && ENTRY.test(entry) && !entry.includes('..'));
      }),
    );
  });
});

test('a fixed target takes no entry', async () => {
  expect(await chooseSink({ sinks }, { groupId: GROUP, name: 'n', sink: 'fixed' })).toMatchObject({
    value: { reference: { groupId: GROUP } },
  });
  expect(await chooseSink({ sinks }, { groupId: GROUP, name: 'n', sink: 'fixed', entry: 'e' })).toMatchObject({
    failure: { code: 'INVALID_INPUT' },
  });
});
