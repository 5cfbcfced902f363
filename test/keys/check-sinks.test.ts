// What the places for secrets hold: whose key, or nobody's, told by reads alone; and where a key's secret was put.

import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { checkSinks, placesOfKey, type PlaceSeen, type SinkCheckContext } from '../../src/keys/check-sinks.ts';
import { openSinks } from '../../src/sinks/kinds.ts';
import { GROUP, quiet, benchFor, told, type Bench, type BenchOptions } from './bench.ts';

let bench: Bench;

const start = async (options?: BenchOptions) => {
  bench = await benchFor(options);
};
beforeEach(() => start());

const at = (name: string) => join(bench.folder, 'keys', name);
const put = (name: string, value: string) => {
  writeFileSync(at(name), value, { mode: 0o600 });
};
/** The fixed places `one` and `each`, one for each project, and `env`, beside the sinks of the bench. */
const context = (change: Partial<SinkCheckContext> = {}): SinkCheckContext => {
  const fixed = openSinks(
    new Map([
      ['one', { type: 'file', path: at('one') } as const],
      ['each', { type: 'file', path: at('{groupId}') } as const],
      ['env', { type: 'dotenv', path: at('.env'), variable: 'VOYAGE_API_KEY' } as const],
    ]),
    {},
  );
  return { ...bench.context(), sinks: new Map([...bench.sinks, ...fixed]), ...change };
};
const check = async (request: Partial<Parameters<typeof checkSinks>[1]> = {}, given = context()) => {
  bench.sandbox.clearRequests();
  const checked = told(await checkSinks(given, { groupId: GROUP, ...request }, quiet()), 'not_applicable');
  const methods = bench.sandbox.requests.filter(({ operation }) => operation !== 'token').map(({ method }) => method);
  expect(methods.filter((method) => method !== 'GET')).toEqual([]);
  const text = JSON.stringify(checked);
  for (const secret of bench.secrets()) expect(text).not.toContain(secret);
  return checked;
};
const placeIn = async (sink: string, request = {}, given = context()): Promise<Partial<PlaceSeen>> => {
  const checked = await check(request, given);
  if ('failure' in checked) expect.fail(checked.failure.message);
  const [place, ...others] = checked.places.filter((each) => each.sink === sink);
  expect(others).toEqual([]);
  return place ?? {};
};
const only = () => bench.sandbox.keys(GROUP)[0] ?? expect.fail();

test('a place to which this machine has delivered: the key by its fingerprint, with its state', async () => {
  await bench.create('key');
  bench.sandbox.markUsed(only().apiKeyId);
  const { apiKeyId, maskedSecret, lastUsedAt } = only();
  expect(await placeIn('file')).toEqual({
    sink: 'file',
    kind: 'file',
    location: at('key'),
    entry: 'key',
    groupId: GROUP,
    holds: 'key',
    key: { apiKeyId, name: 'key', maskedSecret, status: 'ACTIVE', lastUsedAt },
    fingerprint: expect.stringMatching(/^sha256:[0-9a-f]{12}$/) as unknown,
  });
});

test('fixed places are looked at without a delivery: the key by its mask, without a fingerprint', async () => {
  const { apiKeyId, secret } = bench.sandbox.addKey(GROUP, { name: 'by hand' });
  writeFileSync(at('.env'), `A=1\nVOYAGE_API_KEY=${secret}\n`, { mode: 0o600 });
  const place = await placeIn('env');
  expect(place).toMatchObject({
    holds: 'key',
    key: { apiKeyId, name: 'by hand' },
    location: `${at('.env')}#VOYAGE_API_KEY`,
  });
  expect(place).not.toHaveProperty('fingerprint');
  expect(await placeIn('one')).toEqual({ sink: 'one', kind: 'file', location: at('one'), holds: 'nothing' });
  expect(await placeIn('each')).toMatchObject({ location: at(GROUP), groupId: GROUP, holds: 'nothing' });
});

describe('a deleted key is one that the list lacks, and of which Atlas says so itself', () => {
  const deleted = async () => {
    await bench.create('key');
    const { apiKeyId } = only();
    bench.sandbox.removeKey(apiKeyId);
    return apiKeyId;
  };

  test('its id and name are those of the journal', async () => {
    const apiKeyId = await deleted();
    expect(await placeIn('file')).toMatchObject({ holds: 'deleted key', key: { apiKeyId, name: 'key' } });
  });

  test.each([
    ['a page of a proxy', { kind: 'status', status: 404, body: '<h1>Not Found</h1>' } as const],
    ['an error', { kind: 'status', status: 500 } as const],
    ['another code', { kind: 'status', status: 404, errorCode: 'GROUP_NOT_FOUND' } as const],
  ])('not by %s: the key, of whose state nothing is known', async (_what, fault) => {
    const apiKeyId = await deleted();
    bench.sandbox.inject({ operation: 'get_key', when: 'before', times: 9, ...fault });
    const { holds, key } = await placeIn('file');
    expect({ holds, key }).toEqual({ holds: 'key', key: { apiKeyId, name: 'key' } });
  });

  test('not because a list is behind', async () => {
    await bench.create('key');
    bench.sandbox.setListLag(3);
    expect(await placeIn('file')).toMatchObject({ holds: 'key', key: { status: 'ACTIVE' } });
  });
});

test.each([
  ['a password', 'correct horse battery staple'],
  ['the key of somebody else', 'al-of-somebody-else-0123456789'],
  ['something short with the right end', undefined],
])('another value: %s. Nothing more is said of it', async (_what, value) => {
  const { secret } = bench.sandbox.addKey(GROUP, { name: 'by hand' });
  put('one', value ?? `al-${secret.slice(-4)}`);
  expect(await placeIn('one')).toEqual({ sink: 'one', kind: 'file', location: at('one'), holds: 'another value' });
});

test('a value that only fits the mask of a key whose fingerprint is known, or the masks of two keys, is another', async () => {
  await bench.create('key');
  put('key', `al-${'x'.repeat(40)}${only().secret.slice(-4)}`);
  expect(await placeIn('file')).toMatchObject({ holds: 'another value' });
  const { secret, maskedSecret } = bench.sandbox.addKey(GROUP, { name: 'by hand' });
  put('one', secret);
  expect(await placeIn('one')).toMatchObject({ holds: 'key' });
  bench.sandbox.addKey(GROUP, { name: 'its double' });
  bench.sandbox.inject({ operation: 'list_keys', when: 'after', kind: 'replace', fields: { maskedSecret } });
  expect(await placeIn('one')).toMatchObject({ holds: 'another value' });
});

test('what cannot be read is never empty', async () => {
  await bench.create('key', { sink: 'blind' });
  expect(await placeIn('blind')).toMatchObject({ holds: 'unreadable' });
  mkdirSync(at('one'));
  expect(await placeIn('one')).toMatchObject({ holds: 'unreadable' });
  rmSync(at('one'), { recursive: true });
  put('one', 'x'.repeat(10_000));
  chmodSync(at('one'), 0o600);
  expect(await placeIn('one')).toMatchObject({ holds: 'unreadable' });
});

test('the named sink, and a place in it that nobody has delivered to', async () => {
  const { apiKeyId, secret } = bench.sandbox.addKey(GROUP, { name: 'by hand' });
  put('mine', secret);
  expect(await check({ sink: 'file', entry: 'mine' })).toMatchObject({
    places: [{ sink: 'file', entry: 'mine', holds: 'key', key: { apiKeyId } }],
    leftOut: 0,
  });
  expect(await check({ sink: 'file' })).toMatchObject({ places: [] });
  expect(await check({ sink: 'none' })).toMatchObject({ failure: { code: 'SINK_UNKNOWN' } });
  expect(await check({ sink: 'one', entry: 'mine' })).toMatchObject({ failure: { code: 'INVALID_INPUT' } });
});

describe('without a project', () => {
  test('those to which this machine has delivered; a shared place is told of once, with its key', async () => {
    const [, second] = bench.sandbox.projects;
    const other = second?.id ?? '';
    await bench.create('first');
    await bench.create('second', { groupId: other, sink: 'one' }, { ...bench.context(), ...context() });
    for (const request of [{ groupId: undefined }, { groupId: other }])
      expect(await placeIn('one', request)).toMatchObject({ holds: 'key', groupId: other, key: { name: 'second' } });
    const checked = await check({ groupId: undefined });
    expect(checked).toMatchObject({ leftOut: 0 });
    expect('places' in checked && checked.places.map(({ sink, groupId }) => [sink, groupId]).sort()).toEqual(
      [
        ['blind', undefined],
        ['broken', undefined],
        ['each', GROUP],
        ['each', other],
        ['env', undefined],
        ['file', GROUP],
        ['one', other],
      ].sort(),
    );
  });

  test('one that the operator does not allow is neither asked about nor told of', async () => {
    const [, second] = bench.sandbox.projects;
    const other = second?.id ?? '';
    await bench.create('first');
    await bench.create('second', { groupId: other, sink: 'one' }, { ...bench.context(), ...context() });
    const given = context({ allowedProjects: [GROUP] });
    const checked = await check({ groupId: undefined }, given);
    expect(JSON.stringify(checked)).not.toContain(other);
    expect(JSON.stringify(checked)).not.toContain('second');
    expect(bench.sandbox.requests.filter(({ path }) => path.includes(other))).toEqual([]);
    expect(await placeIn('one', { groupId: undefined }, given)).toEqual({
      sink: 'one',
      kind: 'file',
      location: at('one'),
      holds: 'another value',
    });
    expect(await check({ groupId: other }, given)).toMatchObject({ failure: { code: 'PROJECT_NOT_ALLOWED' } });
  });

  test('none is known: the caller must name one', async () => {
    expect(await check({ groupId: undefined })).toMatchObject({ failure: { code: 'INVALID_INPUT' } });
    expect(await check({ groupId: undefined }, context({ allowedProjects: [GROUP] }))).toMatchObject({ leftOut: 0 });
  });
});

test('of many places 50 are looked at, and it is said how many are left out', async () => {
  for (let index = 0; index < 52; index += 1) await bench.create(`key ${index}`);
  const checked = await check({ sink: 'file' });
  expect(checked).toMatchObject({ leftOut: 2 });
  expect('places' in checked && checked.places).toHaveLength(50);
});

test('a list that cannot be had is a failure, not a place without a key', async () => {
  bench.sandbox.inject({ operation: 'list_keys', when: 'before', kind: 'status', status: 500, times: 9 });
  expect(await check()).toMatchObject({ failure: { code: 'ATLAS_UNAVAILABLE' } });
});

describe('where the secret of a key was put', () => {
  const places = () => placesOfKey(context(), GROUP, only());

  test('this machine knows it, and whether it is still there', async () => {
    await bench.create('key');
    const [place] = await places();
    expect(place).toMatchObject({ sink: 'file', location: at('key'), entry: 'key', holds: 'it' });
    expect(Date.parse(place?.at ?? '')).not.toBeNaN();
    put('key', 'al-another-0123456789abcdef');
    expect(await places()).toMatchObject([{ holds: 'another value', fingerprint: place?.fingerprint }]);
    rmSync(at('key'));
    expect(await places()).toMatchObject([{ holds: 'nothing' }]);
    mkdirSync(at('key'));
    expect(await places()).toMatchObject([{ holds: 'unreadable' }]);
  });

  test('else the only fixed place whose value fits its mask, without a time or a fingerprint', async () => {
    const { secret } = bench.sandbox.addKey(GROUP, { name: 'by hand' });
    expect(await places()).toEqual([]);
    put('one', secret);
    expect(await places()).toEqual([{ sink: 'one', kind: 'file', location: at('one'), holds: 'it' }]);
    put(GROUP, secret);
    expect(await places()).toEqual([]);
  });
});
