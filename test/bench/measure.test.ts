// The statistics of the benchmark, on numbers whose outcome is known.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { difference, growth, pairwise, quantile, ratio, rotated, summary } from '../../bench/measure.js';

/** Without -0, which a measurement never is, and which `toBe` tells from 0. */
const sample = fc.double({ min: -1e6, max: 1e6, noNaN: true }).map((value) => value + 0);
const samples = fc.array(sample, { minLength: 1, maxLength: 40 });

describe('summary', () => {
  test('is the median and the quartiles, in whatever order the samples came', () => {
    expect(summary([9, 1, 5, 3, 7])).toEqual({ median: 5, lower: 3, upper: 7, count: 5 });
  });

  test('interpolates between two samples', () => {
    expect(summary([1, 2, 3, 4])).toEqual({ median: 2.5, lower: 1.75, upper: 3.25, count: 4 });
  });

  test('of one sample is that sample', () => {
    expect(summary([4])).toEqual({ median: 4, lower: 4, upper: 4, count: 1 });
  });

  test('is not moved by one run that something held up', () => {
    expect(summary([10, 11, 12, 13, 5000]).median).toBe(12);
    expect(summary([10, 11, 12, 13, 5000]).upper).toBe(13);
  });

  test('leaves the samples as they are', () => {
    const given = [3, 1, 2];
    summary(given);
    expect(given).toEqual([3, 1, 2]);
  });

  test('of nothing is an error, not a number', () => {
    expect(() => summary([])).toThrow(RangeError);
  });
});

describe('quantile', () => {
  test('at both ends is the least and the greatest', () => {
    fc.assert(
      fc.property(samples, (given) => {
        expect(quantile(given, 0)).toBe(Math.min(...given));
        expect(quantile(given, 1)).toBe(Math.max(...given));
      }),
    );
  });

  test('has its share of the samples at or below it', () => {
    fc.assert(
      fc.property(samples, fc.double({ min: 0, max: 1, noNaN: true }), (given, share) => {
        const value = quantile(given, share);
        const below = given.filter((sample) => sample <= value + 1e-6).length;
        expect(below).toBeGreaterThanOrEqual(Math.floor((given.length - 1) * share) + 1);
      }),
    );
  });
});

test('samples of the same round are compared with each other', () => {
  expect(pairwise([6, 20], [3, 5], ratio)).toEqual([2, 4]);
  expect(pairwise([6, 20], [3, 5], difference)).toEqual([3, 15]);
  expect(() => pairwise([1, 2], [1], ratio)).toThrow(RangeError);
});

test('each round begins with another one, and leaves none out', () => {
  expect([0, 1, 2, 3].map((round) => rotated(['a', 'b', 'c'], round).join(''))).toEqual(['abc', 'bca', 'cab', 'abc']);
});

test('growth is what each further unit adds', () => {
  expect(growth([10, 5], [1010, 2005])).toBe(2);
});
