// A key of a moment ago, which neither a list nor a read by its id need show yet, is not taken for a deleted one.

import { describe, expect, onTestFinished, test } from 'vitest';
import { checkSinks } from '../../src/keys/check-sinks.ts';
import { GROUP, quiet, startBench, told, type BenchOptions } from './bench.ts';

async function benchWith(options: BenchOptions) {
  const bench = await startBench(options);
  onTestFinished(() => bench.close());
  return bench;
}

describe.each([1, 2])('where lists and reads by id are %i behind', (lag) => {
  test('the secret of a new key does not give way, and is not said to be that of a deleted one', async () => {
    const bench = await benchWith({ listLag: lag, readLag: lag });
    await bench.create('app');
    const secret = bench.held('app');
    expect(await bench.create('new', { entry: 'app' })).toMatchObject({ failure: { code: 'SINK_ENTRY_EXISTS' } });
    expect(bench.held('app')).toBe(secret);
    const checked = told(await checkSinks(bench.context(), { groupId: GROUP, sink: 'file' }, quiet()));
    expect(checked).toMatchObject({ places: [{ holds: 'key', key: { name: 'app' } }] });
  });

  test('a new key that is rotated at once is deleted, as the result says', async () => {
    const bench = await benchWith({ readLag: lag });
    await bench.create('app');
    expect(await bench.rotate('app')).toMatchObject({ outcome: 'rotated', oldKey: { state: 'deleted' } });
    expect(bench.sandbox.keys(GROUP).map(({ secret }) => secret)).toEqual([bench.held('app')]);
  });
});

test('a rotation that no read shows its old key does not say that it is deleted', async () => {
  const bench = await benchWith({ readLag: 9 });
  await bench.create('app');
  const [old] = bench.sandbox.keys(GROUP);
  const apiKeyId = old?.apiKeyId ?? expect.fail();
  expect(await bench.rotate('app')).toMatchObject({
    failure: {
      code: 'ATLAS_OUTCOME_UNKNOWN',
      keyState: 'delivered',
      message: expect.stringContaining(apiKeyId) as unknown,
    },
  });
  expect(bench.sandbox.keys(GROUP)).toContainEqual(old);
});

test('an old key that a person deleted meanwhile is deleted', async () => {
  const bench = await benchWith({});
  await bench.create('app');
  const apiKeyId = bench.sandbox.keys(GROUP)[0]?.apiKeyId ?? expect.fail();
  bench.sandbox.gate = ({ operation, when }) => {
    if (operation === 'update_key' && when === 'after') bench.sandbox.removeKey(apiKeyId);
    return Promise.resolve('go');
  };
  expect(await bench.rotate('app')).toMatchObject({ outcome: 'rotated', oldKey: { state: 'deleted' } });
});

test('a list that lacks the id of a row, and a read that does not find it, do not say that a key is deleted', async () => {
  const bench = await benchWith({});
  await bench.create('app');
  const { sandbox } = bench;
  const secret = bench.held('app');
  sandbox.inject({ operation: 'list_keys', when: 'after', kind: 'omit', fields: ['apiKeyId'], times: 9 });
  const gone = { status: 404, errorCode: 'RESOURCE_NOT_FOUND', times: 9 };
  sandbox.inject({ operation: 'get_key', when: 'before', kind: 'status', ...gone });
  expect(await bench.create('new', { entry: 'app' })).toMatchObject({ failure: { code: 'SINK_ENTRY_EXISTS' } });
  expect(bench.held('app')).toBe(secret);
});
