// A create is sent again only after a definite refusal, and counts as not carried out only where Atlas's own error code says so:
// however a POST that made a key is answered, there is one key, and the failure says that there may be.

import { describe, expect, test } from 'vitest';
import type { Credentials } from '../../../src/config/credentials.ts';
import type { Simulator } from '../../atlas-simulator/simulator.ts';
import {
  apiKeyOf,
  connect,
  failureOf,
  log,
  NEW_KEY,
  PROJECT,
  sandboxFor,
  serviceAccountOf,
  tokenOf,
  valueOf,
} from '../connection.ts';

const CREDENTIALS: Readonly<Record<string, (sandbox: Simulator) => Credentials>> = {
  'a token': (sandbox) => tokenOf(sandbox.credentials.accessToken),
  'a service account': serviceAccountOf,
  'an API key': apiKeyOf,
};
const PAGES: Readonly<Record<string, string>> = {
  html: '<h1>No</h1>',
  empty: '',
  'json of a gateway': '{"error":"invalid_token","message":"No"}',
};

const answers = [401, 403, 404, 406, 407, 410, 429].flatMap((status) =>
  Object.keys(PAGES).flatMap((page) => Object.keys(CREDENTIALS).map((by) => ({ status, page, by }))),
);

describe('a POST that made a key', () => {
  test.each(answers)(
    'and is answered $status ($page) by something else, by $by: one key',
    async ({ status, page, by }) => {
      const sandbox = await sandboxFor();
      const atlas = connect(sandbox, CREDENTIALS[by]?.(sandbox) ?? { kind: 'missing' });
      valueOf(await atlas.listKeys(PROJECT));
      sandbox.clearRequests();
      const body = PAGES[page] ?? '';
      const headers = { 'retry-after': '0' };
      sandbox.inject({ operation: 'create_key', when: 'after', times: 9, kind: 'status', status, body, headers });
      expect(failureOf(await atlas.createKey(NEW_KEY)).maybeCarriedOut).toBe(true);
      expect(log(sandbox)).toEqual([`create_key ${status}`]);
      expect(sandbox.keys(PROJECT)).toHaveLength(1);
    },
  );
});

describe('a POST that Atlas refuses by its own code', () => {
  test.each([
    [400, 'VALIDATION_ERROR'],
    [401, 'USER_UNAUTHORIZED'],
    [401, 'SOME_CODE_OF_TOMORROW'],
    [402, 'NO_PAYMENT_INFORMATION_FOUND'],
    [403, 'IP_ADDRESS_NOT_ON_ACCESS_LIST'],
    [404, 'GROUP_NOT_FOUND'],
    [409, 'SOME_CODE_OF_TOMORROW'],
    [429, 'RATE_LIMITED'],
  ])('%i %s was not carried out, and is sent once', async (status, errorCode) => {
    const sandbox = await sandboxFor();
    const atlas = connect(sandbox, serviceAccountOf(sandbox));
    valueOf(await atlas.listKeys(PROJECT));
    sandbox.clearRequests();
    const headers = { 'retry-after': '1' };
    sandbox.inject({ operation: 'create_key', when: 'before', times: 9, kind: 'status', status, errorCode, headers });
    expect(failureOf(await atlas.createKey(NEW_KEY))).toMatchObject({
      maybeCarriedOut: false,
      retryAfterSeconds: 1,
      atlas: { status, errorCode },
    });
    expect(log(sandbox)).toEqual([`create_key ${status}`]);
  });

  test.each([
    [406, 'INVALID_VERSION_DATE'],
    [400, 'INVALID_VERSION_DATE'],
    [410, 'VERSION_GONE'],
  ])('%i %s is sent again, in the preview, and makes one key', async (status, errorCode) => {
    const sandbox = await sandboxFor({ versions: ['2025-03-12', 'preview'] });
    sandbox.inject({ operation: 'create_key', when: 'before', kind: 'status', status, errorCode });
    valueOf(await connect(sandbox, tokenOf(sandbox.credentials.accessToken)).createKey(NEW_KEY));
    expect(log(sandbox)).toEqual([`create_key ${status}`, 'create_key 201']);
    expect(sandbox.keys(PROJECT)).toHaveLength(1);
  });

  test('a challenge for a digest is answered, once', async () => {
    const sandbox = await sandboxFor();
    valueOf(await connect(sandbox, apiKeyOf(sandbox)).createKey(NEW_KEY));
    expect(log(sandbox)).toEqual(['create_key 401', 'create_key 201']);
  });

  test.each([500, 502, 503, 504, 408, 499])(
    '%i with a code of Atlas may have been carried out all the same',
    async (status) => {
      const sandbox = await sandboxFor();
      const errorCode = 'UNEXPECTED_ERROR';
      sandbox.inject({ operation: 'create_key', when: 'after', times: 9, kind: 'status', status, errorCode });
      const atlas = connect(sandbox, tokenOf(sandbox.credentials.accessToken));
      expect(failureOf(await atlas.createKey(NEW_KEY)).maybeCarriedOut).toBe(true);
      expect(log(sandbox)).toEqual([`create_key ${status}`]);
    },
  );
});
