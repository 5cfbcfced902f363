import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Answer, type RequestContext, type Question } from '../../src/keys/request-context.ts';
import { deleteKey, type DeleteContext } from '../../src/keys/delete.ts';
import { rotateKey } from '../../src/keys/rotate.ts';
import { appendAudit } from '../../src/keys/journal/audit.ts';
import { updateAiModelApiKey } from '../../src/tools/update-ai-model-api-key.ts';
import { type Fault } from '../atlas-simulator/faults.ts';
import { containing, matching } from '../matching.ts';
import { GROUP, quiet, benchFor, told, type Bench } from './bench.ts';

async function benchWithKey(name = 'app') {
  const bench = await benchFor({ timeoutMs: 500 });
  const { apiKeyId } = bench.sandbox.addKey(GROUP, { name });
  return { bench, apiKeyId };
}

async function remove(
  bench: Bench,
  request: { apiKeyId: string; confirmName?: string; dryRun?: boolean },
  { context = {}, call = {} }: { context?: Partial<DeleteContext>; call?: Partial<RequestContext> } = {},
) {
  const given = { groupId: GROUP, confirmName: 'app', dryRun: false, ...request };
  return told(await deleteKey({ ...bench.context(), ...context }, given, { ...quiet(), ...call }), 'not_applicable');
}

const operations = ({ sandbox }: Bench) => sandbox.requests.map(({ operation }) => operation);

test('a key goes once its present name was given', async () => {
  const { bench, apiKeyId } = await benchWithKey();
  expect(await remove(bench, { apiKeyId })).toMatchObject({ outcome: 'deleted', key: { apiKeyId, name: 'app' } });
  expect(bench.sandbox.keys(GROUP)).toEqual([]);
  expect(operations(bench)).toEqual(['token', 'get_key', 'delete_key']);
});

test('a name in another Unicode spelling is the same name', async () => {
  const { bench, apiKeyId } = await benchWithKey('crème');
  expect(await remove(bench, { apiKeyId, confirmName: 'cre\u0300me' })).toMatchObject({ outcome: 'deleted' });
});

describe('a key stays', () => {
  const stays = async (bench: Bench, outcome: Promise<unknown>) => {
    const result = await outcome;
    expect(bench.sandbox.keys(GROUP)).toHaveLength(1);
    expect(operations(bench)).not.toContain('delete_key');
    return result;
  };
  test.each(['', 'App', 'app ', 'app2', 'ap'])('under the name %j', async (confirmName) => {
    const { bench, apiKeyId } = await benchWithKey();
    expect(await stays(bench, remove(bench, { apiKeyId, confirmName }))).toMatchObject({
      failure: { code: 'NAME_MISMATCH', hint: containing('"app"'), apiKeyId, keyState: 'not_applicable' },
    });
  });
  test('in a dry run', async () => {
    const { bench, apiKeyId } = await benchWithKey();
    expect(await stays(bench, remove(bench, { apiKeyId, dryRun: true }))).toMatchObject({ outcome: 'planned' });
  });
  test('in a project that is not allowed, and nothing is sent', async () => {
    const { bench, apiKeyId } = await benchWithKey();
    const context = { allowedProjects: ['f'.repeat(24)] };
    expect(await stays(bench, remove(bench, { apiKeyId }, { context }))).toMatchObject({
      failure: { code: 'PROJECT_NOT_ALLOWED' },
    });
    expect(operations(bench)).toEqual([]);
  });
  test.each<[Answer, string]>([
    [{ answer: 'declined' }, 'DECLINED'],
    [{ answer: 'unavailable', because: 'silence' }, 'CONFIRMATION_UNAVAILABLE'],
    [{ answer: 'given', value: '' }, 'DECLINED'],
    [{ answer: 'given', value: 'yes' }, 'DECLINED'],
  ])('when the person answers %j', async (answer, code) => {
    const { bench, apiKeyId } = await benchWithKey();
    const call = { ask: () => Promise.resolve(answer) };
    expect(await stays(bench, remove(bench, { apiKeyId }, { call }))).toMatchObject({ failure: { code } });
  });
  test('without a host that can ask, where asking is required', async () => {
    const { bench, apiKeyId } = await benchWithKey();
    expect(await stays(bench, remove(bench, { apiKeyId }, { context: { confirm: 'required' } }))).toMatchObject({
      failure: { code: 'CONFIRMATION_UNAVAILABLE' },
    });
  });
  test('when it was renamed while the person was asked', async () => {
    const { bench, apiKeyId } = await benchWithKey();
    const ask = async (): Promise<Answer> => {
      await bench.context().atlas.renameKey(GROUP, apiKeyId, 'precious');
      return { answer: 'given', value: 'app' };
    };
    expect(await stays(bench, remove(bench, { apiKeyId }, { call: { ask } }))).toMatchObject({
      failure: { code: 'NAME_MISMATCH', hint: containing('"precious"') },
    });
  });
  test('when the call was cancelled meanwhile', async () => {
    const { bench, apiKeyId } = await benchWithKey();
    const controller = new AbortController();
    const ask = (): Promise<Answer> => {
      controller.abort();
      return Promise.resolve({ answer: 'given', value: 'app' });
    };
    expect(await stays(bench, remove(bench, { apiKeyId }, { call: { ask, signal: controller.signal } }))).toMatchObject(
      {
        failure: { code: 'CANCELLED' },
      },
    );
  });
});

describe('the person', () => {
  const asked: Question[] = [];
  const ask = (question: Question): Promise<Answer> => {
    asked.push(question);
    return Promise.resolve({ answer: 'given', value: ' app ' });
  };
  test('is asked for the name of the key', async () => {
    const { bench, apiKeyId } = await benchWithKey();
    expect(await remove(bench, { apiKeyId }, { call: { ask } })).toMatchObject({ outcome: 'deleted' });
    expect(asked).toMatchObject([{ title: 'Name of the key', message: matching(/\napp$/) }]);
  });
  test('is not asked where the operator trusts the host', async () => {
    const { bench, apiKeyId } = await benchWithKey();
    const before = asked.length;
    expect(await remove(bench, { apiKeyId }, { call: { ask }, context: { confirm: 'never' } })).toMatchObject({
      outcome: 'deleted',
    });
    expect(asked).toHaveLength(before);
  });
  test('types the id of a key without a name, never nothing', async () => {
    const { bench, apiKeyId } = await benchWithKey('\u202e');
    const request = { apiKeyId, confirmName: '\u202e' };
    const answering = (value: string) => ({
      call: { ask: () => Promise.resolve({ answer: 'given', value } as const) },
    });
    expect(await remove(bench, request, answering(''))).toMatchObject({ failure: { code: 'DECLINED' } });
    expect(await remove(bench, request, answering(apiKeyId))).toMatchObject({ outcome: 'deleted' });
  });
});

describe('a lost reply', () => {
  const proxyPage = { kind: 'status', status: 404, body: '<html>' } as const;
  test('to a delete, carried out or not, is made good by another', async () => {
    for (const when of ['before', 'after'] as const) {
      const { bench, apiKeyId } = await benchWithKey();
      bench.sandbox.inject({ operation: 'delete_key', when, ...proxyPage });
      expect(await remove(bench, { apiKeyId })).toMatchObject({ outcome: 'deleted' });
      expect(bench.sandbox.keys(GROUP)).toEqual([]);
    }
  });
  test('that stays lost is looked up', async () => {
    const { bench, apiKeyId } = await benchWithKey();
    bench.sandbox.inject({ operation: 'delete_key', when: 'before', times: 9, ...proxyPage });
    expect(await remove(bench, { apiKeyId })).toMatchObject({ failure: { code: 'ATLAS_PROTOCOL', retryable: true } });
    expect(bench.sandbox.keys(GROUP)).toHaveLength(1);
  });
  test('is unknown where Atlas cannot be asked', async () => {
    const { bench, apiKeyId } = await benchWithKey();
    const faults: Fault[] = [
      { operation: 'delete_key', when: 'before', times: 9, ...proxyPage },
      { operation: 'get_key', when: 'before', skip: 1, times: 100, kind: 'reset' },
    ];
    for (const fault of faults) bench.sandbox.inject(fault);
    expect(await remove(bench, { apiKeyId })).toMatchObject({
      failure: { code: 'ATLAS_OUTCOME_UNKNOWN', keyState: 'not_applicable', retryable: true },
    });
  });
});

test('the person sees the name that the key had before it was renamed, by whatever process', async () => {
  const bench = await benchFor({ timeoutMs: 500 });
  const { apiKeyId } = bench.sandbox.addKey(GROUP, { name: 'old test' });
  const context = { ...bench.context(), confirm: 'if-supported' as const };
  await appendAudit(context.stateDir, { time: new Date().toISOString(), apiKeyId, previousName: 'production' });
  const shown: string[] = [];
  const ask = ({ message }: Question) => {
    shown.push(message);
    return Promise.resolve({ answer: 'declined' } as const);
  };
  const request = { groupId: GROUP, apiKeyId, confirmName: 'old test', dryRun: false };
  await deleteKey(context, request, { ...quiet(), ask });
  writeFileSync(join(bench.folder, 'keys', 'old-test'), bench.secrets().at(-1) ?? '', { mode: 0o600 });
  await rotateKey(context, { ...request, keepOld: false, entry: 'old-test' }, { ...quiet(), ask });
  expect(shown).toHaveLength(2);
  for (const form of shown) expect(form).toContain('Key: "old test"\nIts name within the last hour: "production"\n');
});

test('a rename says what name it took away, also where its reply was lost', async () => {
  const bench = await benchFor({ timeoutMs: 500 });
  const { apiKeyId } = bench.sandbox.addKey(GROUP, { name: 'production' });
  const rename = async (name: string) =>
    (await updateAiModelApiKey(bench.context()).call({ groupId: GROUP, apiKeyId, name }, quiet())).subject;
  bench.sandbox.inject({ operation: 'update_key', when: 'after', kind: 'reset' });
  bench.sandbox.inject({ operation: 'get_key', when: 'before', times: 100, kind: 'reset' });
  expect(await rename('junk')).toEqual({ groupId: GROUP, apiKeyId, previousName: 'production' });
  expect(await rename('old test')).toEqual({ groupId: GROUP, apiKeyId, previousName: 'junk' });
});
