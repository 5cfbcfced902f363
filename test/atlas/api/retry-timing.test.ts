// When a call is repeated and after how long, without waiting for it.

import { describe, expect, test } from 'vitest';
import type { Failure } from '../../../src/failure.ts';
import { retryAfterSeconds } from '../../../src/atlas/api/errors.ts';
import { waitBeforeRepeat } from '../../../src/atlas/api/admin-api.ts';

const unavailable: Failure = {
  code: 'ATLAS_UNAVAILABLE',
  message: '',
  hint: '',
  retryable: true,
  maybeCarriedOut: true,
};
const limited: Failure = { ...unavailable, code: 'ATLAS_RATE_LIMITED', atlas: { status: 429 } };
const FIRST = { method: 'GET', failure: unavailable, repeats: 0, elapsedMs: 10 } as const;

/** The shortest and the longest wait. */
const waits = (tried: Parameters<typeof waitBeforeRepeat>[0]) =>
  [0, 1].map((random) => waitBeforeRepeat(tried, random));

test.each([
  [0, [200, 300]],
  [1, [600, 900]],
  [2, [undefined, undefined]],
])('where nothing is asked for, after %i repeats: %j ms', (repeats, expected) => {
  expect(waits({ ...FIRST, repeats })).toEqual(expected);
});

describe.each([
  ['503', unavailable],
  ['429', limited],
])('Retry-After of a %s', (_status, failure) => {
  test.each([
    [0, [500, 600]],
    [1, [1_000, 1_200]],
    [7, [7_000, 8_400]],
    [20, [20_000, 24_000]],
    [21, [undefined, undefined]],
    [86_400, [undefined, undefined]],
  ])('%i s is waited for, and up to a fifth more: %j ms', (seconds, expected) => {
    expect(waits({ ...FIRST, failure: { ...failure, retryAfterSeconds: seconds } })).toEqual(expected);
  });

  test('of 0 is not sooner the second time than without one', () => {
    expect(waits({ ...FIRST, repeats: 1, failure: { ...failure, retryAfterSeconds: 0 } })).toEqual([600, 720]);
  });
});

test('a 429 that asks for nothing is waited for a second', () => {
  expect(waits({ ...FIRST, failure: limited })).toEqual([1_000, 1_200]);
});

test.each<[string, Partial<Parameters<typeof waitBeforeRepeat>[0]>]>([
  ['a create', { method: 'POST' }],
  ['a change', { method: 'PATCH' }],
  ['what took long', { elapsedMs: 5_001 }],
  ['what will not pass', { failure: { ...unavailable, retryable: false } }],
  ['a refusal', { failure: { ...unavailable, code: 'ATLAS_REJECTED' } }],
  ['the limit of live tokens', { failure: { ...limited, atlas: { status: 403 } } }],
])('%s is not repeated', (_what, tried) => {
  expect(waits({ ...FIRST, ...tried })).toEqual([undefined, undefined]);
});

test('a delete is, as a read is', () => {
  expect(waits({ ...FIRST, method: 'DELETE' })).toEqual([200, 300]);
});

test.each([
  ['0', 0],
  ['120', 120],
  ['Wed, 25 Nov 2026 20:00:30 GMT', 30],
  ['Wed, 25 Nov 2026 19:00:00 GMT', 0],
  ['soon', undefined],
  ['-1', undefined],
  ['1.5', undefined],
  [undefined, undefined],
])('the header %j says %j', (header, expected) => {
  expect(retryAfterSeconds(header, Date.UTC(2026, 10, 25, 20))).toBe(expected);
});
