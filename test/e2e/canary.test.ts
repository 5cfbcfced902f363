// No piece of a secret comes out of the server that ships, whatever goes wrong; and the search for it can fail.

import { describe, expect, test } from 'vitest';
import { leaksIn } from '../canary.ts';
import { GROUP, secretsOf, startIn, testEachScenario } from './canary-scenarios.ts';
import { BUNDLE } from './host.ts';

describe('the server that ships', () => {
  testEachScenario(() => BUNDLE);
});

test('the search finds a secret that did come out', async () => {
  const { sandbox, host } = await startIn(BUNDLE, undefined, ['--allow-inline-secret']);
  await host.call('create_ai_model_api_key', { groupId: GROUP, name: 'canary key', sink: 'inline' });
  expect(leaksIn(host.output().stdout, secretsOf(sandbox))).not.toEqual([]);
});
