// The check of a new key in use: off unless the operator wants it, after the commit, never a roll-back, and never without the old key.

import { beforeEach, describe, expect, test, vi } from 'vitest';
import { createKey } from '../../src/keys/create.ts';
import type { FaultKind } from '../atlas-simulator/faults.ts';
import { GROUP, quiet, requestFor, benchFor, told, type Bench, type BenchOptions } from './bench.ts';

let bench: Bench;

const start = async (options?: BenchOptions) => {
  bench = await benchFor(options);
};
beforeEach(() => start());

const live = () => ({ ...bench.context(), liveCheck: true });
const create = (name: string) => bench.create(name, {}, live());
const operations = () => bench.sandbox.requests.map(({ operation }) => operation);
const uses = () => operations().filter((operation) => operation === 'embed').length;
const namesOf = () => bench.sandbox.keys(GROUP).map(({ name }) => name);
const warningsOf = (outcome: object) => ('warnings' in outcome ? [outcome.warnings].flat().join('\n') : '');
const refuse = (fault: FaultKind = { kind: 'status', status: 401 }, times = 9) => {
  bench.sandbox.inject({ operation: 'embed', when: 'before', times, ...fault });
};

test('no key is used where the operator does not want it', async () => {
  expect(await bench.create('plain')).toMatchObject({ outcome: 'delivered' });
  expect(uses()).toBe(0);
});

test('a new key is used once, with its own secret, after it got its name', async () => {
  expect(await create('used')).toMatchObject({ outcome: 'delivered', warnings: [] });
  expect(operations().slice(-3)).toEqual(['update_key', 'list_rate_limits', 'embed']);
  expect(bench.sandbox.requests.at(-1)?.headers.authorization).toBe(`Bearer ${bench.held('used') ?? ''}`);
  expect(bench.sandbox.requests.at(-1)?.body).toMatchObject({ model: 'voyage-3.5-lite' });
});

test('one that is taken only at the third try is delivered like any other', async () => {
  refuse(undefined, 2);
  expect(await create('late')).toMatchObject({ outcome: 'delivered', warnings: [] });
  expect(uses()).toBe(3);
});

test('one that stays refused is delivered with a warning, and not taken back', async () => {
  refuse();
  const created = await create('refused');
  expect(created).toMatchObject({ outcome: 'delivered', key: { name: 'refused' } });
  expect(warningsOf(created)).toMatch(/was not seen to work.*refused it with status 401/);
  expect(uses()).toBe(3);
  expect(bench.held('refused')).toBe(bench.sandbox.keys(GROUP)[0]?.secret);
  expect(await bench.intents()).toMatchObject([{ state: { step: 'ended', outcome: 'delivered' } }]);
});

test.each<[string, FaultKind, RegExp]>([
  ['limits its rate', { kind: 'status', status: 429 }, /limits its requests/],
  ['does not know the model', { kind: 'status', status: 400 }, /ATLAS_MODEL_KEYS_TEST_MODEL/],
  ['redirects', { kind: 'redirect', status: 307, location: '/v1/embeddings' }, /gave no answer that tells/],
])('an endpoint that %s is asked once, and warned of', async (_what, fault, words) => {
  refuse(fault);
  const created = await create('warned');
  expect(created).toMatchObject({ outcome: 'delivered' });
  expect(warningsOf(created)).toMatch(words);
  expect(uses()).toBe(1);
});

test('a key whose name is taken meanwhile was not used, so that it can be deleted again', async () => {
  await start({ uniqueNames: 'at_rename' });
  bench.sandbox.gate = ({ operation, when }) => {
    if (operation === 'update_key' && when === 'before' && !namesOf().includes('taken'))
      bench.sandbox.addKey(GROUP, { name: 'taken' });
    return Promise.resolve('go');
  };
  expect(await create('taken')).toMatchObject({
    outcome: 'failed',
    failure: { code: 'NAME_IN_USE', keyState: 'rolled_back' },
  });
  expect(uses()).toBe(0);
});

test('a caller that goes away during the check gets a delivered key, at once', async () => {
  refuse({ kind: 'stall' });
  const gone = new AbortController();
  const creating = createKey(live(), requestFor('left'), { ...quiet(), signal: gone.signal });
  await vi.waitUntil(() => uses() === 1, { timeout: 10_000, interval: 5 });
  // A process that is killed here has this in its journal.
  expect(await bench.intents()).toMatchObject([{ state: { step: 'delivered' } }]);
  expect(namesOf()).toEqual(['left']);
  gone.abort();
  const created = told(await creating);
  expect(created).toMatchObject({ outcome: 'delivered' });
  expect(warningsOf(created)).toContain('was not seen to work');
  expect(uses()).toBe(1);
});

describe.each(['never', 'at_rename', 'always'] as const)('a rotation, where names are unique %s', (uniqueNames) => {
  test('deletes the old key once the new one was seen to work', async () => {
    await start({ uniqueNames });
    await bench.create('key');
    expect(await bench.rotate('key', {}, live())).toMatchObject({
      outcome: 'rotated',
      oldKey: { state: 'deleted' },
      warnings: [],
    });
    expect(operations().filter((operation) => ['embed', 'delete_key'].includes(operation))).toEqual([
      'embed',
      'delete_key',
    ]);
    expect(namesOf()).toEqual(['key']);
  });

  test('keeps the old key where the new one was not seen to work, and says so', async () => {
    await start({ uniqueNames });
    await bench.create('key');
    const [old] = bench.sandbox.keys(GROUP);
    refuse({ kind: 'status', status: 403 }, 3);
    const rotated = await bench.rotate('key', {}, live());
    expect(rotated).toMatchObject({ outcome: 'rotated', oldKey: { apiKeyId: old?.apiKeyId, state: 'kept' } });
    expect(warningsOf(rotated)).toMatch(/was not seen to work.*\n.*The old key .* is kept/);
    expect(bench.sandbox.keys(GROUP)).toHaveLength(2);
    expect(bench.sandbox.keys(GROUP)).toContainEqual(old);
    expect(namesOf().filter((name) => name.includes('undelivered'))).toEqual([]);
    expect(bench.held('key')).toBe(
      bench.sandbox.keys(GROUP).find(({ apiKeyId }) => apiKeyId !== old?.apiKeyId)?.secret,
    );
  });
});
