// A token that the operator brought: sent as it is, and never a second time when it is refused.

import { expect, test } from 'vitest';
import {
  connect,
  connectByToken,
  failureOf,
  log,
  NEW_KEY,
  PROJECT,
  sandboxFor,
  tokenOf,
  valueOf,
} from '../connection.ts';

test('the token is sent with each call, and nothing else is asked for', async () => {
  const sandbox = await sandboxFor();
  const atlas = connectByToken(sandbox);
  valueOf(await atlas.listKeys(PROJECT));
  valueOf(await atlas.createKey(NEW_KEY));
  expect(log(sandbox)).toEqual(['list_keys 200', 'create_key 201']);
  const expected = `Bearer ${sandbox.credentials.accessToken}`;
  expect(sandbox.requests.map(({ headers }) => headers.authorization)).toEqual([expected, expected]);
});

test('a refused token is not tried again: which variable to correct', async () => {
  const sandbox = await sandboxFor();
  const failure = failureOf(await connect(sandbox, tokenOf('canary-of-a-wrong-token')).createKey(NEW_KEY));
  expect(failure).toMatchObject({
    code: 'ATLAS_UNAUTHENTICATED',
    retryable: false,
    // An empty reply has no error code of Atlas.
    maybeCarriedOut: true,
    atlas: { status: 401 },
  });
  expect(failure.hint).toContain('MONGODB_ATLAS_ACCESS_TOKEN');
  expect(JSON.stringify(failure)).not.toContain('canary');
  expect(log(sandbox)).toEqual(['create_key 401']);
});

test('an expired one neither', async () => {
  const sandbox = await sandboxFor();
  const atlas = connectByToken(sandbox);
  sandbox.expireTokens();
  expect(failureOf(await atlas.listKeys(PROJECT)).code).toBe('ATLAS_UNAUTHENTICATED');
  expect(log(sandbox)).toEqual(['list_keys 401']);
});
