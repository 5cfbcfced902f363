// Digest authentication against a real server: how many requests it takes, and that no call is carried out twice.

import { describe, expect, test } from 'vitest';
import { Secret } from '../../../src/secret/secret.ts';
import {
  apiKeyOf,
  connect,
  failureOf,
  log,
  NEW_KEY,
  originFor,
  PROJECT,
  sandboxFor,
  valueOf,
  wholeOf,
  type Origin,
} from '../connection.ts';

const EMPTY_PAGE = JSON.stringify({ results: [], links: [] });
const API_KEY = { kind: 'api-key', publicKey: 'publican', privateKey: new Secret('private-key-canary') } as const;

describe('requests', () => {
  test('one challenge at first, then one round trip a call', async () => {
    const sandbox = await sandboxFor();
    const atlas = connect(sandbox, apiKeyOf(sandbox));
    valueOf(await atlas.listKeys(PROJECT));
    const { key } = wholeOf(await atlas.createKey(NEW_KEY));
    valueOf(await atlas.listKeys(PROJECT));
    valueOf(await atlas.deleteKey(PROJECT, key.apiKeyId));
    expect(log(sandbox)).toEqual([
      'list_keys 401',
      'list_keys 200',
      'create_key 201',
      'list_keys 200',
      'delete_key 204',
    ]);
  });

  test('the challenged one goes again with the same body, and the key is made once', async () => {
    const sandbox = await sandboxFor();
    valueOf(await connect(sandbox, apiKeyOf(sandbox)).createKey(NEW_KEY));
    expect(log(sandbox)).toEqual(['create_key 401', 'create_key 201']);
    const { name, cloud, geography } = NEW_KEY;
    expect(sandbox.requests.map(({ body }) => body)).toEqual([
      { name, cloud, geography },
      { name, cloud, geography },
    ]);
    expect(sandbox.keys(PROJECT)).toHaveLength(1);
  });

  test('a nonce that went stale takes one more', async () => {
    const sandbox = await sandboxFor({ nonceUses: 2 });
    const atlas = connect(sandbox, apiKeyOf(sandbox));
    for (let call = 0; call < 2; call += 1) valueOf(await atlas.listKeys(PROJECT));
    sandbox.clearRequests();
    valueOf(await atlas.createKey(NEW_KEY));
    valueOf(await atlas.listKeys(PROJECT));
    expect(log(sandbox)).toEqual(['create_key 401', 'create_key 201', 'list_keys 200']);
    expect(sandbox.keys(PROJECT)).toHaveLength(1);
  });

  test('eight calls at once all succeed, with and without a nonce at hand', async () => {
    const sandbox = await sandboxFor({ nonceUses: 3 });
    const atlas = connect(sandbox, apiKeyOf(sandbox));
    for (let round = 0; round < 3; round += 1) {
      const created = await Promise.all(
        Array.from({ length: 8 }, (_, call) => atlas.createKey({ ...NEW_KEY, name: `${round}-${call}` })),
      );
      created.map((each) => valueOf(each));
    }
    const names = sandbox.keys(PROJECT).map(({ name }) => name);
    expect([names.length, new Set(names).size]).toEqual([24, 24]);
  });

  test('each nonce is counted from one', async () => {
    const sandbox = await sandboxFor({ nonceUses: 2 });
    const atlas = connect(sandbox, apiKeyOf(sandbox));
    for (let call = 0; call < 3; call += 1) valueOf(await atlas.listKeys(PROJECT));
    const counts = sandbox.requests.map(({ headers }) => /nc=([0-9a-f]+)/.exec(headers.authorization ?? '')?.[1]);
    expect(counts).toEqual([undefined, '00000001', '00000002', '00000003', '00000001']);
  });

  test('the uri that is signed is the one that is sent, with its query', async () => {
    const sandbox = await sandboxFor();
    valueOf(await connect(sandbox, apiKeyOf(sandbox)).listKeys(PROJECT));
    const [, signed] = sandbox.requests;
    expect(signed?.path).toContain('?itemsPerPage=');
    expect(signed?.headers.authorization).toContain(`uri="${signed?.path ?? ''}"`);
  });
});

describe('a wrong private key', () => {
  test('ends after the challenge and one answer to it, each time', async () => {
    const sandbox = await sandboxFor();
    const { publicKey } = sandbox.credentials;
    const atlas = connect(sandbox, { ...API_KEY, publicKey });
    for (let call = 0; call < 2; call += 1) {
      const failure = failureOf(await atlas.createKey(NEW_KEY));
      expect(failure).toMatchObject({ code: 'ATLAS_UNAUTHENTICATED', retryable: false });
      expect(failure.hint).toContain('MONGODB_ATLAS_PRIVATE_API_KEY');
      expect(JSON.stringify(failure)).not.toContain('canary');
    }
    expect(log(sandbox)).toEqual(Array.from({ length: 4 }, () => 'create_key 401'));
  });

  test('a server that calls every nonce stale is not asked for ever', async () => {
    const { url, arrivals } = await originFor((response, _arrival, count) => {
      response
        .writeHead(401, { 'www-authenticate': `Digest realm="r", nonce="${count}", qop="auth", stale=true` })
        .end();
    });
    expect(failureOf(await connect(url, API_KEY).createKey(NEW_KEY)).code).toBe('ATLAS_UNAUTHENTICATED');
    expect(arrivals).toHaveLength(4);
  });

  test('a missing role is not a reason to sign again', async () => {
    const sandbox = await sandboxFor({ role: 'read_only' });
    const failure = failureOf(await connect(sandbox, apiKeyOf(sandbox)).createKey(NEW_KEY));
    expect(failure).toMatchObject({ code: 'ATLAS_FORBIDDEN', atlas: { errorCode: 'USER_UNAUTHORIZED' } });
    expect(log(sandbox)).toEqual(['create_key 401', 'create_key 401']);
  });
});

describe('a server that offers several challenges', () => {
  const BASIC = 'Basic realm="first, Digest", charset="UTF-8"';
  const SHA256 = 'Digest realm="r", nonce="for-sha", algorithm=SHA-256, qop="auth"';
  const MD5 = 'Digest realm="r", nonce="for-md5", algorithm=MD5, qop="auth"';

  function challenging(challenges: string | string[]): Promise<Origin> {
    return originFor((response, { headers }) => {
      if (headers.authorization?.startsWith('Digest ')) response.end(EMPTY_PAGE);
      else response.writeHead(401, { 'www-authenticate': challenges }).end();
    });
  }

  test.each([
    ['in one header', [BASIC, SHA256, MD5].join(', ')],
    ['in several', [BASIC, SHA256, MD5]],
    ['in several, the supported first', [MD5, SHA256, BASIC]],
  ])('%s: the digest with MD5 is answered', async (_where, challenges) => {
    const { url, arrivals } = await challenging(challenges);
    valueOf(await connect(url, API_KEY).listKeys(PROJECT));
    expect(arrivals).toHaveLength(2);
    expect(arrivals[1]?.headers.authorization).toMatch(
      /^Digest username="publican", realm="r", nonce="for-md5", .*algorithm=MD5/,
    );
  });

  test.each([BASIC, SHA256, ''])(
    'none that is supported (%j): the private key is not tried on it',
    async (challenge) => {
      const { url, arrivals } = await challenging(challenge);
      expect(failureOf(await connect(url, API_KEY).listKeys(PROJECT)).code).toBe('ATLAS_UNAUTHENTICATED');
      expect(arrivals.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    },
  );
});
