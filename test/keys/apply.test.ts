// An operator's list of keys: what is missing is made, what is too old is rotated, and nothing else is touched.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { applyKeys, isAsWritten, type Applied, type ApplyContext, type WantedKey } from '../../src/keys/apply.ts';
import { openJournal } from '../../src/keys/journal/journal.ts';
import { openSinks } from '../../src/sinks/kinds.ts';
import { GROUP, requestFor, sinksByEntry, startBench, type Bench } from './bench.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

let bench: Bench;
beforeEach(async () => {
  bench = await startBench();
});
afterEach(() => bench.close());

const want = (name: string, change: Partial<WantedKey> = {}): WantedKey => ({ ...requestFor(name), ...change });

interface Options extends Partial<ApplyContext> {
  readonly dryRun?: boolean;
  readonly isConfirmed?: boolean;
}

async function apply(wanted: readonly WantedKey[], { dryRun = false, isConfirmed = false, ...change }: Options = {}) {
  const ended = new Map<WantedKey, Applied>();
  const context = { ...bench.context(), readOnly: false, ...change };
  const onEnd = (key: WantedKey, applied: Applied) => {
    ended.set(key, applied);
  };
  const signal = new AbortController().signal;
  const told = await applyKeys(context, wanted, { dryRun, isConfirmed, signal, onEnd });
  if (!told.ok) return { refused: told.failure.code, outcomes: [], applied: [], warnings: [] };
  const applied = wanted.flatMap((key) => ended.get(key) ?? []);
  const outcomes = applied.map((each) => (each.ok ? each.value.outcome : each.failure.code));
  return { isAll: applied.every(isAsWritten), outcomes, applied, warnings: told.value };
}

const live = () => bench.sandbox.keys().map(({ name }) => name);
const requests = (wanted: string) => bench.sandbox.requests.filter(({ operation }) => operation === wanted).length;
const idOf = (name: string) => bench.sandbox.keys().find((key) => key.name === name)?.apiKeyId;

/** As if the key had been made so many days ago. */
function age(name: string, days: number | undefined) {
  const key = bench.sandbox.keys().find((each) => each.name === name);
  if (!key) throw new Error(`There is no key ${name}.`);
  Object.assign(key, {
    createdAt: days === undefined ? undefined : new Date(Date.now() - days * DAY_MS).toISOString(),
  });
}

test('makes what is missing, once, with one list a project', async () => {
  const other = bench.sandbox.addProject().id;
  const wanted = [want('a'), want('b', { groupId: other, entry: 'b2' }), want('c'), want('d', { groupId: other })];
  expect(await apply(wanted)).toMatchObject({ isAll: true, outcomes: wanted.map(() => 'delivered') });
  expect(requests('list_keys')).toBe(2);
  bench.sandbox.clearRequests();
  expect(await apply(wanted)).toMatchObject({ isAll: true, outcomes: wanted.map(() => 'exists') });
  expect(bench.sandbox.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
  expect(live()).toHaveLength(4);
});

test('the hourly limit of agents does not hold it, and what it makes counts for them', async () => {
  const limited = { ...bench.context(), maxCreatesPerHour: 1 };
  expect(await apply([want('a'), want('b'), want('c')], { maxCreatesPerHour: 1 })).toMatchObject({ isAll: true });
  expect(await bench.create('d', {}, limited)).toMatchObject({ failure: { code: 'QUOTA_EXCEEDED' } });
});

test('a dry run and read-only change nothing, and say what is not as written', async () => {
  await bench.create('there');
  const wanted = [want('there'), want('missing')];
  bench.sandbox.clearRequests();
  expect(await apply(wanted, { dryRun: true })).toMatchObject({ isAll: false, outcomes: ['exists', 'planned'] });
  expect(await apply(wanted, { readOnly: true })).toMatchObject({ isAll: false, outcomes: ['exists', 'READ_ONLY'] });
  expect(await apply([want('there')], { readOnly: true })).toMatchObject({ isAll: true });
  expect(bench.sandbox.requests.filter(({ method }) => method !== 'GET' && method !== 'POST')).toEqual([]);
  expect(live()).toEqual(['there']);
});

test('a project that is not allowed is not asked about', async () => {
  const other = bench.sandbox.addProject().id;
  const applied = await apply([want('x', { groupId: other })], { allowedProjects: [GROUP] });
  expect(applied).toMatchObject({ isAll: false, outcomes: ['PROJECT_NOT_ALLOWED'] });
  expect(bench.sandbox.requests.filter(({ path }) => path.includes(other))).toEqual([]);
});

describe('rotation', () => {
  test('of what is too old only, by the time that Atlas gives', async () => {
    for (const name of ['old', 'young', 'any']) await bench.create(name);
    const [old, young] = [idOf('old'), idOf('young')];
    age('old', 31);
    age('young', 29);
    age('any', 400);
    const wanted = [want('old', { rotateAfterDays: 30 }), want('young', { rotateAfterDays: 30 }), want('any')];
    expect(await apply(wanted)).toMatchObject({ isAll: true, outcomes: ['rotated', 'exists', 'exists'] });
    expect(live().sort()).toEqual(['any', 'old', 'young']);
    expect(idOf('old')).not.toBe(old);
    expect(idOf('young')).toBe(young);
    expect(bench.held('old')).toBe(bench.sandbox.keys().find(({ name }) => name === 'old')?.secret);
    expect(await apply(wanted)).toMatchObject({ outcomes: ['exists', 'exists', 'exists'] });
  });

  test('a key that does not say when it was made is reported, and not touched', async () => {
    await bench.create('old');
    const before = idOf('old');
    age('old', undefined);
    expect(await apply([want('old', { rotateAfterDays: 1 })])).toMatchObject({
      isAll: false,
      outcomes: ['ATLAS_PROTOCOL'],
    });
    expect(idOf('old')).toBe(before);
  });

  test.each([
    ['cannot be read back', 'blind', undefined],
    ['does not hold the old secret', 'file', 'elsewhere'],
  ])('in a sink that %s is refused beforehand, night after night', async (_why, sink, entry) => {
    await bench.create('old', { sink });
    age('old', 31);
    bench.sandbox.clearRequests();
    const wanted = [want('old', { sink, ...(entry !== undefined && { entry }), rotateAfterDays: 30 })];
    for (const dryRun of [true, false, false])
      expect(await apply(wanted, { dryRun })).toMatchObject({ isAll: false, outcomes: ['SINK_NOT_READY'] });
    expect(requests('create_key')).toBe(0);
    expect(live()).toEqual(['old']);
  });

  test('where a person must consent it wants the word of the operator', async () => {
    await bench.create('old');
    age('old', 31);
    const wanted = [want('old', { rotateAfterDays: 30 })];
    const refused = await apply(wanted, { confirm: 'required' });
    expect(refused).toMatchObject({ isAll: false, outcomes: ['CONFIRMATION_UNAVAILABLE'] });
    expect(requests('create_key')).toBe(1);
    expect(await apply(wanted, { confirm: 'required', isConfirmed: true })).toMatchObject({ outcomes: ['rotated'] });
  });
});

test('two keys of one name are named, and neither is touched', async () => {
  const [one, other] = [bench.sandbox.addKey(GROUP, { name: 'twice' }), bench.sandbox.addKey(GROUP, { name: 'twice' })];
  const { isAll, applied } = await apply([want('twice', { rotateAfterDays: 1 })]);
  expect(isAll).toBe(false);
  const [told] = applied;
  expect(told?.ok === false && told.failure.message).toContain(`${one.apiKeyId}, ${other.apiKeyId}`);
  expect(live()).toEqual(['twice', 'twice']);
});

test('a key that another machine is delivering is waited for, and not made again', async () => {
  bench.sandbox.addKey(GROUP, { name: 'rival-undelivered-0123456789ab', createdAt: new Date() });
  const { applied } = await apply([want('rival')]);
  expect(applied).toMatchObject([{ failure: { code: 'NAME_IN_USE', retryable: true } }]);
  expect(requests('create_key')).toBe(0);
});

test('several machines at once make each key once where Atlas keeps names unique', async () => {
  await bench.close();
  bench = await startBench({ uniqueNames: 'always' });
  const wanted = Array.from({ length: 6 }, (_none, index) => want(`k${index}`));
  const machines = [0, 1, 2].map((machine) =>
    apply(wanted, { atlas: bench.connect(), journal: openJournal(`${bench.folder}/state-${machine}`) }),
  );
  await Promise.all(machines);
  expect(await apply(wanted)).toMatchObject({ isAll: true });
  expect(
    live()
      .filter((name) => !name.includes('-undelivered-'))
      .sort(),
  ).toEqual(wanted.map(({ name }) => name));
});

describe('a key that exists, and whose secret is not in its place', () => {
  test('is told of where the place holds nothing or the secret of another key, and none is made', async () => {
    await bench.create('a');
    await bench.create('b');
    bench.sandbox.addKey(GROUP, { name: 'elsewhere' });
    const { isAll, applied } = await apply([want('a', { entry: 'b' }), want('elsewhere'), want('b', { entry: 'c' })]);
    expect(isAll).toBe(true);
    expect(applied.map((each) => each.ok && each.value.warnings)).toEqual([
      ['The sink file holds another secret in its place here.'],
      ['The sink file holds nothing in its place here.'],
      ['The sink file holds nothing in its place here.'],
    ]);
    expect(requests('create_key')).toBe(2);
  });

  test('is not told of where its place holds it, or cannot be read', async () => {
    await bench.create('a');
    await bench.create('b', { sink: 'blind' });
    const { applied } = await apply([want('a'), want('b', { sink: 'blind' })]);
    expect(applied.map((each) => each.ok && each.value.warnings)).toEqual([[], []]);
  });
});

test('two keys of one place are refused before anything is asked', async () => {
  for (const change of [{ entry: 'e' }, { sink: 'blind' }])
    expect(await apply([want('one', change), want('two', change)])).toMatchObject({ refused: 'INVALID_INPUT' });
  expect(bench.sandbox.requests).toEqual([]);
});

test('one entry of a program that is not told the project is one place for two projects', async () => {
  const groupId = bench.sandbox.addProject().id;
  const sinks = sinksByEntry(bench.folder);
  const of = (sink: string) => apply([want('a', { sink }), want('a', { sink, groupId })], { sinks });
  expect(await of('one')).toMatchObject({ refused: 'INVALID_INPUT' });
  expect(await of('each')).toMatchObject({ isAll: true });
});

test('a sink that shows the secret takes none here', async () => {
  const sinks = openSinks(new Map([['inline', { type: 'inline' as const }]]), {});
  expect(await apply([want('a')], { sinks, defaultSink: 'inline' })).toMatchObject({ outcomes: ['INVALID_INPUT'] });
  expect(live()).toEqual([]);
});

test('what fails stops nothing else, and is not as written', async () => {
  const wanted = [want('one'), want('two', { sink: 'broken' }), want('three', { sink: 'nowhere' }), want('four')];
  const { isAll, outcomes } = await apply(wanted);
  expect(isAll).toBe(false);
  expect(outcomes).toEqual(['delivered', 'SINK_WRITE_FAILED', 'SINK_UNKNOWN', 'delivered']);
  expect(await apply(wanted)).toMatchObject({ outcomes: ['exists', 'SINK_WRITE_FAILED', 'SINK_UNKNOWN', 'exists'] });
});

test('a key whose reply is lost is found and deleted again, and made the next time', async () => {
  bench.sandbox.inject({ operation: 'create_key', when: 'after', kind: 'reset' });
  expect(await apply([want('a')])).toMatchObject({ applied: [{ failure: { keyState: 'rolled_back' } }] });
  expect(live()).toEqual([]);
  expect(await apply([want('a')])).toMatchObject({ isAll: true });
});

test('what an earlier call left unfinished is told of', async () => {
  bench.sandbox.inject({ kind: 'status', status: 500, operation: 'update_key', when: 'before', times: 100 });
  await bench.create('left');
  bench.sandbox.clearFaults();
  const { warnings } = await apply([want('other')]);
  expect(warnings.join('\n')).toContain('reconcile_ai_model_api_keys');
});
