// Several keys in one call: all are checked before one is created, and what fails stops nothing else.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createKeys, inLanes, type CreateManyRequest } from '../../src/keys/create-many.ts';
import type { RequestContext } from '../../src/keys/request-context.ts';
import { openSinks } from '../../src/sinks/kinds.ts';
import { containing, matching } from '../matching.ts';
import { GROUP, quiet, requestFor, sinksByEntry, startBench, type Bench } from './bench.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await startBench();
});
afterEach(() => bench.close());

type Key = CreateManyRequest['keys'][number];

const key = (name: string, change: Partial<Key> = {}): Key => ({ ...requestFor(name), ...change });
const numbered = (count: number) => Array.from({ length: count }, (_none, index) => key(`key-${index}`));

async function create(keys: readonly Key[], change: Partial<CreateManyRequest> = {}, call: RequestContext = quiet()) {
  return createKeys(bench.context(), { keys, dryRun: false, ...change }, call);
}

/** The outcomes, or the codes of the failures, in order. */
async function outcomes(...given: Parameters<typeof create>) {
  const created = await create(...given);
  if (!created.ok) return created.failure.code;
  const { outcome, results } = created.value;
  return [outcome, ...results.map((result) => (result.ok ? result.value.outcome : result.failure.code))];
}

const requests = (wanted: string) => bench.sandbox.requests.filter(({ operation }) => operation === wanted).length;
const live = () => bench.sandbox.keys().map(({ name }) => name);

test('each is created and delivered, with one list a project, and progress tells how many', async () => {
  const other = bench.sandbox.addProject().id;
  const told: string[] = [];
  const keys = [...numbered(6), key('elsewhere', { groupId: other })];
  const call = { ...quiet(), progress: (message: string) => told.push(message) };
  expect(await outcomes(keys, {}, call)).toEqual(['completed', ...keys.map(() => 'delivered')]);
  expect(live().sort()).toEqual(keys.map(({ name }) => name).sort());
  for (const { name } of keys) {
    const held = bench.sandbox.keys().find((each) => each.name === name)?.secret;
    expect(bench.held(name)).toBe(held);
  }
  expect(requests('list_keys')).toBe(2);
  expect(told).toContain('3 of 7');
  expect(told.at(-1)).toBe('7 of 7');
});

test('where one cannot be created none is, and the others say that they could be', async () => {
  await bench.create('taken');
  const keys = [key('one'), key('taken'), key('two', { sink: 'nowhere' }), key('three')];
  expect(await outcomes(keys)).toEqual(['failed', 'planned', 'NAME_IN_USE', 'SINK_UNKNOWN', 'planned']);
  expect(live()).toEqual(['taken']);
  expect(bench.held('one')).toBeUndefined();
});

test('a project that the operator does not allow is not asked about', async () => {
  const other = bench.sandbox.addProject().id;
  const context = { ...bench.context(), allowedProjects: [GROUP] };
  const created = await createKeys(context, { keys: [key('a', { groupId: other })], dryRun: false }, quiet());
  expect(created).toMatchObject({ value: { results: [{ failure: { code: 'PROJECT_NOT_ALLOWED' } }] } });
  expect(bench.sandbox.requests.filter(({ path }) => path.includes(other))).toEqual([]);
});

test('a dry run creates nothing, and leaves nothing', async () => {
  expect(await outcomes(numbered(3), { dryRun: true })).toEqual(['planned', 'planned', 'planned', 'planned']);
  expect(requests('create_key')).toBe(0);
  expect(existsSync(bench.intentsAt)).toBe(false);
});

test.each([
  ['name', [key('same', { entry: 'one' }), key('other'), key('same', { entry: 'two' })], /keys\.0 and keys\.2/],
  // One text in two spellings of Unicode.
  ['name', [key('caf\u00e9', { entry: 'one' }), key('cafe\u0301', { entry: 'two' })], /keys\.0 and keys\.1/],
  ['place', [key('a'), key('one', { entry: 'here' }), key('two', { entry: 'here' })], /keys\.1 and keys\.2/],
  ['place', [key('one', { sink: 'blind' }), key('two', { sink: 'blind' })], /keys\.0 and keys\.1/],
])('two of one %s are refused, and named', async (_what, keys, named) => {
  const created = await create(keys);
  expect(created).toMatchObject({
    failure: { code: 'INVALID_INPUT', message: matching(named) },
  });
  expect(live()).toEqual([]);
});

test('one entry of a program that is not told the project is one place for two projects', async () => {
  const groupId = bench.sandbox.addProject().id;
  const sinks = sinksByEntry(bench.folder);
  const of = (sink: string) =>
    createKeys(
      { ...bench.context(), sinks },
      { keys: [key('a', { sink }), key('a', { sink, groupId })], dryRun: false },
      quiet(),
    );
  expect(await of('one')).toMatchObject({ failure: { code: 'INVALID_INPUT' } });
  expect(await of('each')).toMatchObject({ value: { outcome: 'completed' } });
});

test('more than the quota leaves refuses the whole, and says how many are left', async () => {
  await bench.create('before');
  const context = { ...bench.context(), maxCreatesPerHour: 4 };
  const refused = await createKeys(context, { keys: numbered(4), dryRun: false }, quiet());
  expect(refused).toMatchObject({
    failure: { code: 'QUOTA_EXCEEDED', retryable: true, message: containing('3 are left') },
  });
  expect(live()).toEqual(['before']);
  expect(await createKeys(context, { keys: numbered(3), dryRun: false }, quiet())).toMatchObject({
    value: { outcome: 'completed' },
  });
});

test('what fails stops nothing else', async () => {
  expect(await outcomes([key('one'), key('two', { sink: 'broken' }), key('three')])).toEqual([
    'partial',
    'delivered',
    'SINK_WRITE_FAILED',
    'delivered',
  ]);
  expect(live().sort()).toEqual(['one', 'three']);
  expect(await outcomes([key('four', { sink: 'broken' })])).toEqual(['failed', 'SINK_WRITE_FAILED']);
});

test('what became of a key is not asked of the list from before: one whose reply is lost is found and deleted again', async () => {
  bench.sandbox.inject({ operation: 'create_key', when: 'after', kind: 'reset' });
  const created = await create([key('lost')]);
  expect(created).toMatchObject({ value: { results: [{ failure: { keyState: 'rolled_back' } }] } });
  expect(live()).toEqual([]);
});

test('nor who has got its name meanwhile', async () => {
  await bench.close();
  bench = await startBench({ uniqueNames: 'at_rename' });
  bench.sandbox.gate = ({ operation, when }) => {
    if (operation === 'update_key' && when === 'before' && !live().includes('taken'))
      bench.sandbox.addKey(GROUP, { name: 'taken' });
    return Promise.resolve('go');
  };
  expect(await create([key('taken')])).toMatchObject({
    value: { results: [{ failure: { code: 'NAME_IN_USE', keyState: 'rolled_back' } }] },
  });
  expect(live()).toEqual(['taken']);
});

test('a name that another call of this machine takes after the list was read is refused', async () => {
  const { gate } = bench.sandbox;
  expect(gate).toBeUndefined();
  const context = bench.context();
  const slow = {
    ...context,
    atlas: {
      ...context.atlas,
      async listKeys(...given: Parameters<typeof context.atlas.listKeys>) {
        const list = await context.atlas.listKeys(...given);
        await bench.create('late', { entry: 'late-2' });
        return list;
      },
    },
  };
  const created = await createKeys(slow, { keys: [key('late')], dryRun: false }, quiet());
  expect(created).toMatchObject({ value: { results: [{ failure: { code: 'NAME_IN_USE' } }] } });
  expect(live()).toEqual(['late']);
});

test('what was not begun when the call was cancelled is not begun; what was begun is finished', async () => {
  const controller = new AbortController();
  const progress = (message: string) => {
    if (message.startsWith('2 of')) controller.abort();
  };
  const created = await create(numbered(30), {}, { signal: controller.signal, progress });
  if (!created.ok) throw new Error(created.failure.message);
  const { outcome, results } = created.value;
  expect(outcome).toBe('partial');
  const delivered = results.filter((result) => result.ok);
  expect(delivered.length).toBeGreaterThanOrEqual(2);
  expect(delivered.length).toBeLessThan(12);
  expect(results.flatMap((result) => (result.ok ? [] : [result.failure.code]))).toEqual(
    Array.from({ length: 30 - delivered.length }, () => 'CANCELLED'),
  );
  expect(live()).toHaveLength(delivered.length);
  expect((await bench.intents()).filter(({ state }) => state.step !== 'ended')).toEqual([]);
});

test('the person is asked once which sink, for all keys that name none', async () => {
  const context = { ...bench.context(), defaultSink: undefined };
  const asked: string[] = [];
  const call: RequestContext = {
    ...quiet(),
    ask: ({ message }) => {
      asked.push(message);
      return Promise.resolve({ answer: 'given', value: 'file' });
    },
  };
  const created = await createKeys(
    context,
    { keys: [...numbered(3), key('x', { sink: 'file' })], dryRun: false },
    call,
  );
  expect(created).toMatchObject({ value: { outcome: 'completed' } });
  expect(asked).toHaveLength(1);
  expect(asked[0]).toContain('Keys: "key-0", "key-1", "key-2"');
});

test('a person who declines is not asked again, and nothing is created', async () => {
  const context = { ...bench.context(), defaultSink: undefined };
  let asked = 0;
  const ask = () => {
    asked += 1;
    return Promise.resolve({ answer: 'declined' as const });
  };
  const created = await createKeys(context, { keys: numbered(3), dryRun: false }, { ...quiet(), ask });
  expect(created).toMatchObject({ value: { outcome: 'failed', results: [{ failure: { code: 'DECLINED' } }, {}, {}] } });
  expect(asked).toBe(1);
});

test('variables of one .env file do not disturb each other', async () => {
  const path = join(bench.folder, 'keys', '.env');
  const sinks = openSinks(new Map([['env', { type: 'dotenv', path, variable: '{entry}' }]]), {});
  const keys = Array.from({ length: 12 }, (_none, index) => key(`k${index}`, { sink: 'env', entry: `KEY_${index}` }));
  const created = await createKeys({ ...bench.context(), sinks }, { keys, dryRun: false }, quiet());
  expect(created).toMatchObject({ value: { outcome: 'completed' } });
});

test('the results of lanes are in the order of the items, and no more than a few act at once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 3 }), { maxLength: 40 }), async (turns) => {
      let now = 0;
      let most = 0;
      const results = await inLanes(turns, quiet().signal, async (count, _signal, index) => {
        most = Math.max(most, (now += 1));
        for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
        now -= 1;
        return index;
      });
      expect(results).toEqual(turns.map((_count, index) => index));
      expect(most).toBeLessThanOrEqual(4);
    }),
  );
});

test('where the operator wants consent to a create, a person is asked once, for all keys and with each place', async () => {
  const asked: string[] = [];
  const answering = (value: string): RequestContext => ({
    ...quiet(),
    ask: ({ message }) => {
      asked.push(message);
      return Promise.resolve({ answer: 'given', value });
    },
  });
  const policy = { confirm: 'required', confirmTools: ['create_ai_model_api_key'] } as const;
  const context = { ...bench.context(), ...policy };
  const run = (keys: readonly Key[], call: RequestContext) => createKeys(context, { keys, dryRun: false }, call);
  expect(await run(numbered(3), answering('four'))).toMatchObject({ failure: { code: 'DECLINED' } });
  expect(requests('create_key')).toBe(0);
  asked.length = 0;
  expect(await run(numbered(3), answering('3'))).toMatchObject({ value: { outcome: 'completed' } });
  expect(asked).toHaveLength(1);
  for (const { name } of numbered(3)) expect(asked[0]?.replaceAll('\n  ', '')).toContain(`/keys/${name}`);
  expect(await createKeys(context, { keys: [key('planned')], dryRun: true }, answering('1'))).toMatchObject({
    ok: true,
  });
  expect(asked, 'a dry run asks nobody').toHaveLength(1);
});

test('a person is shown one secret in a call', async () => {
  const pages = {
    check: () => Promise.resolve({ ok: true as const, value: undefined }),
    approve: () => Promise.reject(new Error('not asked')),
    reveal: () => Promise.resolve({ answer: 'stored' as const, wasShown: true }),
  };
  const sinks = new Map([...bench.sinks, ...openSinks(new Map([['me', { type: 'reveal' } as const]]), {}, pages)]);
  const run = (keys: readonly Key[]) => createKeys({ ...bench.context(), sinks }, { keys, dryRun: false }, quiet());
  expect(await run([key('one', { sink: 'me' }), key('two')])).toMatchObject({ failure: { code: 'INVALID_INPUT' } });
  expect(live()).toEqual([]);
  expect(await run([key('one', { sink: 'me' })])).toMatchObject({ value: { outcome: 'completed' } });
});
