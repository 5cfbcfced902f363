// The one time limit of a whole list, and how it is told from a caller who leaves.

import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { createAdminApi, chooseVersion } from '../../../src/atlas/api/admin-api.ts';
import { bearerAuthenticator } from '../../../src/atlas/auth/authenticator.ts';
import { secretSource } from '../../../src/atlas/auth/secret-source.ts';
import { listAll } from '../../../src/atlas/api/pages.ts';
import { keyList } from '../../../src/atlas/api/keys.ts';
import { Secret } from '../../../src/secret/secret.ts';
import { failureOf, originFor, originOf, PROJECT, transportTo, valueOf } from '../connection.ts';

const KEYS = keyList({ groupId: PROJECT });
const NEXT = [{ rel: 'next' }];
const rows = (count: number) => Array.from({ length: count }, (_, index) => ({ apiKeyId: `id${index}`, name: 'n' }));

function apiAt(url: URL) {
  return createAdminApi(
    transportTo(url),
    bearerAuthenticator(secretSource(new Secret('a-token-of-the-test'), 'A_SETTING')),
    chooseVersion('auto'),
  );
}

/** An endless list, whose every page takes a while. */
function slowPages() {
  const page = JSON.stringify({ results: rows(500), links: NEXT });
  return originFor((response) => {
    setTimeout(() => response.end(page), 60);
  });
}

test('a list that takes too long as a whole is given up, though each page comes in time', async () => {
  const { url, arrivals } = await slowPages();
  const failure = failureOf(await listAll(apiAt(url), KEYS, { signal: undefined, limitMs: 400 }));
  expect(failure).toMatchObject({ code: 'ATLAS_UNAVAILABLE', retryable: true, maybeCarriedOut: false });
  expect(arrivals.length).toBeGreaterThan(1);
  expect(arrivals.length).toBeLessThan(50);
});

test("a caller's own leaving is not taken for it", async () => {
  const { url, arrivals } = await slowPages();
  const controller = new AbortController();
  const listing = listAll(apiAt(url), KEYS, { signal: controller.signal, limitMs: 20_000 });
  setTimeout(() => {
    controller.abort();
  }, 200);
  expect(failureOf(await listing).code).toBe('CANCELLED');
  expect(arrivals.length).toBeLessThan(50);
});

test('a caller who has left beforehand has nothing sent', async () => {
  const { url, arrivals } = await slowPages();
  const limits = { signal: AbortSignal.abort(), limitMs: 20_000 };
  expect(failureOf(await listAll(apiAt(url), KEYS, limits)).code).toBe('CANCELLED');
  expect(arrivals).toEqual([]);
});

test('nothing is left listening', async () => {
  const { url } = await originOf(200, { results: rows(2) });
  const { signal } = new AbortController();
  expect(valueOf(await listAll(apiAt(url), KEYS, { signal, limitMs: 20_000 }))).toHaveLength(2);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test.each([
  [500, 'ok'],
  [501, 'ATLAS_PROTOCOL'],
  [60_000, 'ATLAS_PROTOCOL'],
])('a page of %i rows: %s', async (count, expected) => {
  const { url } = await originFor((response, _arrival, page) =>
    response.end(JSON.stringify({ results: rows(page === 1 ? count : 0) })),
  );
  const listed = await listAll(apiAt(url), KEYS, { signal: undefined, limitMs: 20_000 });
  expect(listed.ok ? 'ok' : listed.failure.code).toBe(expected);
});
