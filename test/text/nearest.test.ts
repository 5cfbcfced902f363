// What somebody probably meant: the nearest words, with bounded work.

import { expect, test } from 'vitest';
import { nearest } from '../../src/text/text.ts';

const named = (name: string) => name;

test('the nearest come first, at most so many', () => {
  const words = ['embed_small', 'rerank', 'embed_large', 'embed_context'];
  expect(nearest('embed_lage', words, named, 2)).toEqual(['embed_large', 'embed_small']);
  expect(nearest('x', [], named, 2)).toEqual([]);
});

test('10,000 names of 250 characters are compared by their beginnings', () => {
  const names = Array.from({ length: 10_000 }, (_, index) => `project ${index} ${'x'.repeat(240)}`);
  expect(nearest(`projekt 7777 ${'x'.repeat(240)}`, names, named, 1)).toEqual([names[7_777]]);
});

test('what is beyond the 10,000th is not looked at', () => {
  let looked = 0;
  const counted = (name: string) => {
    looked += 1;
    return name;
  };
  nearest('x', Array<string>(50_000).fill('y'), counted, 1);
  expect(looked).toBe(10_000);
});
