// Pages: their limits, their links, and that thousands of rows come through them whole.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Simulator, SimulatorOptions } from '../atlas-simulator/simulator.ts';
import { call, FIRST_PROJECT, KEYS, sandboxFor, type Fields, type Received } from './client.ts';

function nextOf(reply: Received): string | undefined {
  const links: unknown = reply.json.links;
  const found: unknown = Array.isArray(links) ? links.find((link: Fields) => link.rel === 'next') : undefined;
  return typeof found === 'object' && found !== null && 'href' in found ? String(found.href) : undefined;
}

/** Follows the next links to their end. */
async function walk(sandbox: Simulator, path: string): Promise<{ rows: Fields[]; pages: number[] }> {
  const rows: Fields[] = [];
  const pages: number[] = [];
  for (let next: string | undefined = path; next !== undefined;) {
    const reply = await call(sandbox, 'GET', next);
    expect(reply.status).toBe(200);
    rows.push(...reply.rows);
    pages.push(reply.rows.length);
    next = nextOf(reply)?.replace(`${sandbox.baseUrl}/api/atlas/v2`, '');
  }
  return { rows, pages };
}

test('2,000 keys and 300 projects are seeded and paged through', async () => {
  const sandbox = await sandboxFor();
  const ids = Array.from({ length: 2000 }, (_, n) => sandbox.addKey(FIRST_PROJECT, { name: `key ${n}` }).apiKeyId);
  while (sandbox.projects.length < 300) sandbox.addProject();
  const keys = await walk(sandbox, `${KEYS}?itemsPerPage=500`);
  expect(keys.pages).toEqual([500, 500, 500, 500]);
  expect(keys.rows.map(({ apiKeyId }) => apiKeyId)).toEqual(ids);
  const projects = await walk(sandbox, '/groups');
  expect(projects.pages).toEqual([100, 100, 100]);
  expect(projects.rows.map(({ id }) => id)).toEqual(sandbox.projects.map(({ id }) => id));
  expect((await call(sandbox, 'GET', `/orgs/${sandbox.orgId}/aiModelApiKeys`)).json.totalCount).toBe(2000);
});

test('any size of page gives every key once, in order', async () => {
  const sandbox = await sandboxFor();
  const counts = fc.integer({ min: 0, max: 12 });
  const sizes = fc.integer({ min: 1, max: 14 });
  const property = fc.asyncProperty(counts, sizes, async (count, size) => {
    for (const { apiKeyId } of sandbox.keys()) sandbox.removeKey(apiKeyId);
    const ids = Array.from({ length: count }, (_, n) => sandbox.addKey(FIRST_PROJECT, { name: `${n}` }).apiKeyId);
    const { rows, pages } = await walk(sandbox, `${KEYS}?itemsPerPage=${size}`);
    expect(rows.map(({ apiKeyId }) => apiKeyId)).toEqual(ids);
    expect(pages).toHaveLength(Math.max(1, Math.ceil(count / size)));
  });
  await fc.assert(property, { numRuns: 40 });
});

test('the links of a page in the middle', async () => {
  const sandbox = await sandboxFor();
  for (const name of ['a', 'b', 'c']) sandbox.addKey(FIRST_PROJECT, { name });
  const reply = await call(sandbox, 'GET', `${KEYS}?pageNum=2&itemsPerPage=1`);
  const href = (page: number) => `${sandbox.baseUrl}/api/atlas/v2${KEYS}?pageNum=${page}&itemsPerPage=1`;
  expect(reply.json).toMatchObject({
    totalCount: 3,
    links: [
      { rel: 'self', href: href(2) },
      { rel: 'previous', href: href(1) },
      { rel: 'next', href: href(3) },
    ],
  });
  expect(reply.rows).toMatchObject([{ name: 'b' }]);
});

test('a page beyond the end is empty and has no next', async () => {
  const sandbox = await sandboxFor();
  const reply = await call(sandbox, 'GET', `${KEYS}?pageNum=9`);
  expect([reply.status, reply.rows, nextOf(reply)]).toEqual([200, [], undefined]);
});

test.each(['itemsPerPage=0', 'itemsPerPage=501', 'itemsPerPage=x', 'itemsPerPage=-1', 'pageNum=0', 'pageNum=1.5'])(
  '%s is refused',
  async (query) => {
    const reply = await call(await sandboxFor(), 'GET', `${KEYS}?${query}`);
    expect(reply).toMatchObject({ status: 400, json: { errorCode: 'VALIDATION_ERROR' } });
    expect(reply.json.badRequestDetail).toMatchObject({ fields: [{ field: query.split('=')[0] }] });
  },
);

test('a page of 500 is the largest', async () => {
  expect((await call(await sandboxFor(), 'GET', `${KEYS}?itemsPerPage=500`)).status).toBe(200);
});

describe('what Atlas does not promise', () => {
  const scene = async (options: SimulatorOptions) => {
    const sandbox = await sandboxFor(options);
    for (const name of ['a', 'b', 'c', 'd', 'e']) sandbox.addKey(FIRST_PROJECT, { name });
    return sandbox;
  };
  const page = (sandbox: Simulator, query = '') => call(sandbox, 'GET', `${KEYS}${query}`);

  test('pageCap: a page is smaller than asked for, and the next begins where it ends', async () => {
    const sandbox = await scene({ pageCap: 2 });
    const { rows, pages } = await walk(sandbox, `${KEYS}?itemsPerPage=500`);
    expect([rows.map(({ name }) => name).join(''), pages]).toEqual(['abcde', [2, 2, 1]]);
    expect((await page(sandbox)).json.totalCount).toBe(5);
    expect((await page(sandbox, '?itemsPerPage=1&pageNum=3')).rows).toMatchObject([{ name: 'c' }]);
    expect((await page(sandbox, '?itemsPerPage=501')).status).toBe(400);
  });
});
