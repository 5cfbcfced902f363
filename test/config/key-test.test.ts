// The settings of the test of a key: whether, with which model, and to what hosts a secret may be sent.

import { describe, expect, test } from 'vitest';
import { load, refusalOf } from './fixture.ts';

test('by default no new key is used, and secrets go to the hosts of MongoDB', async () => {
  const config = await load();
  expect(config).toMatchObject({ liveCheck: false, endpointHosts: ['*.mongodb.com', '*.mongodbgov.com'] });
  expect(config.testModel).toBeUndefined();
});

test('as the operator says', async () => {
  const config = await load([], {
    ATLAS_MODEL_KEYS_LIVE_CHECK: 'true',
    ATLAS_MODEL_KEYS_TEST_MODEL: 'voyage-4-lite',
    ATLAS_MODEL_KEYS_ENDPOINT_HOSTS: 'proxy.example.com, *.example.org 127.0.0.1',
  });
  expect(config).toMatchObject({
    liveCheck: true,
    testModel: 'voyage-4-lite',
    endpointHosts: ['proxy.example.com', '*.example.org', '127.0.0.1'],
  });
});

describe('what could send a secret elsewhere than meant is refused', () => {
  test.each([
    'https://ai.mongodb.com',
    'ai.mongodb.com/v1',
    'ai.mongodb.com:8443',
    'AI.mongodb.com',
    'user@ai.mongodb.com',
    '*',
    '*.com.',
    'ai.*.com',
    '*mongodb.com',
    'localhost',
    '10.0.0.1',
    '127.1',
  ])('%s', async (host) => {
    const refused = await refusalOf([], { ATLAS_MODEL_KEYS_ENDPOINT_HOSTS: host });
    expect(refused).toMatch(/^ATLAS_MODEL_KEYS_ENDPOINT_HOSTS/);
    expect(refused).toContain('must be host names');
  });

  test('a model that is not a word', async () => {
    expect(await refusalOf([], { ATLAS_MODEL_KEYS_TEST_MODEL: 'a model' })).toContain('must be the name of a model');
  });
});
