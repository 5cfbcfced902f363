// Progress as a host sees it, in calls that Atlas holds up.

import { type Progress } from '@modelcontextprotocol/sdk/types.js';
import { expect, test } from 'vitest';
import { FIRST_PROJECT } from '../../src/sandbox/first-project.ts';
import { sandboxFor } from '../atlas-simulator/sandbox-for.ts';
import { credentialsFor, startHost, temporaryHome } from './host.ts';

async function openScene() {
  const sandbox = await sandboxFor();
  const host = await startHost({ home: temporaryHome(), env: credentialsFor(sandbox) });
  const told: Progress[] = [];
  const onprogress = (progress: Progress) => told.push(progress);
  return {
    sandbox,
    host,
    told,
    call: (name: string, args: Record<string, unknown>) =>
      host.client.callTool({ name, arguments: args }, undefined, { onprogress }),
  };
}

test('a create that Atlas holds up tells what it does, again and again, and nothing after its result', async () => {
  const { sandbox, host, told, call } = await openScene();
  sandbox.inject({ operation: 'list_keys', when: 'before', kind: 'delay', ms: 4_500 });
  const { structuredContent } = await call('create_ai_model_api_key', { groupId: FIRST_PROJECT, name: 'a key' });
  expect(structuredContent).toMatchObject({ outcome: 'delivered' });
  expect(told.length).toBeGreaterThanOrEqual(2);
  expect(told.map(({ progress }) => progress)).toEqual(told.map((_one, index) => index + 1));
  expect(told.map(({ message }) => message).join()).toMatch(/\w/);
  expect(told.map(({ total }) => total).join(''), 'nobody knows how much there is to do').toBe('');
  const lines = host.output().stdout.trimEnd().split('\n');
  expect(lines.at(-1)).toContain('"outcome":"delivered"');
});

test('a call that is done at once tells nothing', async () => {
  const { told, call } = await openScene();
  await call('list_secret_sinks', {});
  expect(told).toEqual([]);
});

test('a host that asks for no progress gets none', async () => {
  const { sandbox, host } = await openScene();
  sandbox.inject({ operation: 'list_keys', when: 'before', kind: 'delay', ms: 1_500 });
  await host.call('create_ai_model_api_key', { groupId: FIRST_PROJECT, name: 'a key' });
  expect(host.output().stdout).not.toContain('notifications/progress');
});
