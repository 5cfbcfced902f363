// The tables of the benchmark, as they stand in its document.

import { describe, expect, test } from 'vitest';
import { megabytes, milliseconds, spread, table, whole, withLastRun } from '../../bench/table.js';

describe('table', () => {
  test('is Markdown with columns of one width', () => {
    expect(
      table([
        ['', 'ms'],
        ['this server', 12],
      ]),
    ).toBe(['|             | ms  |', '| ----------- | --- |', '| this server | 12  |'].join('\n'));
  });

  test('keeps a cell one cell', () => {
    const [, , row] = table([['a'], ['one | two\nthree']]).split('\n');
    expect(row).toBe('| one \\| two three |');
  });
});

describe('numbers', () => {
  test('a spread is the median and the quartiles; of fewer than three samples there is none', () => {
    expect(spread({ median: 12.34, lower: 11, upper: 101.5, count: 9 })).toBe('12.3 (11.0 to 102)');
    expect(spread({ median: 12.34, lower: 11, upper: 101.5, count: 2 })).toBe('12.3');
    expect(spread({ median: 12_000, lower: 11_000, upper: 13_000, count: 3 }, whole)).toBe('12,000 (11,000 to 13,000)');
  });

  test.each([
    [0, '0.0'],
    [99.94, '99.9'],
    [99.96, '100'],
    [-250.4, '-250'],
  ])('%d ms is %s', (value, text) => {
    expect(milliseconds(value)).toBe(text);
  });

  test.each([
    [0, '0'],
    [999, '999'],
    [1000, '1,000'],
    [1_457_168, '1,457,168'],
    [-12_345.6, '-12,346'],
  ])('%d is %s', (value, text) => {
    expect(whole(value)).toBe(text);
  });

  test('a megabyte is a million bytes', () => {
    expect(megabytes(43_120_000)).toBe('43.1');
  });
});

describe('withLastRun', () => {
  const document = 'before\n<!-- last run -->\nold\n<!-- end of last run -->\nafter\n';

  test('replaces what is between the markers and nothing else', () => {
    expect(withLastRun(document, 'new\n')).toBe(
      'before\n<!-- last run -->\n\nnew\n\n<!-- end of last run -->\nafter\n',
    );
  });

  test('may be done over again, with any text', () => {
    expect(withLastRun(withLastRun(document, "$& $' one"), 'two')).toBe(withLastRun(document, 'two'));
  });

  test.each(['none', '<!-- end of last run -->\n<!-- last run -->'])(
    'refuses a document without markers: %s',
    (text) => {
      expect(() => withLastRun(text, 'new')).toThrow('has no');
    },
  );
});
