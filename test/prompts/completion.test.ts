import fc from 'fast-check';
import { expect, test } from 'vitest';
import { completed } from '../../src/prompts/prompt-catalog.ts';

const all = (names: readonly string[]) => ({ names, isAll: true });

test('names that begin with it come first, then those that have it, without regard to case', () => {
  const names = ['Preproduction', 'staging', 'PRODUCTION eu', 'production'];
  expect(completed(all(names), 'Prod')).toEqual({
    values: ['production', 'PRODUCTION eu', 'Preproduction'],
    total: 3,
    hasMore: false,
  });
});

test('however a letter is composed', () => {
  expect(completed(all(['Stra\u00dfe', 'cafe\u0301']), 'CAF\u00c9').values).toEqual(['cafe\u0301']);
});

test('the same name twice is one value', () => {
  expect(completed(all(['a', 'a', 'b']), '')).toEqual({ values: ['a', 'b'], total: 2, hasMore: false });
});

test('nothing fits', () => {
  expect(completed(all(['a']), 'b')).toEqual({ values: [], total: 0, hasMore: false });
});

test('at most 100 values, with how many there are', () => {
  const names = Array.from({ length: 101 }, (_unused, index) => `key-${index}`);
  const { values, ...rest } = completed(all(names), 'key');
  expect(values).toHaveLength(100);
  expect(rest).toEqual({ total: 101, hasMore: true });
  expect(completed(all(names.slice(1)), 'key').hasMore).toBe(false);
});

test('of a list that was not read to its end it is not known how many fit', () => {
  expect(completed({ names: ['a', 'b'], isAll: false }, 'a')).toEqual({ values: ['a'], hasMore: true });
});

test('whatever the names and the text: each value is a name that has it, once', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'binary' })),
      fc.string({ unit: 'binary', maxLength: 3 }),
      (names, typed) => {
        const { values, total } = completed(all(names), typed);
        const fold = (text: string) => text.normalize('NFC').toLowerCase();
        const fitting = new Set(names.filter((name) => fold(name).includes(fold(typed))));
        expect(new Set(values)).toEqual(fitting);
        expect([values.length, total]).toEqual([fitting.size, fitting.size]);
      },
    ),
  );
});
