// An Atlas that gives keys the masks or the ids of others: what the journal knows of a secret is believed, and not the mask.

import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkSinks, placesOfKey } from '../../src/keys/check-sinks.ts';
import { openJournal } from '../../src/keys/journal/journal.ts';
import { testKey } from '../../src/keys/key-test.ts';
import type { FaultKind } from '../atlas-simulator/faults.ts';
import { deadProcess, GROUP, plant, quiet, reconciled, startBench, told, type Bench } from './bench.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await startBench();
});
afterEach(() => bench.close());

/** From now on every key that is read or listed has these members. */
const pretend = (fields: Readonly<Record<string, unknown>>) => {
  const fault: FaultKind = { kind: 'replace', fields };
  for (const operation of ['list_keys', 'get_key'] as const)
    bench.sandbox.inject({ operation, when: 'after', times: 99, ...fault });
};
const keyOf = (name: string) => bench.sandbox.keys().find((key) => key.name === name) ?? expect.fail(name);
const used = () => bench.sandbox.requests.filter(({ operation }) => operation === 'embed');
const pathOf = (entry: string) => join(bench.folder, 'keys', entry);

describe.each([true, false])(
  'a mask that is that of another key of this machine (of the same project: %s)',
  (isSame) => {
    beforeEach(async () => {
      const groupId = isSame ? GROUP : bench.sandbox.addProject().id;
      await bench.create('known', { groupId });
      bench.sandbox.addKey(GROUP, { name: 'by hand' });
      pretend({ maskedSecret: keyOf('known').maskedSecret });
    });
    const there = { sink: 'file', entry: 'known' };

    test('does not let its secret give way to a rotation', async () => {
      const before = bench.held('known');
      expect(await bench.rotate('by hand', there)).toMatchObject({ failure: { code: 'SINK_ENTRY_EXISTS' } });
      expect(await bench.rotate('by hand', { entry: 'known' })).toMatchObject({ failure: {} });
      expect(bench.held('known')).toBe(before);
    });

    test('does not let its secret be used as that of the other', async () => {
      const { apiKeyId } = keyOf('by hand');
      const tested = told(await testKey(bench.context(), { groupId: GROUP, apiKeyId, ...there }, quiet()));
      expect(tested).toMatchObject({ failure: { code: 'SINK_NOT_READY' } });
      expect(used()).toEqual([]);
    });

    test('does not let its secret be told as that of the other', async () => {
      const context = { ...bench.context(), allowedProjects: [GROUP] };
      const checked = told(await checkSinks(context, { groupId: GROUP, ...there }, quiet()));
      expect(checked).toMatchObject({ places: [isSame ? { key: { name: 'known' } } : { holds: 'another value' }] });
      expect(JSON.stringify(checked)).not.toContain('by hand');
    });
  },
);

test('an id that is that of a key of another project leads to none of its places', async () => {
  const groupId = bench.sandbox.addProject().id;
  await bench.create('known', { groupId });
  bench.sandbox.addKey(GROUP, { name: 'by hand' });
  const { apiKeyId } = keyOf('known');
  const shown = { ...keyOf('by hand'), apiKeyId, secret: undefined };
  pretend({ apiKeyId });
  bench.sandbox.gate = ({ operation, when }) => {
    const isRead = operation === 'get_key' && when === 'before';
    return Promise.resolve(isRead ? { kind: 'status', status: 200, body: JSON.stringify(shown) } : 'go');
  };
  const context = { ...bench.context(), allowedProjects: [GROUP] };
  const before = bench.held('known');
  const rotated = await bench.rotate('by hand', { apiKeyId }, context);
  const tested = told(await testKey(context, { groupId: GROUP, apiKeyId }, quiet()));
  const taken = await bench.create('by hand', {}, context);
  expect(tested).toMatchObject({ failure: { code: 'SINK_NOT_READY' } });
  expect(used()).toEqual([]);
  expect(bench.held('known')).toBe(before);
  for (const told of [rotated, tested, taken]) expect(JSON.stringify(told)).not.toContain(pathOf('known'));
});

describe.each([true, false])('a new key with the secret of another (of the same project: %s)', (isSame) => {
  beforeEach(async () => {
    const groupId = isSame ? GROUP : bench.sandbox.addProject().id;
    await bench.create('known', { groupId });
    const { secret } = keyOf('known');
    bench.sandbox.inject({ operation: 'create_key', when: 'after', kind: 'replace', fields: { secret } });
    expect(await bench.create('twin')).toMatchObject({ outcome: 'delivered' });
  });

  test('does not let that give way to a rotation', async () => {
    const before = bench.held('known');
    expect(await bench.rotate('twin', { entry: 'known' })).toMatchObject({ failure: { code: 'SINK_ENTRY_EXISTS' } });
    expect(bench.held('known')).toBe(before);
  });

  test('does not let that give way to a create, once it is deleted', async () => {
    const before = bench.held('known');
    bench.sandbox.removeKey(keyOf('twin').apiKeyId);
    expect(await bench.create('new', { entry: 'known' })).toMatchObject({ failure: { code: 'SINK_ENTRY_EXISTS' } });
    expect(bench.held('known')).toBe(before);
  });
});

describe('a secret whose line an editor has ended', () => {
  beforeEach(async () => {
    await bench.create('app');
    appendFileSync(pathOf('app'), '\n');
  });

  test('is still that of its key', async () => {
    const checked = told(await checkSinks(bench.context(), { groupId: GROUP }, quiet()));
    expect(checked).toMatchObject({
      places: expect.arrayContaining([expect.objectContaining({ holds: 'key' })]) as unknown,
    });
    const { apiKeyId } = keyOf('app');
    expect(await placesOfKey(bench.context(), GROUP, { apiKeyId, name: 'app', lastUsedAt: null })).toMatchObject([
      { holds: 'it' },
    ]);
  });

  test('is not taken for no secret, so that its key would be deleted', async () => {
    const [intent] = await bench.intents();
    if (intent?.state.step !== 'ended') return expect.fail();
    const { apiKeyId = '', fingerprint = 'sha256:' } = intent.state;
    bench.sandbox.renameKey(apiKeyId, `app-undelivered-${intent.nonce}`);
    plant(bench, { ...intent, owner: deadProcess(), state: { step: 'created', apiKeyId, fingerprint } });
    const context = { ...bench.context(), journal: openJournal(join(bench.folder, 'state')) };
    expect(await reconciled(context, true)).toMatchObject([{ finding: 'delivered' }]);
    expect(keyOf('app').apiKeyId).toBe(apiKeyId);
  });
});

test('a delivery that reconcile ended is known by its fingerprint like any other', async () => {
  bench.sandbox.inject({ operation: 'update_key', when: 'before', kind: 'status', status: 500, times: 99 });
  await bench.create('app');
  bench.sandbox.clearFaults();
  expect(await bench.reconcile(true)).toMatchObject([{ finding: 'delivered' }]);
  const ended = await bench.intents();
  expect(ended).toMatchObject([
    { state: { step: 'ended', outcome: 'delivered', fingerprint: expect.stringContaining('sha256:') as unknown } },
  ]);
  writeFileSync(pathOf('app'), `al-${'x'.repeat(40)}${keyOf('app').secret.slice(-4)}`);
  expect(await bench.rotate('app')).toMatchObject({ failure: { code: 'SINK_ENTRY_EXISTS' } });
});
