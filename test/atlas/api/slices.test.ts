// Part of a list, from any position to the end of its page.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Atlas } from '../../../src/atlas/atlas.ts';
import type { Result } from '../../../src/failure.ts';
import { START, type Position, type Slice } from '../../../src/atlas/api/pages.ts';
import {
  connect,
  connectByToken,
  failureOf,
  originOf,
  PROJECT,
  rowAt,
  sandboxFor,
  TOKEN,
  valueOf,
} from '../connection.ts';

const NEXT = [{ rel: 'next' }];
const KEYS = { groupId: PROJECT };
const rows = (count: number) => Array.from({ length: count }, (_, index) => ({ apiKeyId: `id${index}`, name: 'n' }));

async function keysIn(page: Record<string, unknown>, from = START) {
  const { url, arrivals } = await originOf(200, page);
  return { slice: valueOf(await connect(url, TOKEN).readKeys(KEYS, from)), path: arrivals[0]?.path };
}

async function walk<Row>(read: (from: Position) => Promise<Result<Slice<Row>>>): Promise<Row[]> {
  const found: Row[] = [];
  for (let from: Position | undefined = START; from !== undefined;) {
    const slice: Slice<Row> = valueOf(await read(from));
    found.push(...slice.rows);
    from = slice.next;
  }
  return found;
}

describe('a position', () => {
  test.each([
    [0, 500, 500],
    [1, 499, 500],
    [499, 1, 500],
    [500, 500, 1000],
    [999, 1, 1000],
    [1000, 3, undefined],
    [1002, 1, undefined],
    [1003, 0, undefined],
    [1500, 0, undefined],
  ])('%i gives %i rows, and next is %s', async (from, count, next) => {
    const sandbox = await sandboxFor();
    const ids = Array.from({ length: 1003 }, (_, n) => sandbox.addKey(PROJECT, { name: `Key ${n}` }).apiKeyId);
    const slice = valueOf(await connectByToken(sandbox).readKeys(KEYS, rowAt(from)));
    expect(slice.rows.map(({ apiKeyId }) => apiKeyId)).toEqual(ids.slice(from, from + count));
    expect([slice.next, slice.total]).toEqual([next && rowAt(next), 1003]);
    expect(sandbox.requests.map(({ path }) => path)).toEqual([
      `/api/atlas/v2/groups/${PROJECT}/aiModelApiKeys?itemsPerPage=500&pageNum=${Math.floor(from / 500) + 1}`,
    ]);
  });

  test('anywhere gives the rows from there on', async () => {
    const sandbox = await sandboxFor();
    const ids = Array.from({ length: 1200 }, (_, n) => sandbox.addKey(PROJECT, { name: `Key ${n}` }).apiKeyId);
    const atlas = connectByToken(sandbox);
    const property = fc.asyncProperty(fc.integer({ min: 0, max: 1300 }), async (from) => {
      const { rows: found, next } = valueOf(await atlas.readKeys(KEYS, rowAt(from)));
      expect(found.map(({ apiKeyId }) => apiKeyId)).toEqual(ids.slice(from, next?.before));
      expect(next === undefined || next.before > from).toBe(true);
    });
    await fc.assert(property, { numRuns: 25 });
  });

  test('beyond every list is refused unsent', async () => {
    const sandbox = await sandboxFor();
    const atlas = connectByToken(sandbox);
    const beyond = [rowAt(50_000), { page: 501, skip: 0, before: 500 }, { page: 1, skip: 0, before: 50_000 }];
    for (const from of beyond) {
      expect(failureOf(await atlas.readKeys(KEYS, from))).toMatchObject({
        code: 'ATLAS_PROTOCOL',
        maybeCarriedOut: false,
      });
    }
    expect(sandbox.requests).toEqual([]);
    expect(valueOf(await atlas.readKeys(KEYS, rowAt(49_999)))).toMatchObject({ rows: [], total: 0 });
  });

  test.each([
    { ...START, page: 0 },
    { ...START, page: 1.5 },
    { ...START, skip: -1 },
    { ...START, skip: 501 },
    { ...START, before: Number.NaN },
    { ...START, before: 2 ** 53 },
  ])('%j is none', async (from) => {
    const sandbox = await sandboxFor();
    const atlas = connectByToken(sandbox);
    await expect(atlas.readKeys(KEYS, from)).rejects.toThrow(RangeError);
    await expect(atlas.readProjects(undefined, from)).rejects.toThrow(RangeError);
    expect(sandbox.requests).toEqual([]);
  });
});

describe('the end', () => {
  test.each([
    ['a short page without links and count', { results: rows(499) }],
    ['a short page without a next link', { results: rows(499), links: [{ rel: 'self' }] }],
    ['a short page that completes the count', { results: rows(100), totalCount: 100 }],
    ['an empty page, whatever it links to and counts', { results: [], links: NEXT, totalCount: 10_000 }],
  ])('is %s', async (_what, page) => {
    const { slice } = await keysIn(page);
    expect(slice).not.toHaveProperty('next');
  });

  test.each([
    ['a full page', { results: rows(500) }],
    ['a short page with a next link', { results: rows(100), links: NEXT }],
    ['a short page below the count', { results: rows(100), totalCount: 101 }],
  ])('is not %s', async (_what, page) => {
    const { slice } = await keysIn(page);
    expect(slice.next).toEqual({ page: 2, skip: 0, before: page.results.length });
  });

  test('is not a full page of which few rows are wanted', async () => {
    const { slice, path } = await keysIn({ results: rows(500), links: NEXT }, rowAt(2999));
    expect([slice.rows.length, slice.next]).toEqual([1, rowAt(3000)]);
    expect(path).toMatch(/pageNum=6$/);
  });
});

test.each([
  [0, 0],
  [7, 7],
  [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  [2 ** 53, undefined],
  [-1, undefined],
  [1.5, undefined],
  ['7', undefined],
  [null, undefined],
  [[7], undefined],
  [undefined, undefined],
])('totalCount %j is the total %s', async (totalCount, total) => {
  const { slice } = await keysIn({ results: rows(1), totalCount });
  expect(slice.total).toBe(total);
  expect('total' in slice).toBe(total !== undefined);
});

test('an organization of 10,000 keys in 300 projects', async () => {
  const sandbox = await sandboxFor();
  while (sandbox.projects.length < 300) sandbox.addProject();
  const { projects, orgId } = sandbox;
  const made = Array.from({ length: 10_000 }, (_, n) => {
    const { apiKeyId, groupId } = sandbox.addKey(projects[n % 300]?.id ?? '', { name: `Key ${n}` });
    return `${apiKeyId} ${groupId}`;
  });
  const atlas = connectByToken(sandbox);
  const keys = await walk((from) => atlas.readKeys({ orgId }, from));
  expect(keys.map(({ apiKeyId, groupId }) => `${apiKeyId} ${groupId ?? ''}`)).toEqual(made);
  expect(sandbox.requests.map(({ operation }) => operation)).toEqual(Array(21).fill('list_org_keys'));
});

test("another's organization is refused, with the role that would do", async () => {
  const { url } = await originOf(403, { error: 403, errorCode: 'USER_UNAUTHORIZED' });
  const hintOf = async (read: (atlas: Atlas) => Promise<Result<unknown>>) =>
    failureOf(await read(connect(url, TOKEN))).hint;
  expect(await hintOf((atlas) => atlas.readKeys({ orgId: PROJECT }, START))).toContain('Organization Read Only');
  expect(await hintOf((atlas) => atlas.readKeys(KEYS, START))).toContain('Project Read Only');
  expect(await hintOf((atlas) => atlas.readProjects(PROJECT, START))).toContain('Organization Read Only');
  expect(await hintOf((atlas) => atlas.listRateLimits({ orgId: PROJECT }))).toContain('Organization Read Only');
});

test('a caller who left has nothing sent', async () => {
  const sandbox = await sandboxFor();
  const atlas = connectByToken(sandbox);
  const left = AbortSignal.abort();
  for (const result of [
    await atlas.readKeys(KEYS, START, left),
    await atlas.readProjects(undefined, START, left),
    await atlas.listProjects(undefined, left),
    await atlas.listRateLimits(KEYS, left),
    await atlas.describeCredential(left),
  ])
    expect(failureOf(result).code).toBe('CANCELLED');
  expect(sandbox.requests).toEqual([]);
});
