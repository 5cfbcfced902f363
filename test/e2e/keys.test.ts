import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod/v4';
import { type LiveKey } from '../../src/sandbox/model-keys.ts';
import type { Simulator } from '../atlas-simulator/simulator.ts';
import { expectTheSameInText, rowsIn } from './content.ts';
import { atlasAndHome, startHost, type Host } from './host.ts';
import { structuredOf, textOf } from './result.ts';

const GROUP = '69681d39c9e8cfd375386316';
const UNKNOWN_ID = 'zzzzzzzzzzzzzzzzzzzzzzzz';
const LIST = 'list_ai_model_api_keys';
const DAY_MS = 24 * 60 * 60 * 1000;

const list = z.object({
  outcome: z.literal('listed'),
  keys: z.array(z.looseObject({ apiKeyId: z.string(), name: z.string() })),
  remaining: z.number(),
  nextCursor: z.string().optional(),
});

let sandbox: Simulator;
let home: string;
let env: Record<string, string>;
let staging: string;

beforeEach(async () => {
  ({ sandbox, home, env } = await atlasAndHome());
  staging = sandbox.projects[1]?.id ?? '';
});

const start = (args: readonly string[] = [], more: Record<string, string> = {}) =>
  startHost({ home, args, env: { ...env, ...more } });

const listed = async (host: Host, args: Record<string, unknown>) =>
  list.parse((await host.call(LIST, args)).structuredContent);

const audited = () =>
  z.array(z.looseObject({ tool: z.string(), outcome: z.string() })).parse(
    readFileSync(join(home, '.local/state/atlas-model-keys/audit.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line)),
  );

const changes = () =>
  sandbox.requests.filter(({ method, operation }) => method !== 'GET' && operation !== 'token').length;

/** What a reply of Atlas shows of a key. */
function shownOf(key: LiveKey) {
  return Object.fromEntries(Object.entries(key).filter(([name]) => name !== 'secret'));
}

describe('list', () => {
  test('how many keys each project of an organization has, without a list of them', async () => {
    for (const name of ['a', 'b']) sandbox.addKey(GROUP, { name });
    sandbox.addKey(staging, { name: 'c' });
    const host = await start();
    const result = await host.call(LIST, { orgId: sandbox.orgId, countBy: 'project' });
    expect(result.structuredContent).toEqual({
      outcome: 'listed',
      counts: [
        { value: GROUP, count: 2, projectName: 'Production' },
        { value: staging, count: 1, projectName: 'Staging' },
      ],
      remaining: 0,
    });
    expect(textOf(result)).toContain('3 keys, counted by project.');
    expect(textOf(result)).toContain(`2 | "${GROUP}" "Production"`);
  });

  test('the place of a sink comes out redacted where an operator put a credential into it', async () => {
    const { clientSecret } = sandbox.credentials;
    const host = await start([], { ATLAS_MODEL_KEYS_SINKS: `app=file:${home}/${clientSecret}/{entry}.key` });
    const shown = JSON.stringify(await host.client.listTools());
    expect(shown).toContain(`app = file ${home}/`);
    expect(shown).not.toContain(clientSecret);
  });

  test('the keys of a project, each with what a person needs', async () => {
    const used = sandbox.addKey(GROUP, { name: 'used', geography: 'eu', lastUsedAt: new Date() });
    const unused = sandbox.addKey(GROUP, { name: 'unused' });
    sandbox.addKey(staging, { name: 'elsewhere' });
    const host = await start();
    const called = await host.call(LIST, { groupId: GROUP });
    expect(called.structuredContent).toMatchObject({
      outcome: 'listed',
      keys: [shownOf(used), { apiKeyId: unused.apiKeyId, lastUsedAt: null }],
      remaining: 0,
    });
    expectTheSameInText(called);
    expect(rowsIn(called)).toHaveLength(2);
    expect(rowsIn(called)[1]).toContain('| never used |');
  });

  test('none', async () => {
    const called = await (await start()).call(LIST, { groupId: GROUP });
    expect(called.structuredContent).toEqual({ outcome: 'listed', keys: [], remaining: 0 });
    expect(textOf(called)).toBe('0 keys.\noutcome listed | remaining 0');
  });

  test('the keys of an organization, with the names of their projects', async () => {
    sandbox.addKey(GROUP, { name: 'one' });
    sandbox.addKey(staging, { name: 'two' });
    const called = await (await start()).call(LIST, { orgId: sandbox.orgId });
    expect(list.parse(called.structuredContent).keys).toMatchObject([
      { name: 'one', groupId: GROUP, projectName: 'Production' },
      { name: 'two', groupId: staging, projectName: 'Staging' },
    ]);
    expectTheSameInText(called);
  });

  test('by a part of the name, and by how long they were not used', async () => {
    const ago = (days: number) => new Date(Date.now() - days * DAY_MS);
    sandbox.addKey(GROUP, { name: 'Search, old', createdAt: ago(90), lastUsedAt: ago(40) });
    sandbox.addKey(GROUP, { name: 'search, busy', createdAt: ago(90), lastUsedAt: ago(2) });
    sandbox.addKey(GROUP, { name: 'rerank, never used', createdAt: ago(90) });
    sandbox.addKey(GROUP, { name: 'rerank, new', createdAt: ago(1) });
    const host = await start();
    const names = async (filter: object) =>
      (await listed(host, { groupId: GROUP, ...filter })).keys.map(({ name }) => name);
    expect(await names({ nameContains: 'SEARCH' })).toEqual(['Search, old', 'search, busy']);
    expect(await names({ unusedForDays: 30 })).toEqual(['Search, old', 'rerank, never used']);
    expect(await names({ unusedForDays: 30, nameContains: 'rerank' })).toEqual(['rerank, never used']);
    expect(await names({ unusedForDays: 0 })).toHaveLength(4);
  });

  test('of an organization only those in projects that the operator allows', async () => {
    sandbox.addKey(GROUP, { name: 'one' });
    sandbox.addKey(staging, { name: 'two' });
    const host = await start([], { ATLAS_MODEL_KEYS_ALLOWED_PROJECTS: staging });
    expect((await listed(host, { orgId: sandbox.orgId })).keys.map(({ name }) => name)).toEqual(['two']);
  });

  describe('where neither groupId nor orgId is given', () => {
    test("the operator's project", async () => {
      sandbox.addKey(staging, { name: 'two' });
      const host = await start([], { MONGODB_ATLAS_PROJECT_ID: staging, MONGODB_ATLAS_ORG_ID: sandbox.orgId });
      sandbox.addKey(GROUP, { name: 'one' });
      expect((await listed(host, {})).keys.map(({ name }) => name)).toEqual(['two']);
      expect((await listed(host, { orgId: sandbox.orgId })).keys).toHaveLength(2);
    });
    test("else the operator's organization", async () => {
      sandbox.addKey(GROUP, { name: 'one' });
      const host = await start([], { MONGODB_ATLAS_ORG_ID: sandbox.orgId });
      expect((await listed(host, {})).keys).toMatchObject([{ projectName: 'Production' }]);
    });
    test('else it is told that one is needed, as it is where both are given', async () => {
      const host = await start();
      const none = structuredOf(await host.call(LIST));
      expect(none.error).toMatchObject({ code: 'INVALID_INPUT', keyState: 'not_applicable' });
      expect(none.error?.hint).toContain('list_projects');
      const both = structuredOf(await host.call(LIST, { groupId: GROUP, orgId: sandbox.orgId }));
      expect(both.error?.code).toBe('INVALID_INPUT');
      expect(both.error?.message).toContain('only one');
      expect(sandbox.requests).toEqual([]);
    });
  });

  describe('of 2,000 keys', () => {
    beforeEach(() => {
      for (let index = 0; index < 2000; index += 1) sandbox.addKey(GROUP, { name: `key ${index % 7} of ${index}` });
    });

    test('is one call of modest size, with a count of what is left', async () => {
      const host = await start();
      const called = await host.call(LIST, { groupId: GROUP });
      const { keys, remaining, nextCursor } = list.parse(called.structuredContent);
      expect({ keys: keys.length, remaining }).toEqual({ keys: 50, remaining: 1950 });
      expect(nextCursor).toBeDefined();
      expectTheSameInText(called);
      expect(JSON.stringify(called.structuredContent).length).toBeLessThan(20_000);
      expect(textOf(called).length).toBeLessThan(13_000);
      expect(sandbox.requests.filter(({ operation }) => operation === 'list_keys')).toHaveLength(1);
    });

    test.each([
      ['in pages as large as they can be', { limit: 500 }, () => true],
      ['in pages that do not fit those of Atlas', { limit: 437 }, () => true],
      ['of those with a name', { limit: 120, nameContains: 'key 3' }, (name: string) => name.includes('key 3')],
    ])('its cursor goes through all of them once and in order, %s', async (_how, args, wanted) => {
      const host = await start();
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const part = await listed(host, { groupId: GROUP, ...args, ...(cursor !== undefined && { cursor }) });
        seen.push(...part.keys.map(({ apiKeyId }) => apiKeyId));
        const all = sandbox.keys(GROUP).filter(({ name }) => wanted(name)).length;
        expect(part.remaining).toBe(all - seen.length);
        cursor = part.nextCursor;
      } while (cursor !== undefined);
      const there = sandbox.keys(GROUP).filter(({ name }) => wanted(name));
      expect(seen).toEqual(there.map(({ apiKeyId }) => apiKeyId));
    });

    test('a cursor of another list is refused', async () => {
      const host = await start();
      const { nextCursor } = await listed(host, { groupId: GROUP });
      for (const other of [{ nameContains: 'key' }, { groupId: staging }, { unusedForDays: 1 }]) {
        const { error } = structuredOf(await host.call(LIST, { groupId: GROUP, ...other, cursor: nextCursor }));
        expect(error?.code).toBe('INVALID_INPUT');
        expect(error?.message).toMatch(/^cursor: /);
      }
    });
  });
});

describe('get', () => {
  test('one key, without its secret', async () => {
    const key = sandbox.addKey(GROUP, { name: 'a key' });
    const host = await start();
    for (const scope of [{ groupId: GROUP }, { orgId: sandbox.orgId }]) {
      const called = await host.call('get_ai_model_api_key', { ...scope, apiKeyId: key.apiKeyId });
      const { maskedSecret, createdBy, endpoint } = key;
      expect(called.structuredContent).toMatchObject({
        outcome: 'found',
        key: { apiKeyId: key.apiKeyId, name: 'a key', maskedSecret, createdBy, endpoint, lastUsedAt: null },
      });
      expectTheSameInText(called);
    }
    expect(host.output().stdout).not.toContain(key.secret);
  });

  test('of an id that does not exist, and of a name in its place', async () => {
    const { apiKeyId } = sandbox.addKey(GROUP, { name: 'production' });
    const host = await start();
    const get = async (id: string) => {
      const { error } = structuredOf(await host.call('get_ai_model_api_key', { groupId: GROUP, apiKeyId: id }));
      return `${error?.code ?? ''}: ${error?.message ?? ''} ${error?.hint ?? ''}`;
    };
    expect(await get(UNKNOWN_ID)).toMatch(/^ATLAS_NOT_FOUND: .*list_ai_model_api_keys/);
    expect(await get('production')).toMatch(new RegExp(`^ATLAS_NOT_FOUND: .*${apiKeyId}`));
    expect(await get('production (EU)')).toMatch(/^INVALID_INPUT: apiKeyId: .*list_ai_model_api_keys/);
  });
});

describe('rename', () => {
  const rename = async (host: Host, apiKeyId: string, name: string) =>
    host.call('update_ai_model_api_key', { groupId: GROUP, apiKeyId, name });

  test('gives another name, and says the old one', async () => {
    const { apiKeyId } = sandbox.addKey(GROUP, { name: 'old' });
    const called = await rename(await start(), apiKeyId, 'new');
    expect(called.structuredContent).toMatchObject({
      outcome: 'updated',
      key: { apiKeyId, name: 'new' },
      previousName: 'old',
    });
    expect(sandbox.keys(GROUP)[0]?.name).toBe('new');
    expectTheSameInText(called);
    expect(audited()).toMatchObject([
      { tool: 'update_ai_model_api_key', outcome: 'updated', groupId: GROUP, apiKeyId, previousName: 'old' },
    ]);
  });

  test('to the name that it has changes nothing', async () => {
    const { apiKeyId } = sandbox.addKey(GROUP, { name: 'old' });
    expect(structuredOf(await rename(await start(), apiKeyId, 'old')).outcome).toBe('updated');
    expect(changes()).toBe(0);
  });

  test('to a name that is taken is refused', async () => {
    const { apiKeyId } = sandbox.addKey(GROUP, { name: 'old' });
    sandbox.addKey(GROUP, { name: 'taken' });
    const { error } = structuredOf(await rename(await start(), apiKeyId, 'taken'));
    expect(error).toMatchObject({ code: 'NAME_IN_USE', keyState: 'not_applicable' });
    expect(changes()).toBe(0);
  });
});

describe('delete', () => {
  const remove = async (host: Host, apiKeyId: string, more: object) =>
    host.call('delete_ai_model_api_key', { groupId: GROUP, apiKeyId, ...more });

  test('deletes the key of that name', async () => {
    const { apiKeyId } = sandbox.addKey(GROUP, { name: 'a key' });
    sandbox.addKey(GROUP, { name: 'another' });
    const called = await remove(await start(), apiKeyId, { confirmName: 'a key' });
    expect(called.structuredContent).toMatchObject({ outcome: 'deleted', key: { apiKeyId, name: 'a key' } });
    expectTheSameInText(called);
    expect(sandbox.keys(GROUP).map(({ name }) => name)).toEqual(['another']);
    expect(audited()).toMatchObject([
      { tool: 'delete_ai_model_api_key', outcome: 'deleted', groupId: GROUP, apiKeyId },
    ]);
  });

  test('a dry run says which, and changes nothing', async () => {
    const { apiKeyId } = sandbox.addKey(GROUP, { name: 'a key' });
    const called = await remove(await start(), apiKeyId, { confirmName: 'a key', dryRun: true });
    expect(called.structuredContent).toMatchObject({ outcome: 'planned', key: { apiKeyId } });
    expect(changes()).toBe(0);
  });

  test('another name deletes nothing, and the true name is told', async () => {
    const { apiKeyId } = sandbox.addKey(GROUP, { name: 'a key' });
    const { error } = structuredOf(await remove(await start(), apiKeyId, { confirmName: 'A key' }));
    expect(error).toMatchObject({ code: 'NAME_MISMATCH', keyState: 'not_applicable', apiKeyId });
    expect(error?.hint).toContain('"a key"');
    expect(changes()).toBe(0);
  });
});

describe('rotate', () => {
  test('puts a new secret in the place of the old, and deletes the old key', async () => {
    const path = join(home, 'app.key');
    const host = await start(['--sink', `app=file:${path}`]);
    const { key: old } = structuredOf(await host.call('create_ai_model_api_key', { groupId: GROUP, name: 'prod' }));
    const request = { groupId: GROUP, apiKeyId: old?.apiKeyId, confirmName: 'prod' };
    const planned = await host.call('rotate_ai_model_api_key', { ...request, dryRun: true });
    expect(planned.structuredContent).toMatchObject({
      outcome: 'planned',
      key: { groupId: GROUP },
      oldKey: { apiKeyId: old?.apiKeyId, name: 'prod' },
      delivery: { sink: 'app', location: path },
    });
    expect(sandbox.keys(GROUP)).toHaveLength(1);

    const called = await host.call('rotate_ai_model_api_key', request);
    const [now] = sandbox.keys(GROUP);
    expect(called.structuredContent).toMatchObject({
      outcome: 'rotated',
      key: { apiKeyId: now?.apiKeyId, name: 'prod' },
      oldKey: { apiKeyId: old?.apiKeyId, name: 'prod', state: 'deleted' },
      delivery: { sink: 'app', location: path, verification: 'read-back' },
    });
    expect(sandbox.keys(GROUP)).toHaveLength(1);
    expect(readFileSync(path, 'utf8')).toBe(now?.secret);
    expectTheSameInText(called);
    expect(audited().at(-1)).toMatchObject({
      tool: 'rotate_ai_model_api_key',
      outcome: 'rotated',
      groupId: GROUP,
      apiKeyId: old?.apiKeyId,
      sink: 'app',
    });
  });

  test('keeps the old key where that is asked for', async () => {
    const host = await start();
    const { key: old } = structuredOf(await host.call('create_ai_model_api_key', { groupId: GROUP, name: 'prod' }));
    const request = { groupId: GROUP, apiKeyId: old?.apiKeyId, confirmName: 'prod', newName: 'prod 2', keepOld: true };
    expect((await host.call('rotate_ai_model_api_key', request)).structuredContent).toMatchObject({
      outcome: 'rotated',
      key: { name: 'prod 2' },
      oldKey: { state: 'kept' },
    });
    expect(sandbox.keys(GROUP).map(({ name }) => name)).toEqual(['prod', 'prod 2']);
  });
});

test('each call may have a process of its own: nothing is needed of what an earlier one knew', async () => {
  const call = async (tool: string, args: Record<string, unknown>) => {
    const host = await start();
    const { structuredContent } = await host.call(tool, { groupId: GROUP, ...args });
    host.endInput();
    await host.ended;
    return structuredContent;
  };
  for (const name of ['one', 'two', 'three'])
    expect(await call('create_ai_model_api_key', { name })).toMatchObject({ outcome: 'delivered' });
  const first = list.parse(await call(LIST, { limit: 2 }));
  const second = list.parse(await call(LIST, { limit: 2, cursor: first.nextCursor }));
  const names = [first, second].flatMap(({ keys }) => keys.map(({ name }) => name));
  expect(names.sort()).toEqual(['one', 'three', 'two']);
  const idOf = (name: string) => sandbox.keys(GROUP).find((key) => key.name === name)?.apiKeyId;
  expect(await call('create_ai_model_api_key', { name: 'other', entry: 'one' })).toMatchObject({
    error: { code: 'SINK_ENTRY_EXISTS', keyState: 'not_created' },
  });
  expect(await call('rotate_ai_model_api_key', { apiKeyId: idOf('one'), confirmName: 'one' })).toMatchObject({
    outcome: 'rotated',
  });
  expect(await call('update_ai_model_api_key', { apiKeyId: idOf('two'), name: 'four' })).toMatchObject({
    previousName: 'two',
  });
  expect(await call('delete_ai_model_api_key', { apiKeyId: idOf('four'), confirmName: 'four' })).toMatchObject({
    outcome: 'deleted',
  });
  expect(await call('reconcile_ai_model_api_keys', { groupId: undefined })).toMatchObject({ outcome: 'reconciled' });
  expect(
    sandbox
      .keys(GROUP)
      .map(({ name }) => name)
      .sort(),
  ).toEqual(['one', 'three']);
});
