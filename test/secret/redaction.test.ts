import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { disclose, redact, redactJson, redactOutside, remember } from '../../src/secret/redaction.ts';

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

  test('holds the value in none of its strings, nor in those of the documents in them (property)', () => {
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
    const structural = '"list":["other"]';
    remember(structural);
    const value = { detail: structural, list: ['other'] };
    expect(JSON.parse(redactJson(JSON.stringify(value)))).toEqual({ detail: '[redacted]', list: ['other'] });
    disclose(structural);
  });

  test('is one line, however it was written', () => {
    expect(redactJson(JSON.stringify({ a: [1, 'two'] }, null, 2))).toBe('{"a":[1,"two"]}');
  });
});

test('of two values that begin alike nothing of the longer one is left', () => {
  remember('al-alike');
  remember('al-alike-and-more');
  expect(redact('al-alike-and-more al-alike')).toBe('[redacted] [redacted]');
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
