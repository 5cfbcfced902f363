// Lists of keys: over all pages to their true end, and as a whole or not at all.

import { describe, expect, test } from 'vitest';
import { hasId } from '../../../src/atlas/api/keys.ts';
import {
  connect,
  connectByToken,
  failureOf,
  log,
  originFor,
  originOf,
  PROJECT,
  sandboxFor,
  TOKEN,
  valueOf,
} from '../connection.ts';
import { isNamed } from '../shipped-atlas.ts';

const NEXT = [{ rel: 'next', href: 'https://elsewhere.example/api/atlas/v2/groups?pageNum=99' }];

interface Paging {
  readonly links?: boolean;
  readonly count?: boolean;
  /** Where the count is not the true one. */
  readonly counted?: number;
}

/** A server that gives at most so many rows a page, whatever it is asked for. */
function pagesOf(all: readonly object[], size: number, { links, count, counted = all.length }: Paging) {
  return originFor((response, { path }) => {
    const page = Number(new URL(path, 'http://localhost').searchParams.get('pageNum'));
    response.end(
      JSON.stringify({
        results: all.slice((page - 1) * size, page * size),
        ...(links && page * size < all.length && { links: NEXT }),
        ...(count && { totalCount: counted }),
      }),
    );
  });
}

const row = (apiKeyId: unknown) => ({ apiKeyId, name: `Key ${String(apiKeyId)}` });
const rows = (count: number) => Array.from({ length: count }, (_, index) => row(`id${index}`));

describe('pages', () => {
  test.each([
    [0, 1],
    [1, 1],
    [499, 1],
    [500, 2],
    [501, 2],
    [1_000, 3],
  ])('%i keys in %i requests', async (count, requests) => {
    const sandbox = await sandboxFor();
    const made = Array.from(
      { length: count },
      (_, index) => sandbox.addKey(PROJECT, { name: `Key ${index}` }).apiKeyId,
    );
    const keys = valueOf(await connectByToken(sandbox).listKeys(PROJECT));
    expect(keys.map(({ apiKeyId }) => apiKeyId)).toEqual(made);
    const path = `/api/atlas/v2/groups/${PROJECT}/aiModelApiKeys`;
    expect(sandbox.requests.map((each) => each.path)).toEqual(
      Array.from({ length: requests }, (_, index) => `${path}?itemsPerPage=500&pageNum=${index + 1}`),
    );
  });

  test.each<[string, number, Paging]>([
    ['links and a count', 500, { links: true, count: true }],
    ['a count only', 500, { count: true }],
    ['links only', 500, { links: true }],
    ['neither, but full pages', 500, {}],
    ['links and a count, 100 rows a page', 100, { links: true, count: true }],
    ['a count only, 100 rows a page', 100, { count: true }],
    ['links only, 100 rows a page', 100, { links: true }],
    ['a count that is too small, and links', 100, { links: true, count: true, counted: 3 }],
    ['a count that is too large', 100, { count: true, counted: 5_000 }],
  ])('are read to their end by %s', async (_what, size, paging) => {
    const { url } = await pagesOf(rows(1_003), size, paging);
    const keys = valueOf(await connect(url, TOKEN).listKeys(PROJECT));
    expect(keys.map(({ apiKeyId }) => apiKeyId)).toEqual(rows(1_003).map(({ apiKeyId }) => apiKeyId));
  });

  test.each([[undefined], [null], [[]], [[null, 'next', { rel: 'self' }]], [{ rel: 'next' }]])(
    'a short page whose links are %j is the last',
    async (links) => {
      const { url, arrivals } = await originOf(200, { results: rows(499), links, totalCount: 499 });
      expect(valueOf(await connect(url, TOKEN).listKeys(PROJECT))).toHaveLength(499);
      expect(arrivals).toHaveLength(1);
    },
  );

  test('a key that two pages show, since another was inserted, is one: as it was shown last', async () => {
    const { url } = await originFor((response, _arrival, count) =>
      response.end(
        JSON.stringify(
          count === 1
            ? { results: rows(500), totalCount: 502 }
            : { results: [{ apiKeyId: 'id499', name: 'renamed' }, row('last')], totalCount: 502 },
        ),
      ),
    );
    const keys = valueOf(await connect(url, TOKEN).listKeys(PROJECT));
    expect(keys).toHaveLength(501);
    expect(keys.filter(({ apiKeyId }) => apiKeyId === 'id499')).toMatchObject([{ name: 'renamed' }]);
  });

  test('a list of which every page is as large as can be is given up before it fills the memory', async () => {
    const name = 'x'.repeat(15_000);
    const large = Array.from({ length: 500 }, (_, index) => ({ apiKeyId: `id${index}`, name }));
    const { url, arrivals } = await originOf(200, { results: large, links: NEXT });
    expect(failureOf(await connect(url, TOKEN).listKeys(PROJECT))).toMatchObject({
      code: 'ATLAS_PROTOCOL',
      maybeCarriedOut: false,
    });
    expect(arrivals.length).toBeLessThan(12);
    // 64 MB over HTTP, on a machine that does other things too.
  }, 120_000);

  test('pages of one row without end are given up', async () => {
    const { url, arrivals } = await originOf(200, { results: rows(1), links: NEXT });
    expect(failureOf(await connect(url, TOKEN).listKeys(PROJECT)).code).toBe('ATLAS_PROTOCOL');
    expect(arrivals).toHaveLength(500);
  });

  test('a next link is not followed where it points: only its being there counts', async () => {
    const { url, arrivals } = await originFor((response, _arrival, count) =>
      response.end(
        JSON.stringify({ results: rows([0, 500, 503][count] ?? 0).slice(count === 2 ? 500 : 0), links: NEXT }),
      ),
    );
    expect(valueOf(await connect(url, TOKEN).listKeys(PROJECT))).toHaveLength(503);
    expect(arrivals[1]?.path).toMatch(/\/aiModelApiKeys\?itemsPerPage=500&pageNum=2$/);
  });

  test('a list without end is given up', async () => {
    const { url, arrivals } = await originOf(200, { results: rows(500), links: NEXT });
    expect(failureOf(await connect(url, TOKEN).listKeys(PROJECT)).code).toBe('ATLAS_PROTOCOL');
    expect(arrivals.length).toBeLessThan(200);
  });

  test('a page that fails fails the list: half a list would make a taken name look free', async () => {
    const sandbox = await sandboxFor();
    for (let index = 0; index < 501; index += 1) sandbox.addKey(PROJECT, { name: `Key ${index}` });
    sandbox.inject({ operation: 'list_keys', when: 'before', skip: 1, kind: 'status', status: 403 });
    expect(failureOf(await connectByToken(sandbox).listKeys(PROJECT)).code).toBe('ATLAS_PROTOCOL');
    expect(log(sandbox)).toEqual(['list_keys 200', 'list_keys 403']);
  });
});

describe('rows', () => {
  test('have their fields, cleaned, without a secret even where one is sent', async () => {
    const secret = 'al-0123456789abcdefghijABCDEFGHIJ';
    const { url } = await originOf(200, {
      results: [
        {
          ...row('id'),
          name: 'a\u202eb',
          lastUsedAt: null,
          secret,
          maskedSecret: secret,
          endpoint: 'eu.ai.mongodb.com',
        },
      ],
    });
    expect(valueOf(await connect(url, TOKEN).listKeys(PROJECT))).toEqual([
      { apiKeyId: 'id', name: 'a\\u{202E}b', lastUsedAt: null, endpoint: 'eu.ai.mongodb.com' },
    ]);
  });

  test.each([
    { name: 'no id' },
    row(null),
    row(7),
    row(''),
    row('..'),
    row('a/b'),
    row('a\u200bb'),
    row('x'.repeat(129)),
    null,
    'id',
    [],
  ])('one without an id is listed without one: %j', async (odd) => {
    const { url } = await originOf(200, { results: [row('id1'), odd, row('id2'), odd] });
    const keys = valueOf(await connect(url, TOKEN).listKeys(PROJECT));
    expect(keys.map(({ apiKeyId }) => apiKeyId)).toEqual(['id1', undefined, 'id2', undefined]);
    expect(keys.map((key) => hasId(key))).toEqual([true, false, true, false]);
  });

  test('of the sandbox without ids have their names', async () => {
    const sandbox = await sandboxFor();
    sandbox.addKey(PROJECT, { name: 'Key' });
    sandbox.inject({ operation: 'list_keys', when: 'before', kind: 'omit', fields: ['apiKeyId'] });
    const [key] = valueOf(await connectByToken(sandbox).listKeys(PROJECT));
    expect(key && isNamed(key, 'Key')).toBe(true);
  });

  test('have words of any form as they are, cleaned', async () => {
    const odd = { cloud: 'A B', geography: 'eu.west', status: 'NOT \u202eACTIVE', createdAt: 'yesterday' };
    const { url } = await originOf(200, { results: [{ ...row('id'), ...odd }] });
    expect(valueOf(await connect(url, TOKEN).listKeys(PROJECT))).toEqual([
      { ...row('id'), ...odd, status: 'NOT ACTIVE', lastUsedAt: null },
    ]);
  });
});

test.each(['', 'null', '[]', '{}', '{"results":null}', '{"results":{"0":{}}}', '{"results":[', '<html></html>'])(
  'the body %j is not a list',
  async (body) => {
    const { url } = await originOf(200, body);
    const failure = failureOf(await connect(url, TOKEN).listKeys(PROJECT));
    expect(failure.code).toBe('ATLAS_PROTOCOL');
    expect(failure.hint).toContain('MONGODB_ATLAS_BASE_URL');
  },
);
