import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  disclose,
  hasSecretForm,
  redact,
  redactJson,
  redactOutside,
  redactProse,
  remember,
  sharesRun,
} from '../../src/secret/redaction.ts';

const SECRET = 'al-canary_"jZ/s+l=u%hP\\MzP~!M9 x';
remember(SECRET);

const encodings: Record<string, (value: string) => string> = {
  plain: (value) => value,
  base64: (value) => Buffer.from(value).toString('base64'),
  base64url: (value) => Buffer.from(value).toString('base64url'),
  hex: (value) => Buffer.from(value).toString('hex'),
  'upper-case hex': (value) => Buffer.from(value).toString('hex').toUpperCase(),
  'URL component': encodeURIComponent,
  'form body': (value) => new URLSearchParams({ token: value }).toString(),
  'JSON string': (value) => JSON.stringify({ token: value }),
  'basic authorization': (value) => `Basic ${Buffer.from(`mdb_sa_id_1:${value}`).toString('base64')}`,
  'base64 of a longer text': (value) => Buffer.from(`{"a":1,"secret":"${value}","b":2}`).toString('base64'),
};

describe('a remembered value is taken out of a text', () => {
  test.each(Object.entries(encodings))('as %s', (_name, encode) => {
    const leak = `before ${encode(SECRET)} after`;
    const clean = redact(leak);
    expect(clean).toContain('[redacted]');
    expect(clean).toMatch(/^before .* after$/s);
    expect(piecesOf(SECRET).filter((piece) => clean.includes(piece))).toEqual([]);
  });

  test('wherever it stands, however often, in any encoding (property)', () => {
    const encode = fc.constantFrom(...Object.values(encodings));
    fc.assert(
      fc.property(fc.string(), fc.string(), encode, encode, (before, after, first, second) => {
        const clean = redact(`${before} ${first(SECRET)} ${after} ${second(SECRET)}`);
        return !clean.includes(first(SECRET)) && !clean.includes(second(SECRET));
      }),
    );
  });

  test('and JSON stays JSON', () => {
    const line = JSON.stringify({ detail: SECRET, list: [SECRET, 'other'] });
    expect(JSON.parse(redact(line))).toEqual({ detail: '[redacted]', list: ['[redacted]', 'other'] });
  });
});

test('other text stays as it is (property)', () => {
  fc.assert(fc.property(fc.string(), (text) => redact(text) === text));
});

describe('a JSON document', () => {
  const escapedOnce = Object.entries(encodings).flatMap(([name, encode]) => (name === 'JSON string' ? [] : [encode]));
  const withSecret = fc
    .tuple(fc.string(), fc.constantFrom(...escapedOnce), fc.string())
    .map(([before, encode, after]) => before + encode(SECRET) + after);
  const inner = (strings: fc.Arbitrary<string>) =>
    fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        strings,
        fc.oneof(fc.integer(), fc.boolean(), fc.constant(null)),
        fc.array(tie('value')),
        fc.dictionary(fc.constantFrom('name', 'text', 'content'), tie('value')),
      ),
    })).value;
  /** With documents among its strings, as the result of a tool is in the answer to its call. */
  const document = (strings: fc.Arbitrary<string>) =>
    inner(
      fc.oneof(
        strings,
        inner(strings).map((value) => JSON.stringify(value)),
      ),
    );

  test('has the value in no string, nor in those of the documents in them (property)', () => {
    fc.assert(
      fc.property(document(fc.oneof(fc.string(), withSecret)), (value) => {
        const clean: unknown = JSON.parse(redactJson(JSON.stringify(value)));
        expect(allStrings(clean).filter((text) => redact(text) !== text)).toEqual([]);
        expect(JSON.stringify(allStrings(clean))).not.toContain('canary');
      }),
    );
  });

  test('without the value stays as it is (property)', () => {
    fc.assert(
      fc.property(document(fc.string()), (value) => {
        expect(redactJson(JSON.stringify(value))).toBe(JSON.stringify(value));
      }),
    );
  });

  test('is redacted string by string: a value that looks like its structure changes nothing else', () => {
    const structural = '"list":["other-1"]';
    remember(structural);
    const value = { detail: structural, list: ['other-1'] };
    expect(JSON.parse(redactJson(JSON.stringify(value)))).toEqual({ detail: '[redacted]', list: ['other-1'] });
    disclose(structural);
  });

  test('is one line, however it was written', () => {
    expect(redactJson(JSON.stringify({ a: [1, 'two'] }, null, 2))).toBe('{"a":[1,"two"]}');
  });
});

test('of two values that begin alike the longer one is removed whole', () => {
  remember('al-alike-0123456789');
  remember('al-alike-0123456789-and-more');
  expect(redact('al-alike-0123456789-and-more al-alike-0123456789')).toBe('[redacted] [redacted]');
});

test('a short value is not remembered: it would blank out ordinary words', () => {
  remember('id');
  expect(redact('the id of an idea')).toBe('the id of an idea');
});

test('a model key that this process never held is taken out of text from outside', () => {
  const unknown = 'al-eu-jZsluhPMzPM9CFXepRWwMwvpZDDra6tZMgoAZKdodu2';
  expect(redactOutside(`key ${unknown}!`)).toBe('key [redacted]!');
  expect(redactOutside('mask al-****odu2')).toBe('mask al-****odu2');
});

test('a disclosed value is let through, others are not', () => {
  remember('al-shown-on-purpose');
  disclose('al-shown-on-purpose');
  expect(redact(`al-shown-on-purpose ${SECRET}`)).toBe('al-shown-on-purpose [redacted]');
});

describe('a value without the form of a secret', () => {
  const words = [
    'delivered',
    'ATLAS_OUTCOME_UNKNOWN',
    'rotate_ai_model_api_key',
    '69681d39c9e8cfd375386316',
    'a86r5kwrfsk5r5ku5tgvhmpj',
    '2026-01-15T16:47:49.855000+00:00',
    'sha256:9f86d081884c',
    'requestsPerMinuteLimit',
  ];
  test.each(words)('%s changes nothing of what this server says', (word) => {
    expect(hasSecretForm(word)).toBe(false);
    remember(word);
    onTestFinished(() => {
      disclose(word);
    });
    const said = JSON.stringify({ outcome: word, text: `the key is ${word}` });
    expect(redactJson(said)).toBe(said);
    expect(redact(`info: ${word}`)).toBe(`info: ${word}`);
    expect([redactOutside(word), sharesRun(word)]).toEqual([word, false]);
    expect(redactProse(`detail ${word}`)).toBe('detail [redacted]');
  });

  test.each([
    'al-abcdefghijklmnop',
    'al-eu-jZsluhPMzPMCFXepRWwMwvpZDDratZMgoAZKdodu',
    'mdb_sa_sk_0abcdefghijklmnopqrstuvwxyz',
    '0123abcd-45ef-6789-abcd-ef0123456789',
    'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl',
  ])('%s has it', (value) => {
    expect(hasSecretForm(value)).toBe(true);
  });
});

describe('a run of a secret in text from outside', () => {
  const HELD = 'al-q7Zp4LwX9vB2nM6kR8tY3uJ5hG1fD0sA-cE_iO7xWqT';
  remember(HELD);
  const bare = HELD.slice('al-'.length);
  const spaced = (every: number) => bare.replace(new RegExp(`.{${every}}`, 'g'), '$& \n');
  test.each<[string, string]>([
    ['without its beginning', bare],
    ['cut', bare.slice(10, 18)],
    ['wrapped in lines', spaced(20)],
    ['with a space behind each character', spaced(1)],
    ['with an invisible character behind each', bare.replace(/./g, '$&\u200b')],
    ['reversed', Array.from(bare).reverse().join('')],
    ['cut and reversed', Array.from(bare.slice(4, 14)).reverse().join('')],
    ['in capitals', bare.toUpperCase()],
    ['without its ending, in base64', Buffer.from(bare.slice(0, 21)).toString('base64')],
    ['cut, in hexadecimal', Buffer.from(bare.slice(5, 20)).toString('hex')],
    ['percent-encoded', Array.from(bare.slice(0, 20), (letter) => `%${letter.charCodeAt(0).toString(16)}`).join('')],
  ])('%s goes', (_how, piece) => {
    const clean = redactOutside(`the key of "${piece}", made today`);
    expect(clean).toMatch(/^the key of "[^A-Za-z0-9]*\[redacted\][^A-Za-z0-9]*", made today$/);
    expect(clean.length).toBeLessThan(80);
  });

  test('of seven characters stays, as masks show four', () => {
    const text = `${bare.slice(0, 7)} ${bare.slice(-7)} al-****${bare.slice(-4)}`;
    expect(redactOutside(text)).toBe(text);
  });

  test('is known of an id, and not after the secret was forgotten', () => {
    expect(sharesRun(`id-${bare.slice(3, 11)}`)).toBe(true);
    remember('al-forgotten-Zq81MxPw02Lk');
    expect(sharesRun('Zq81MxPw02Lk')).toBe(true);
    disclose('al-forgotten-Zq81MxPw02Lk');
    expect(sharesRun('Zq81MxPw02Lk')).toBe(false);
    expect(sharesRun(`id-${bare.slice(3, 11)}`)).toBe(true);
  });

  test('other text stays as it is (property)', () => {
    fc.assert(fc.property(fc.string(), (text) => redactOutside(text) === text));
  });

  test('wherever the run is cut from, none is left (property)', () => {
    const letters = bare.replace(/[^A-Za-z0-9]/g, '').toLowerCase();
    fc.assert(
      fc.property(fc.nat(bare.length - 8), fc.nat(30), fc.string(), fc.string(), (from, length, before, after) => {
        const clean = redactOutside(`${before}${bare.slice(from, from + 8 + length)}${after}`)
          .replace(/[^A-Za-z0-9]/g, '')
          .toLowerCase();
        for (let at = 0; at + 8 <= letters.length; at += 1) expect(clean).not.toContain(letters.slice(at, at + 8));
      }),
    );
  });
});

/** The strings of a JSON value, and of every JSON document that is one of them. */
function allStrings(value: unknown): string[] {
  if (typeof value === 'string') return [value, ...allStrings(parsed(value))];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(allStrings) : [];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Every stretch of 9 bytes of the secret, in every encoding and at every alignment of base64. */
function piecesOf(secret: string): string[] {
  const windows = Array.from({ length: secret.length - 8 }, (_unused, start) => secret.slice(start, start + 9));
  return windows.flatMap((piece) => [
    piece,
    encodeURIComponent(piece),
    JSON.stringify(piece).slice(1, -1),
    Buffer.from(piece).toString('hex'),
    ...[0, 1, 2].map((offset) =>
      Buffer.from(' '.repeat(offset) + piece)
        .toString('base64')
        .slice(offset + 1, 11),
    ),
  ]);
}
