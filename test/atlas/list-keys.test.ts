// Lists of keys: over all pages to their true end, and as a whole or not at all.

import { describe, expect, test } from 'vitest';
import {
  connect,
  connectByToken,
  failureOf,
  log,
  originFor,
  originOf,
  PROJECT,
  sandboxFor,
  tokenOf,
  valueOf,
} from './connection.ts';

const TOKEN = tokenOf('a-token-of-the-test');
const NEXT = [{ rel: 'next', href: 'https://elsewhere.example/api/atlas/v2/groups?pageNum=99' }];

const row = (apiKeyId: unknown) => ({ apiKeyId, name: `Key ${String(apiKeyId)}` });
const rows = (count: number) => Array.from({ length: count }, (_, index) => row(`id${index}`));

describe('pages', () => {
  test.each([
    [0, 1],
    [1, 1],
    [500, 1],
    [501, 2],
    [1_000, 2],
    [2_000, 4],
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

  test('a short page is the last, whatever it links to and counts', async () => {
    const { url, arrivals } = await originOf(200, { results: rows(499), links: NEXT, totalCount: 10_000 });
    expect(valueOf(await connect(url, TOKEN).listKeys(PROJECT))).toHaveLength(499);
    expect(arrivals).toHaveLength(1);
  });

  test.each([[undefined], [null], [[]], [[null, 'next', { rel: 'self' }]], [{ rel: 'next' }]])(
    'a full page without a next link is the last too: %j',
    async (links) => {
      const { url, arrivals } = await originOf(200, { results: rows(500), links, totalCount: 10_000 });
      expect(valueOf(await connect(url, TOKEN).listKeys(PROJECT))).toHaveLength(500);
      expect(arrivals).toHaveLength(1);
    },
  );

  test('a next link is not followed where it points: only its being there counts', async () => {
    const { url, arrivals } = await originFor((response, _arrival, count) =>
      response.end(JSON.stringify({ results: rows(count === 1 ? 500 : 3), links: NEXT })),
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
  ])('one that cannot be told from another fails the list: %j', async (odd) => {
    const { url } = await originOf(200, { results: [row('id1'), odd, row('id2')] });
    expect(failureOf(await connect(url, TOKEN).listKeys(PROJECT))).toMatchObject({
      code: 'ATLAS_PROTOCOL',
      retryable: false,
    });
  });

  test('of the sandbox without ids fail the list too', async () => {
    const sandbox = await sandboxFor();
    sandbox.addKey(PROJECT, { name: 'Key' });
    sandbox.inject({ operation: 'list_keys', when: 'before', kind: 'omit', fields: ['apiKeyId'] });
    expect(failureOf(await connectByToken(sandbox).listKeys(PROJECT)).code).toBe('ATLAS_PROTOCOL');
  });
});

test.each(['', 'null', '[]', '{}', '{"results":null}', '{"results":{"0":{}}}', '{"results":[', '<html></html>'])(
  'the body %j is no list',
  async (body) => {
    const { url } = await originOf(200, body);
    const failure = failureOf(await connect(url, TOKEN).listKeys(PROJECT));
    expect(failure.code).toBe('ATLAS_PROTOCOL');
    expect(failure.hint).toContain('MONGODB_ATLAS_BASE_URL');
  },
);
