// No redirect is followed, wherever it points: exactly one request arrives anywhere.

import { describe, expect, test } from 'vitest';
import {
  connect,
  connectByToken,
  failureOf,
  log,
  NEW_KEY,
  PROJECT,
  sandboxFor,
  serviceAccountOf,
} from '../connection.ts';

const PATH = `/api/atlas/v2/groups/${PROJECT}/aiModelApiKeys`;

describe.each([301, 302, 307, 308] as const)('%i', (status) => {
  test.each(['the same host', 'another port', 'another host'] as const)('to %s', async (place) => {
    const [sandbox, other] = await Promise.all([sandboxFor(), sandboxFor()]);
    const target = {
      'the same host': sandbox.baseUrl,
      'another port': other.baseUrl,
      'another host': other.baseUrl.replace('127.0.0.1', 'localhost'),
    }[place];
    const atlas = connectByToken(sandbox);
    for (const operation of ['list_keys', 'create_key', 'delete_key'] as const) {
      sandbox.inject({ operation, when: 'before', kind: 'redirect', status, location: `${target}${PATH}` });
    }
    const failures = [
      failureOf(await atlas.listKeys(PROJECT)),
      failureOf(await atlas.createKey(NEW_KEY)),
      failureOf(await atlas.deleteKey(PROJECT, 'a86r5kwrfsk5r5ku5tgvhmpj')),
    ];
    expect(log(sandbox)).toEqual([`list_keys ${status}`, `create_key ${status}`, `delete_key ${status}`]);
    expect(other.requests).toEqual([]);
    expect(failures.map(({ code }) => code)).toEqual(['ATLAS_PROTOCOL', 'ATLAS_PROTOCOL', 'ATLAS_PROTOCOL']);
    expect(failures.every(({ maybeCarriedOut }) => maybeCarriedOut)).toBe(true);
    expect(JSON.stringify(failures)).not.toContain(new URL(target).port);
  });

  test('of the token endpoint, which would take the client secret along', async () => {
    const [sandbox, other] = await Promise.all([sandboxFor(), sandboxFor()]);
    sandbox.inject({
      operation: 'token',
      when: 'before',
      kind: 'redirect',
      status,
      location: `${other.baseUrl}/api/oauth/token`,
    });
    const failure = failureOf(await connect(sandbox, serviceAccountOf(sandbox)).createKey(NEW_KEY));
    expect(failure).toMatchObject({ code: 'ATLAS_PROTOCOL', maybeCarriedOut: false, atlas: { status } });
    expect(log(sandbox)).toEqual([`token ${status}`]);
    expect(other.requests).toEqual([]);
  });
});
