import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Answer } from '../../src/keys/request-context.ts';
import { renameKey } from '../../src/keys/rename.ts';
import { fingerprintOfBytes } from '../../src/secret/opened-secret.ts';
import { containing } from '../matching.ts';
import { deadProcess, GROUP, plant, quiet, benchFor, told, type Bench } from './bench.ts';

async function benchWithKeys(...names: string[]) {
  const bench = await benchFor({ timeoutMs: 500 });
  return { bench, ids: names.map((name) => bench.sandbox.addKey(GROUP, { name }).apiKeyId) };
}

async function rename(bench: Bench, apiKeyId: string | undefined, name: string) {
  const request = { groupId: GROUP, apiKeyId: apiKeyId ?? '', name };
  return told(await renameKey(bench.context(), request, quiet()), 'not_applicable');
}

const names = ({ sandbox }: Bench) => sandbox.keys(GROUP).map(({ name }) => name);
const operations = ({ sandbox }: Bench) => sandbox.requests.map(({ operation }) => operation);

test('a key gets another name', async () => {
  const { bench, ids } = await benchWithKeys('one', 'two');
  expect(await rename(bench, ids[0], 'three')).toMatchObject({
    key: { apiKeyId: ids[0], name: 'three' },
    previousName: 'one',
  });
  expect(names(bench)).toEqual(['three', 'two']);
});

test('the name that it has is not a change', async () => {
  const { bench, ids } = await benchWithKeys('one');
  expect(await rename(bench, ids[0], 'one')).toMatchObject({ previousName: 'one' });
  expect(operations(bench)).toEqual(['token', 'list_keys']);
});

test('a name of another key is refused', async () => {
  const { bench, ids } = await benchWithKeys('one', 'two');
  expect(await rename(bench, ids[0], 'two')).toMatchObject({
    failure: { code: 'NAME_IN_USE', apiKeyId: ids[1], keyState: 'not_applicable' },
  });
  expect(names(bench)).toEqual(['one', 'two']);
});

test('a name that says of a key that it is not delivered is refused', async () => {
  const { bench, ids } = await benchWithKeys('one');
  for (const name of ['x-undelivered-0123456789ab', 'x-UNDELIVERED-0123456789AB', 'x-ｕndelivered-0123456789ab']) {
    expect(await rename(bench, ids[0], name)).toMatchObject({ failure: { code: 'INVALID_INPUT' } });
  }
  expect(names(bench)).toEqual(['one']);
});

test('a key that is not delivered keeps its name, unless it is in use or a sink holds its secret', async () => {
  const { bench } = await benchWithKeys();
  const nonce = '0123456789ab';
  const { apiKeyId, secret } = bench.sandbox.addKey(GROUP, { name: `one-undelivered-${nonce}` });
  expect(await rename(bench, apiKeyId, 'one')).toMatchObject({ failure: { code: 'NAME_MISMATCH', apiKeyId } });
  const at = new Date().toISOString();
  const fingerprint = fingerprintOfBytes(Buffer.from(secret));
  plant(bench, {
    nonce,
    groupId: GROUP,
    name: 'one',
    sink: 'file',
    entry: 'one',
    owner: deadProcess(),
    openedAt: at,
    updatedAt: at,
    state: { step: 'created', apiKeyId, fingerprint },
  });
  expect(await rename(bench, apiKeyId, 'one')).toMatchObject({ failure: { code: 'NAME_MISMATCH' } });
  writeFileSync(join(bench.folder, 'keys', 'one'), secret, { mode: 0o600 });
  expect(await rename(bench, apiKeyId, 'one')).toMatchObject({ key: { name: 'one' } });
  const other = bench.sandbox.addKey(GROUP, { name: 'two-undelivered-ba9876543210', lastUsedAt: new Date() });
  expect(await rename(bench, other.apiKeyId, 'two')).toMatchObject({ key: { name: 'two' } });
});

test('an id that is not there is refused, with the id where it is a name', async () => {
  const { bench, ids } = await benchWithKeys('one');
  expect(await rename(bench, 'nobody', 'x')).toMatchObject({ failure: { code: 'ATLAS_NOT_FOUND' } });
  expect(await rename(bench, 'one', 'x')).toMatchObject({
    failure: { code: 'ATLAS_NOT_FOUND', hint: containing(`its apiKeyId is ${ids[0] ?? ''}`) },
  });
});

test('a lost reply is looked up', async () => {
  const { bench, ids } = await benchWithKeys('one');
  bench.sandbox.inject({ operation: 'update_key', when: 'after', kind: 'reset' });
  expect(await rename(bench, ids[0], 'two')).toMatchObject({ key: { name: 'two' } });
  bench.sandbox.inject({ operation: 'update_key', when: 'before', kind: 'reset' });
  expect(await rename(bench, ids[0], 'three')).toMatchObject({
    failure: { code: 'ATLAS_UNAVAILABLE', retryable: true },
  });
  bench.sandbox.inject({ operation: 'update_key', when: 'after', kind: 'reset' });
  bench.sandbox.inject({ operation: 'get_key', when: 'before', times: 100, kind: 'reset' });
  expect(await rename(bench, ids[0], 'four')).toMatchObject({ failure: { code: 'ATLAS_OUTCOME_UNKNOWN' } });
  expect(bench.sandbox.requests.filter(({ operation }) => operation === 'update_key')).toHaveLength(3);
});

test('a key that is renamed to the name of a create in the same moment is not deleted for it', async () => {
  const { bench, ids } = await benchWithKeys('bystander');
  bench.sandbox.inject({ operation: 'create_key', when: 'before', kind: 'stall' });
  const creating = bench.create('wanted');
  await expect.poll(() => operations(bench).includes('create_key')).toBe(true);
  // By somebody else, who does not know this machine's journal.
  await bench.connect().renameKey(GROUP, ids[0] ?? '', 'wanted');
  expect(await creating).toMatchObject({ outcome: 'failed' });
  expect(names(bench)).toEqual(['wanted']);
});

describe('where the operator requires a person', () => {
  const required = (bench: Bench, apiKeyId: string | undefined, name: string, answer?: Answer) =>
    renameKey(
      { ...bench.context(), confirm: 'required' },
      { groupId: GROUP, apiKeyId: apiKeyId ?? '', name },
      { ...quiet(), ...(answer && { ask: () => Promise.resolve(answer) }) },
    );

  test('a key is renamed by whoever types its present name', async () => {
    const { bench, ids } = await benchWithKeys('one');
    const answer = { answer: 'given', value: 'one' } as const;
    expect(await required(bench, ids[0], 'two', answer)).toMatchObject({ value: { previousName: 'one' } });
    expect(names(bench)).toEqual(['two']);
  });
  test.each<[Answer | undefined, string]>([
    [undefined, 'CONFIRMATION_UNAVAILABLE'],
    [{ answer: 'unavailable', because: 'at once' }, 'CONFIRMATION_UNAVAILABLE'],
    [{ answer: 'declined' }, 'DECLINED'],
    [{ answer: 'given', value: 'two' }, 'DECLINED'],
  ])('%j leaves its name: %s', async (answer, code) => {
    const { bench, ids } = await benchWithKeys('one');
    expect(await required(bench, ids[0], 'two', answer)).toMatchObject({ failure: { code } });
    expect(names(bench)).toEqual(['one']);
  });
});
