// The use of a key at the sandbox: which keys are taken, and that a use is seen.

import { expect, test } from 'vitest';
import type { Simulator } from '../atlas-simulator/simulator.ts';
import { FIRST_PROJECT, received, sandboxFor } from './client.ts';

async function embed(sandbox: Simulator, endpoint: string, secret: string, body: unknown) {
  const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
  const reply = await fetch(`http://${endpoint}/v1/embeddings`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  expect(sandbox.requests.at(-1)).toMatchObject({ operation: 'embed', status: reply.status });
  return received(reply);
}

test('a live key is taken at its own endpoint, and was used from then on', async () => {
  const sandbox = await sandboxFor();
  const { secret, endpoint, apiKeyId } = sandbox.addKey(FIRST_PROJECT, { name: 'one' });
  const reply = await embed(sandbox, endpoint, secret, { input: ['a', 'b'], model: 'voyage-3.5-lite' });
  expect(reply).toMatchObject({ status: 200, json: { object: 'list', data: [{ index: 0 }, { index: 1 }] } });
  const used = sandbox.keys().find((key) => key.apiKeyId === apiKeyId);
  expect(Date.parse(used?.lastUsedAt ?? '')).not.toBeNaN();
});

test.each([
  ['a secret of no key', { secret: 'al-sandbox-of-nobody-0123456789' }, 401],
  ['a model that embeds nothing', { model: 'rerank-2.5' }, 400],
  ['no input', { input: [] }, 400],
])('%s is refused, and nothing was used', async (_what, change, status) => {
  const sandbox = await sandboxFor();
  const { secret, endpoint } = sandbox.addKey(FIRST_PROJECT, { name: 'one' });
  const asked = { secret, model: 'voyage-3-large', input: ['a'], ...change };
  expect((await embed(sandbox, endpoint, asked.secret, asked)).status).toBe(status);
  expect(sandbox.keys()[0]?.lastUsedAt).toBeNull();
});

test('a deleted key and one that is not active are refused', async () => {
  const sandbox = await sandboxFor();
  const gone = sandbox.addKey(FIRST_PROJECT, { name: 'gone' });
  sandbox.removeKey(gone.apiKeyId);
  const idle = sandbox.addKey(FIRST_PROJECT, { name: 'idle', status: 'INACTIVE' });
  for (const { secret, endpoint } of [gone, idle])
    expect((await embed(sandbox, endpoint, secret, { input: ['a'], model: 'voyage-3-large' })).status).toBe(401);
});
