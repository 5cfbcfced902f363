// The limits next to what was measured, on results whose outcome is known.

import { expect, test } from 'vitest';
import { limitsTable } from '../../bench/limits.js';
import { summary } from '../../bench/measure.js';

/** What a table says of the row that begins so: measured, at most, kept. */
function row(table: string, name: string): string[] | undefined {
  const line = table.split('\n').find((each) => each.startsWith(`| ${name}`));
  return line
    ?.split('|')
    .slice(2, -1)
    .map((cell) => cell.trim());
}

const creates = { requests: ['list_keys, create_key'], ownMs: summary([5]), aboveLeastMs: summary([2]) };

function createsWith(firstMore: readonly number[]) {
  const [firstMoreStarts, firstMoreLeasts] = [summary(firstMore), summary([1])];
  return { create: { latencies: [{ second: creates, further: creates, firstMoreStarts, firstMoreLeasts }] } };
}

test('what has a spread is shown with it, and its median is judged', () => {
  expect(row(limitsTable(createsWith([1.2, 1.5, 3])), 'first create')).toEqual(['1.50 (1.35 to 2.25)', '2.14', 'yes']);
  expect(row(limitsTable(createsWith([1.2, 2.2, 3])), 'first create')).toEqual(['2.20 (1.70 to 2.60)', '2.14', 'NO']);
});

test('a count is shown without a range, and may be as much as the limit', () => {
  const size = { bundle: 1_000_000, toolList: { shown: 901 } };
  expect(row(limitsTable({ size }), 'bytes of the two files')).toEqual(['1,000,000', '1,000,000', 'yes']);
  expect(row(limitsTable({ size }), 'bytes that a model sees')).toEqual(['901', '900', 'NO']);
});

test('of the requests of a create the most that there were count', () => {
  const second = { ...creates, requests: ['list_keys, create_key', 'token, list_keys, list_keys, create_key'] };
  const latencies = [{ second, further: creates, firstMoreStarts: summary([1]), firstMoreLeasts: summary([1]) }];
  expect(row(limitsTable({ create: { latencies } }), 'requests of a create')).toEqual(['4', '3', 'NO']);
});

test('what was not measured has no row', () => {
  expect(row(limitsTable(createsWith([1])), 'bytes')).toBeUndefined();
  expect(row(limitsTable({}), 'requests')).toBeUndefined();
});
