// What was seen to go wrong between machines, with replies and with people, while keys were told by their final names: a key
// that this call did not make is never deleted or renamed, and what may be alive is said to be.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createKey } from '../../src/keys/create.ts';
import type { CreateContext } from '../../src/keys/create-and-deliver.ts';
import { listModelKeys } from '../../src/keys/lists.ts';
import { openJournal, type Journal } from '../../src/keys/journal/journal.ts';
import { containing } from '../matching.ts';
import {
  behaving,
  GROUP,
  quiet,
  reconciled,
  requestFor,
  benchFor,
  told,
  type Bench,
  type BenchOptions,
} from './bench.ts';

async function openBench(options: BenchOptions = {}): Promise<Bench> {
  const bench = await benchFor({ timeoutMs: 600, ...options });
  return bench;
}

/** A machine that shares nothing with the bench but Atlas. */
function another(bench: Bench): CreateContext & ReturnType<Bench['context']> {
  return { ...bench.context(), atlas: bench.connect(), journal: openJournal(join(bench.folder, 'another')) };
}

const names = ({ sandbox }: Bench) => sandbox.keys(GROUP).map(({ name }) => name);
const MARKED = /-undelivered-[0-9a-f]{12}$/;

describe('two machines create one name', () => {
  test('the reply of one is lost before Atlas acted, and the key of the other lives', async () => {
    const bench = await openBench();
    bench.sandbox.inject({ operation: 'create_key', when: 'before', kind: 'stall' });
    const lost = bench.create('ci-key');
    await expect.poll(() => bench.sandbox.requests.some(({ operation }) => operation === 'create_key')).toBe(true);
    const other = told(await createKey(another(bench), { ...requestFor('ci-key'), entry: 'other' }, quiet()));
    expect(other).toMatchObject({ outcome: 'delivered' });
    expect(await lost).toMatchObject({
      failure: { code: 'ATLAS_OUTCOME_UNKNOWN', keyState: 'unknown', retryable: true },
    });
    await bench.reconcile(true);
    expect(names(bench)).toEqual(['ci-key']);
    expect(bench.held('other')).toBe(bench.sandbox.keys(GROUP)[0]?.secret);
  });

  test.each(['at_rename', 'always'] as const)(
    'at once, where names are unique (%s): one has it, and the other says so and leaves nothing',
    async (uniqueNames) => {
      const bench = await openBench({ uniqueNames });
      const there = another(bench);
      let looks = 0;
      const both: (() => void)[] = [];
      // Both look before one of them creates.
      bench.sandbox.gate = async ({ operation, when }) => {
        if (operation === 'create_key' && when === 'before' && ++looks <= 2)
          await new Promise<void>((resolve) => {
            both.push(resolve);
            if (both.length === 2) for (const go of both) go();
          });
        return 'go';
      };
      const outcomes = await Promise.all([
        bench.create('ci-key', { entry: 'one' }),
        createKey(there, { ...requestFor('ci-key'), entry: 'two' }, quiet()).then(told),
      ]);
      expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['delivered', 'failed']);
      expect(outcomes.find(({ outcome }) => outcome === 'failed')).toMatchObject({
        failure: { code: 'NAME_IN_USE', keyState: 'rolled_back', apiKeyId: bench.sandbox.keys(GROUP)[0]?.apiKeyId },
      });
      expect(names(bench)).toEqual(['ci-key']);
      const held = [bench.held('one'), bench.held('two')].filter((value) => value !== undefined);
      expect(held).toEqual(bench.sandbox.keys(GROUP).map(({ secret }) => secret));
    },
  );

  test('a young key that another machine is delivering keeps its final name from a create', async () => {
    const bench = await openBench();
    const name = 'ci-key-undelivered-ffffffffffff';
    const { apiKeyId } = bench.sandbox.addKey(GROUP, { name });
    expect(await bench.create('ci-key')).toMatchObject({
      failure: { code: 'NAME_IN_USE', retryable: true, apiKeyId },
    });
    const old = new Date(Date.now() - 11 * 60_000);
    bench.sandbox.removeKey(apiKeyId);
    bench.sandbox.addKey(GROUP, { name, createdAt: old });
    expect(await bench.create('ci-key')).toMatchObject({ outcome: 'delivered' });
    expect(names(bench)).toEqual([name, 'ci-key']);
  });

  test('lists name the doubles, and say what is not delivered and by whom', async () => {
    const bench = await openBench();
    for (const name of ['one', 'one', 'two', 'two-undelivered-ffffffffffff']) bench.sandbox.addKey(GROUP, { name });
    bench.sandbox.inject({ operation: 'create_key', when: 'after', kind: 'status', status: 504 });
    bench.sandbox.inject({ operation: 'delete_key', when: 'before', kind: 'status', status: 403, errorCode: 'NO' });
    await bench.create('three');
    const listed = await listModelKeys(bench.context(), { scope: { groupId: GROUP }, limit: 50 }, quiet());
    expect(listed.ok && listed.value.keys).toMatchObject([
      { name: 'one', double: true },
      { name: 'one', double: true },
      { name: 'two' },
      { undelivered: { knownHere: false, ageSeconds: 0 } },
      { undelivered: { knownHere: true } },
    ]);
    if (listed.ok) expect(listed.value.keys[2]).not.toHaveProperty('double');
  });
});

describe('a create reply that names a key of somebody else, and a sink that fails', () => {
  const wrongId = async (bench: Bench, apiKeyId: string) => {
    bench.sandbox.inject({ operation: 'create_key', when: 'after', kind: 'replace', fields: { apiKeyId } });
    return bench.create('mine', { sink: 'broken' });
  };
  test('that was listed', async () => {
    const bench = await openBench();
    const { apiKeyId } = bench.sandbox.addKey(GROUP, { name: 'bystander' });
    expect(await wrongId(bench, apiKeyId)).toMatchObject({ failure: { keyState: 'rolled_back' } });
    expect(names(bench)).toEqual(['bystander']);
  });
  test('that no list has shown, in a reply that repeats the name which was sent', async () => {
    const bench = await openBench();
    let hidden = '';
    bench.sandbox.gate = ({ operation, when }) => {
      if (operation !== 'create_key' || when !== 'after') return Promise.resolve('go');
      hidden = bench.sandbox.addKey(GROUP, { name: 'hidden' }).apiKeyId;
      return Promise.resolve({ kind: 'replace', fields: { apiKeyId: hidden } });
    };
    const outcome = await bench.create('mine', { sink: 'broken' });
    expect(outcome).toMatchObject({ failure: { keyState: 'orphaned' } });
    expect(names(bench)).toContain('hidden');
    // The key that was made says so by its name, and is found by it.
    bench.sandbox.gate = undefined;
    await bench.reconcile(true);
    expect(names(bench)).toEqual(['hidden']);
  });
  test('that this journal knows as delivered', async () => {
    const bench = await openBench();
    const delivered = await bench.create('first');
    const { apiKeyId } = delivered.outcome === 'delivered' ? delivered.key : expect.fail('no key');
    expect(await wrongId(bench, apiKeyId)).toMatchObject({ failure: { keyState: 'rolled_back' } });
    expect(names(bench)).toEqual(['first']);
  });
});

describe('a 201 always means that a key was made', () => {
  test.each(['collapsed', 'NFC'] as const)('whose name Atlas spells otherwise (%s)', async (spelling) => {
    const bench = await openBench({ spelling });
    const name = spelling === 'NFC' ? 'Schlu\u0308ssel' : 'Prod  key';
    expect(await bench.create(name, { entry: 'place' })).toMatchObject({ outcome: 'delivered' });
    expect(bench.held('place')).toBe(bench.sandbox.keys(GROUP)[0]?.secret);
    expect(names(bench)).toEqual([spelling === 'NFC' ? 'Schl\u00fcssel' : 'Prod key']);
  });
  test.each([['apiKeyId'], ['name'], ['apiKeyId', 'name']])('whose reply lacks %j %j', async (...fields) => {
    const bench = await openBench();
    bench.sandbox.inject({ operation: 'create_key', when: 'after', kind: 'omit', fields: fields.filter(Boolean) });
    expect(await bench.create('mine')).toMatchObject({ outcome: 'delivered', key: { name: 'mine' } });
    expect(bench.held('mine')).toBe(bench.sandbox.keys(GROUP)[0]?.secret);
  });
  test('in the preview too', async () => {
    const bench = await openBench({ versions: ['preview'] });
    expect(await bench.create('mine')).toMatchObject({ outcome: 'delivered', key: { name: 'mine' } });
    expect(await bench.rotate('mine')).toMatchObject({ outcome: 'rotated', key: { name: 'mine' } });
    expect(names(bench)).toEqual(['mine']);
  });
});

describe('people', () => {
  test('an agent cancels a create, renames a key to its name and reconciles: that key lives', async () => {
    const bench = await openBench();
    const { apiKeyId } = bench.sandbox.addKey(GROUP, { name: 'young' });
    bench.sandbox.inject({ operation: 'create_key', when: 'before', kind: 'reset' });
    expect(await bench.create('wanted')).toMatchObject({ failure: { keyState: 'unknown' } });
    bench.sandbox.renameKey(apiKeyId, 'wanted');
    await reconciled({ ...bench.context(), confirm: 'required' }, true);
    await bench.reconcile(true);
    expect(names(bench)).toEqual(['wanted']);
  });
  test('a key that a person has renamed while it was delivered is left so', async () => {
    const bench = await openBench();
    bench.sandbox.gate = ({ operation, when }) => {
      const [key] = bench.sandbox.keys(GROUP);
      if (operation === 'update_key' && when === 'before' && key) bench.sandbox.renameKey(key.apiKeyId, 'a person’s');
      return Promise.resolve(operation === 'update_key' && when === 'before' ? { kind: 'reset' } : 'go');
    };
    expect(await bench.create('mine')).toMatchObject({ outcome: 'delivered', key: { name: 'a person’s' } });
    expect(names(bench)).toEqual(['a person’s']);
  });
  test('a key that a person has deleted while it was delivered leaves no secret', async () => {
    const bench = await openBench();
    bench.sandbox.gate = ({ operation, when }) => {
      const [key] = bench.sandbox.keys(GROUP);
      if (operation === 'update_key' && when === 'before' && key) bench.sandbox.removeKey(key.apiKeyId);
      return Promise.resolve('go');
    };
    expect(await bench.create('mine')).toMatchObject({ failure: { keyState: 'rolled_back' } });
    expect(bench.held('mine')).toBeUndefined();
  });
  test('a key that a person uses before it is rolled back is kept, and reported', async () => {
    const bench = await openBench();
    const broken = bench.sinks.get('broken');
    if (!broken) expect.fail('no sink');
    const sink = behaving(broken, (target) => ({
      deliver: (secret) => {
        for (const { apiKeyId } of bench.sandbox.keys(GROUP)) bench.sandbox.markUsed(apiKeyId);
        return target.deliver(secret);
      },
    }));
    const context = { ...bench.context(), sinks: new Map([['broken', sink]]), defaultSink: 'broken' };
    const [outcome, [key]] = [await bench.create('mine', {}, context), bench.sandbox.keys(GROUP)];
    expect(outcome).toMatchObject({ failure: { keyState: 'orphaned', apiKeyId: key?.apiKeyId } });
    expect(key?.name).toMatch(MARKED);
  });
});

test('a key of a moment ago that Atlas says is not there is not taken for gone', async () => {
  const bench = await openBench({ readLag: 2 });
  expect(await bench.create('mine', { sink: 'broken' })).toMatchObject({ failure: { keyState: 'rolled_back' } });
  expect(names(bench)).toEqual([]);
});

test('new names may not be marked, whatever their case; every other parameter takes them', async () => {
  const bench = await openBench();
  for (const name of ['x-undelivered-0123456789ab', 'X-Undelivered-0123456789AB'])
    expect(await bench.create(name)).toMatchObject({ failure: { code: 'INVALID_INPUT', message: containing('name') } });
  expect(bench.sandbox.requests).toEqual([]);
});

test('a name that another key has got meanwhile, with a sink that cannot take the secret back: the key is kept', async () => {
  const bench = await openBench({ uniqueNames: 'at_rename' });
  bench.sandbox.gate = ({ operation, when }) => {
    if (operation === 'create_key' && when === 'after') bench.sandbox.addKey(GROUP, { name: 'mine' });
    return Promise.resolve('go');
  };
  const outcome = await bench.create('mine', { sink: 'blind' });
  const made = bench.sandbox.keys(GROUP).find(({ name }) => MARKED.test(name));
  expect(outcome).toMatchObject({ outcome: 'delivered', key: { name: made?.name }, warnings: [containing('mine')] });
  expect(await bench.create('mine', { entry: 'x' })).toMatchObject({ failure: { code: 'NAME_IN_USE' } });
});

test('a reply that lacks the name and has the id of a key that no list shows does not change that key', async () => {
  const bench = await openBench();
  const { apiKeyId } = bench.sandbox.addKey(GROUP, { name: 'hidden' });
  const real = bench.connect();
  const atlas = {
    ...real,
    listKeys: () => Promise.resolve({ ok: true, value: [] } as const),
  };
  const reply = { kind: 'replace', fields: { apiKeyId, name: '' } } as const;
  bench.sandbox.inject({ operation: 'create_key', when: 'after', ...reply });
  const outcome = await bench.create('mine', {}, { ...bench.context(), atlas });
  expect(outcome).not.toMatchObject({ outcome: 'delivered', key: { apiKeyId }, warnings: [] });
  expect(names(bench)).toContain('hidden');
  expect(await bench.intents()).not.toMatchObject([{ state: { step: 'ended' } }]);
});

test('a call that is cancelled while its intent is written sends nothing', async () => {
  const bench = await openBench();
  const cancelling = new AbortController();
  const context = bench.context();
  const journal: Journal = {
    ...context.journal,
    open(...given) {
      cancelling.abort();
      return context.journal.open(...given);
    },
  };
  const call = { ...quiet(), signal: cancelling.signal };
  expect(told(await createKey({ ...context, journal }, requestFor('mine'), call))).toMatchObject({
    failure: { code: 'CANCELLED', keyState: 'not_created' },
  });
  expect(bench.sandbox.requests.map(({ operation }) => operation)).not.toContain('create_key');
});

test('a refusal of the rename that is about the role is none of the name: the key stays delivered', async () => {
  const bench = await openBench();
  bench.sandbox.gate = ({ operation, when }) => {
    if (operation === 'create_key' && when === 'after') bench.sandbox.addKey(GROUP, { name: 'mine' });
    return Promise.resolve('go');
  };
  const refusal = { kind: 'status', status: 403, errorCode: 'ACCESS_FORBIDDEN', times: 9 } as const;
  bench.sandbox.inject({ operation: 'update_key', when: 'before', ...refusal });
  expect(await bench.create('mine')).toMatchObject({ outcome: 'delivered', warnings: [containing('reconcile')] });
});

test('another scope than was asked for is a warning', async () => {
  const bench = await openBench();
  const fields = { geography: 'ANY' };
  bench.sandbox.inject({ operation: 'create_key', when: 'after', kind: 'replace', fields });
  expect(await bench.create('mine', { geography: 'eu' })).toMatchObject({
    outcome: 'delivered',
    warnings: [containing('geography "eu" was asked for')],
  });
});

test('a secret that is a word of the answer is none: the key is taken back', async () => {
  const bench = await openBench();
  for (const secret of [GROUP, 'delivered-and-such', '2026-01-15T16:47:49Z']) {
    bench.sandbox.inject({ operation: 'create_key', when: 'after', kind: 'replace', fields: { secret } });
    expect(await bench.create('mine')).toMatchObject({ failure: { keyState: 'rolled_back' } });
  }
  expect(names(bench)).toEqual([]);
});

test('a create is told at once that it needs the role to create', async () => {
  const bench = await openBench();
  const refusal = { kind: 'status', status: 401, errorCode: 'USER_UNAUTHORIZED', times: 9 } as const;
  bench.sandbox.inject({ operation: 'list_keys', when: 'before', ...refusal });
  expect(await bench.create('mine')).toMatchObject({
    failure: { code: 'ATLAS_FORBIDDEN', hint: containing('Project Model Owner') },
  });
});

test('that the secret is verified in the sink is in the journal before the key gets its name', async () => {
  const bench = await openBench();
  const steps: unknown[] = [];
  bench.sandbox.gate = async ({ operation, when }) => {
    if (operation === 'update_key' && when === 'before')
      steps.push(...(await bench.intents()).map(({ state }) => state.step));
    return 'go';
  };
  await bench.create('mine', { sink: 'blind' });
  expect(steps).toEqual(['delivered']);
});

test('an uncommitted delivery of this machine keeps its name, and reconcile gives it', async () => {
  const bench = await openBench();
  const refusal = { when: 'before', kind: 'status', status: 403, errorCode: 'NO', times: 9 } as const;
  bench.sandbox.inject({ operation: 'update_key', ...refusal });
  expect(await bench.create('mine')).toMatchObject({ outcome: 'delivered', warnings: [containing('reconcile')] });
  bench.sandbox.clearFaults();
  writeFileSync(join(bench.folder, 'keys', 'unrelated'), '');
  const again = await bench.create('mine', { entry: 'other' });
  expect(again).toMatchObject({ failure: { code: 'NAME_IN_USE', hint: containing('reconcile_ai_model_api_keys') } });
  expect(await bench.reconcile(true)).toMatchObject([{ finding: 'delivered' }]);
  expect(names(bench)).toEqual(['mine']);
});
