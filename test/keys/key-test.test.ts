// The test of a key by its own secret: from which place it is taken, which values are never used, and what comes of it.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { testKey, type KeyTestContext, type KeyTestRequest } from '../../src/keys/key-test.ts';
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
/** Two fixed places, `one` and `two`, beside the sinks of the bench. */
const context = (change: Partial<KeyTestContext> = {}): KeyTestContext => {
  const fixed = openSinks(new Map(['one', 'two'].map((name) => [name, { type: 'file', path: at(name) } as const])), {});
  return { ...bench.context(), sinks: new Map([...bench.sinks, ...fixed]), ...change };
};
const run = async (request: Partial<KeyTestRequest>, given = context()) =>
  told(await testKey(given, { groupId: GROUP, ...request }, quiet()), 'not_applicable');
const used = () =>
  bench.sandbox.requests
    .filter(({ operation }) => operation === 'embed')
    .map(({ headers }) => headers.authorization?.replace('Bearer ', ''));

test('by its name, from the place where this machine put it', async () => {
  await bench.create('key');
  const [key] = bench.sandbox.keys(GROUP);
  const { apiKeyId, secret } = key ?? expect.fail();
  const tested = await run({ name: 'key' });
  expect(tested).toEqual({
    works: 'yes',
    status: 200,
    model: 'voyage-3.5-lite',
    endpoint: new URL(bench.sandbox.baseUrl).host,
    sink: 'file',
    entry: 'key',
    key: expect.objectContaining({ apiKeyId, name: 'key' }) as unknown,
  });
  expect(used()).toEqual([secret]);
  expect(JSON.stringify(tested)).not.toContain(secret);
  expect(await run({ apiKeyId })).toMatchObject({ works: 'yes' });
});

test('what this machine did not deliver, from the only fixed place whose value fits its mask', async () => {
  const { apiKeyId, secret } = bench.sandbox.addKey(GROUP, { name: 'by hand' });
  put('two', `${secret}\n`);
  put('one', 'al-of-another-key-0123456789');
  expect(await run({ apiKeyId })).toMatchObject({ works: 'yes', sink: 'two' });
  put('one', secret);
  expect(await run({ apiKeyId })).toMatchObject({ failure: { code: 'INVALID_INPUT' } });
  expect(await run({ apiKeyId, sink: 'one' })).toMatchObject({ works: 'yes', sink: 'one' });
  expect(used()).toEqual([secret, secret]);
});

test.each([
  ['another value', 'al-of-another-key-0123456789'],
  ['a password', 'correct horse battery staple'],
  ['nothing', ''],
])('no value is used but its own secret: %s', async (_what, value) => {
  await bench.create('key');
  const secret = bench.held('key') ?? '';
  writeFileSync(at('key'), value);
  const tested = await run({ name: 'key' });
  expect(tested).toMatchObject({ failure: { code: 'SINK_NOT_READY' } });
  expect(JSON.stringify(tested)).toMatch(/check_secret_sinks/);
  // Where the journal knows the fingerprint, a value that only fits the mask is another's.
  writeFileSync(at('key'), `al-${'x'.repeat(40)}${secret.slice(-4)}`);
  expect(await run({ name: 'key' })).toMatchObject({ failure: { code: 'SINK_NOT_READY' } });
  expect(used()).toEqual([]);
});

test('a token of another service with the same end is not sent, whatever the mask', async () => {
  const { apiKeyId, secret } = bench.sandbox.addKey(GROUP, { name: 'by hand' });
  for (const value of [`sk-${'x'.repeat(40)}${secret.slice(-4)}`, `al-${secret.slice(-4)}`]) {
    put('one', value);
    expect(await run({ apiKeyId, sink: 'one' })).toMatchObject({ failure: { code: 'SINK_NOT_READY' } });
  }
  expect(used()).toEqual([]);
});

test('a sink that cannot be read is said to be so, and one that is not there is SINK_UNKNOWN', async () => {
  await bench.create('key', { sink: 'blind' });
  expect(await run({ name: 'key', sink: 'blind' })).toMatchObject({
    failure: { code: 'SINK_NOT_READY', message: expect.stringContaining('blind: cannot be read') as unknown },
  });
  expect(await run({ name: 'key', sink: 'none' })).toMatchObject({ failure: { code: 'SINK_UNKNOWN' } });
});

test('a key that is not delivered is not used: it could not be deleted again', async () => {
  const key = bench.sandbox.addKey(GROUP, { name: 'key-undelivered-0123456789ab' });
  put('one', key.secret);
  expect(await run({ apiKeyId: key.apiKeyId })).toMatchObject({ failure: { code: 'NAME_MISMATCH' } });
  expect(used()).toEqual([]);
});

test('a name of no key or of two, and a project that is not allowed', async () => {
  for (const name of ['twice', 'twice']) bench.sandbox.addKey(GROUP, { name });
  expect(await run({ name: 'twice' })).toMatchObject({ failure: { code: 'INVALID_INPUT' } });
  expect(await run({ name: 'Twice' })).toMatchObject({ failure: { code: 'ATLAS_NOT_FOUND' } });
  expect(await run({})).toMatchObject({ failure: { code: 'INVALID_INPUT' } });
  bench.sandbox.clearRequests();
  const other = context({ allowedProjects: ['a'.repeat(24)] });
  for (const wish of [{ name: 'twice' }, { apiKeyId: 'any' }])
    expect(await run(wish, other)).toMatchObject({ failure: { code: 'PROJECT_NOT_ALLOWED' } });
  expect(bench.sandbox.requests).toEqual([]);
});

test.each([
  [401, 'refused'],
  [429, 'rate-limited'],
  [503, 'unreachable'],
  [404, 'unknown'],
] as const)('status %i is %s, in one request', async (status, works) => {
  await bench.create('key');
  bench.sandbox.inject({ operation: 'embed', when: 'before', kind: 'status', status });
  expect(await run({ name: 'key' })).toMatchObject({ works, status });
  expect(used()).toHaveLength(1);
});

test('an endpoint that Atlas names and the operator does not allow gets nothing', async () => {
  await bench.create('key');
  bench.sandbox.inject({
    operation: 'get_key',
    when: 'after',
    kind: 'replace',
    fields: { endpoint: 'evil.example.com' },
  });
  expect(await run({ apiKeyId: bench.sandbox.keys(GROUP)[0]?.apiKeyId })).toMatchObject({
    failure: { code: 'ATLAS_PROTOCOL', hint: expect.stringContaining('ENDPOINT_HOSTS') as unknown },
  });
  bench.sandbox.inject({ operation: 'get_key', when: 'after', kind: 'omit', fields: ['endpoint'] });
  expect(await run({ apiKeyId: bench.sandbox.keys(GROUP)[0]?.apiKeyId })).toMatchObject({
    failure: { code: 'ATLAS_PROTOCOL', hint: expect.stringContaining('API_VERSION') as unknown },
  });
  expect(used()).toEqual([]);
});

test.each<[string, string | undefined, string]>([
  ['the small one', undefined, 'voyage-3.5-lite'],
  ["the operator's, where the project has it", 'voyage-3-large', 'voyage-3-large'],
  ['not one that the project does not have', 'voyage-9', 'voyage-3.5-lite'],
])('the model is %s', async (_what, testModel, model) => {
  await bench.create('key');
  expect(await run({ name: 'key' }, context({ testModel }))).toMatchObject({ works: 'yes', model });
});

test('where Atlas names no embedding model, it is the one of the operator, else a known one', async () => {
  await bench.create('key');
  for (const [testModel, model] of [
    ['voyage-9', 'voyage-9'],
    [undefined, 'voyage-3.5-lite'],
  ]) {
    bench.sandbox.inject({
      ...{ operation: 'list_rate_limits', when: 'after', kind: 'replace' },
      fields: { modelNames: ['rerank-2.5', 'voyage-context-3', 'voyage-multimodal-3', 'voyage-<b>'] },
    });
    expect(await run({ name: 'key' }, context({ testModel }))).toMatchObject({ model });
  }
});

test('a sink that gives another value than it was seen to hold gives nothing away', async () => {
  await bench.create('key');
  const file = bench.sinks.get('file') ?? expect.fail();
  const lying = { ...file, readSecret: () => Promise.resolve({ held: 'another value' } as const) };
  const given = context({ sinks: new Map([['file', lying]]) });
  expect(await run({ name: 'key' }, given)).toMatchObject({ failure: { code: 'SINK_NOT_READY' } });
  expect(readFileSync(at('key'), 'utf8')).toBe(bench.sandbox.keys(GROUP)[0]?.secret);
});
