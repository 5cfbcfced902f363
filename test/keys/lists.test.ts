import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { countModelKeys, listModelKeys, type KeyRow, listProjects } from '../../src/keys/lists.ts';
import { containing } from '../matching.ts';
import { listAiModelApiKeys } from '../../src/tools/list-ai-model-api-keys.ts';
import { GROUP, plant, quiet, benchFor, startBench, told, type Bench } from './bench.ts';
import { getModelKey } from '../../src/keys/find-key.ts';

type KeyListRequest = Parameters<typeof listModelKeys>[1];
type ProjectListRequest = Parameters<typeof listProjects>[1];

const DAY_MS = 24 * 60 * 60 * 1000;

async function freshBench(): Promise<Bench> {
  const bench = await benchFor();
  return bench;
}

async function keysOf(bench: Bench, request: Partial<KeyListRequest>, allowedProjects?: readonly string[]) {
  const context = { ...bench.context(), ...(allowedProjects && { allowedProjects }) };
  return told(await listModelKeys(context, { scope: { groupId: GROUP }, limit: 50, ...request }, quiet()));
}

async function projectsOf(bench: Bench, request: Partial<ProjectListRequest>, allowedProjects?: readonly string[]) {
  const context = { ...bench.context(), ...(allowedProjects && { allowedProjects }) };
  return told(await listProjects(context, { limit: 50, ...request }, quiet()));
}

/** All rows that cursors lead to, with what each answer said was left. */
async function walkAll(bench: Bench, request: Partial<KeyListRequest>): Promise<{ rows: KeyRow[]; left: number[] }> {
  const rows: KeyRow[] = [];
  const left: number[] = [];
  for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
    const list = await keysOf(bench, { ...request, ...(cursor !== undefined && { cursor }) });
    if ('failure' in list) expect.fail(list.failure.message);
    rows.push(...list.keys);
    left.push(list.remaining);
    cursor = list.nextCursor;
  }
  return { rows, left };
}

const lists = ({ sandbox }: Bench) => sandbox.requests.filter(({ operation }) => operation.startsWith('list_'));

describe('2,000 keys', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await startBench();
    for (let index = 0; index < 2_000; index += 1) {
      const name = `key ${index}${index % 7 === 0 ? ' seventh' : ''}`;
      const { apiKeyId } = bench.sandbox.addKey(GROUP, { name });
      if (index % 3 === 0) bench.sandbox.markUsed(apiKeyId, new Date(Date.now() - (index % 100) * DAY_MS));
    }
    return () => bench.close();
  });

  test('one call asks for one page, and says how many are left', async () => {
    bench.sandbox.clearRequests();
    const list = await keysOf(bench, {});
    expect(list).toMatchObject({ remaining: 1_950 });
    expect(lists(bench)).toHaveLength(1);
    expect(JSON.stringify(list).length).toBeLessThan(20_000);
  });
  test('whatever the size of the window, cursors lead to each key once, in order (property)', async () => {
    const all = bench.sandbox.keys(GROUP);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 70, max: 500 }),
        fc.option(fc.constantFrom('seventh', 'KEY 1', 'nothing of the kind'), { nil: undefined }),
        async (limit, nameContains) => {
          const { rows, left } = await walkAll(bench, { limit, nameContains });
          const wanted = all.filter(({ name }) => name.includes((nameContains ?? '').toLowerCase()));
          expect(rows.map(({ apiKeyId }) => apiKeyId)).toEqual(wanted.map(({ apiKeyId }) => apiKeyId));
          expect(left.at(-1)).toBe(0);
          expect(left[0]).toBe(Math.max(0, wanted.length - limit));
        },
      ),
      { numRuns: 12 },
    );
  }, 60_000);
  test('a page ends where its tokens do, whatever the limit says, and the cursor goes on after it (property)', async () => {
    const all = bench.sandbox.keys(GROUP).map(({ apiKeyId }) => apiKeyId);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2_000, max: 40_000 }),
        fc.constantFrom(undefined, 'seventh'),
        async (mostTokens, nameContains) => {
          const { rows, left } = await walkAll(bench, { limit: 500, mostTokens, nameContains });
          const wanted = nameContains === undefined ? all : all.filter((_id, index) => index % 7 === 0);
          expect(rows.map(({ apiKeyId }) => apiKeyId)).toEqual(wanted);
          expect(left.at(-1)).toBe(0);
          expect(left[0]).toBeGreaterThan(mostTokens < 30_000 && nameContains === undefined ? 1_750 : 0);
        },
      ),
      { numRuns: 6 },
    );
  }, 60_000);
  test('where no name has the text, the nearest are told; not where another filter left it out', async () => {
    expect(await keysOf(bench, { nameContains: 'kye 1999' })).toMatchObject({
      keys: [],
      nearest: [{ name: 'key 1999', groupId: GROUP }, {}, {}, {}, {}],
    });
    const list = await keysOf(bench, { nameContains: 'key 1999', unusedForDays: 3_000 });
    expect(list).toEqual({ keys: [], remaining: 0 });
    const filtered = await keysOf(bench, { nameContains: 'key 1' });
    expect(filtered).not.toHaveProperty('nearest');
  });
  test('are counted whole, by what the filter keeps', async () => {
    const count = async (request: Partial<Parameters<typeof countModelKeys>[1]>) =>
      told(
        await countModelKeys(bench.context(), { scope: { groupId: GROUP }, countBy: 'status', ...request }, quiet()),
      );
    expect(await count({})).toMatchObject({ counts: [{ value: 'ACTIVE', count: 2_000 }], total: 2_000, remaining: 0 });
    expect(await count({ countBy: 'project', nameContains: 'SEVENTH' })).toMatchObject({
      counts: [{ value: GROUP, count: 286 }],
    });
    expect(await count({ cursor: 'bm90aGluZw' })).toMatchObject({ failure: { code: 'INVALID_INPUT' } });
  });
  test('a cursor is good only for its own question', async () => {
    const first = await keysOf(bench, { limit: 10 });
    const cursor = 'failure' in first ? undefined : first.nextCursor;
    expect(await keysOf(bench, { limit: 20, cursor })).toMatchObject({ keys: { length: 20 } });
    const refused = { failure: { code: 'INVALID_INPUT', message: containing('cursor') } };
    expect(await keysOf(bench, { cursor, nameContains: 'x' })).toMatchObject(refused);
    expect(await keysOf(bench, { cursor: 'bm90aGluZw' })).toMatchObject(refused);
    expect(await keysOf(bench, { cursor: Buffer.from('[-1,"x"]').toString('base64url') })).toMatchObject(refused);
  });
});

test('days without use count from the last use, or the creation; what is not known is not said to be unused', async () => {
  const bench = await freshBench();
  const seed = (name: string, createdDaysAgo: number, usedDaysAgo?: number) => {
    const createdAt = new Date(Date.now() - createdDaysAgo * DAY_MS);
    const { apiKeyId } = bench.sandbox.addKey(GROUP, { name, createdAt });
    if (usedDaysAgo !== undefined) bench.sandbox.markUsed(apiKeyId, new Date(Date.now() - usedDaysAgo * DAY_MS));
  };
  seed('new', 1);
  seed('old and never used', 40);
  seed('old and used', 40, 2);
  seed('old and long not used', 400, 31);
  const names = async (unusedForDays: number) => {
    const list = await keysOf(bench, { unusedForDays });
    return 'failure' in list ? list.failure.code : list.keys.map(({ name }) => name);
  };
  expect(await names(30)).toEqual(['old and never used', 'old and long not used']);
  expect(await names(35)).toEqual(['old and never used']);
  expect(await names(0)).toEqual(['new', 'old and never used', 'old and used', 'old and long not used']);
  bench.sandbox.inject({ operation: 'list_keys', when: 'after', kind: 'omit', fields: ['lastUsedAt'] });
  expect(await names(30)).toEqual(['old and never used', 'old and used', 'old and long not used']);
  bench.sandbox.inject({ operation: 'list_keys', when: 'after', kind: 'replace', fields: { lastUsedAt: 'today' } });
  expect(await names(30)).toEqual([]);
});

describe('an organization', () => {
  test('shows the keys of all projects with the names of these', async () => {
    const bench = await freshBench();
    const [production, staging] = bench.sandbox.projects;
    bench.sandbox.addKey(GROUP, { name: 'p' });
    bench.sandbox.addKey(staging?.id ?? '', { name: 's' });
    expect(await keysOf(bench, { scope: { orgId: bench.sandbox.orgId } })).toMatchObject({
      keys: [
        { name: 'p', groupId: production?.id, projectName: 'Production' },
        { name: 's', groupId: staging?.id, projectName: 'Staging' },
      ],
    });
  });
  test('counts and nearest names tell of allowed projects only', async () => {
    const bench = await freshBench();
    const staging = bench.sandbox.projects[1]?.id ?? '';
    bench.sandbox.addKey(GROUP, { name: 'one' });
    bench.sandbox.addKey(staging, { name: 'two' });
    const scope = { orgId: bench.sandbox.orgId };
    const context = { ...bench.context(), allowedProjects: [GROUP] };
    const counted = told(await countModelKeys(context, { scope, countBy: 'project' }, quiet()));
    expect(counted).toMatchObject({ counts: [{ value: GROUP, count: 1, projectName: 'Production' }], total: 1 });
    expect(await keysOf(bench, { scope, nameContains: 'twoo' }, [GROUP])).toMatchObject({
      keys: [],
      nearest: [{ name: 'one' }],
    });
    const refused = told(await countModelKeys(context, { scope: { groupId: staging }, countBy: 'project' }, quiet()));
    expect(refused).toMatchObject({ failure: { code: 'PROJECT_NOT_ALLOWED' } });
  });
  test('shows only those of allowed projects, in lists and by id', async () => {
    const bench = await freshBench();
    const staging = bench.sandbox.projects[1]?.id ?? '';
    bench.sandbox.addKey(GROUP, { name: 'p' });
    const { apiKeyId } = bench.sandbox.addKey(staging, { name: 's' });
    const scope = { orgId: bench.sandbox.orgId };
    expect(await keysOf(bench, { scope }, [GROUP])).toMatchObject({ keys: [{ name: 'p' }], remaining: 0 });
    const context = { ...bench.context(), allowedProjects: [GROUP] };
    expect(await getModelKey(context, { scope, apiKeyId }, quiet())).toMatchObject({
      failure: { code: 'PROJECT_NOT_ALLOWED' },
    });
    expect(await getModelKey(bench.context(), { scope, apiKeyId }, quiet())).toMatchObject({ ok: true });
  });
});

describe('projects', () => {
  test('300 of them are walked by cursor', async () => {
    const bench = await freshBench();
    for (let index = 0; index < 297; index += 1) bench.sandbox.addProject({ name: `project ${index}` });
    const first = await projectsOf(bench, { limit: 200 });
    if ('failure' in first) expect.fail(first.failure.message);
    expect(first.remaining).toBe(100);
    const rest = await projectsOf(bench, { limit: 200, cursor: first.nextCursor });
    const seen = [...first.projects, ...('failure' in rest ? [] : rest.projects)];
    expect(seen.map(({ groupId }) => groupId)).toEqual(bench.sandbox.projects.map(({ id }) => id));
  });
  test('a name is found by a part of it, and else by its nearest', async () => {
    const bench = await freshBench();
    expect(await projectsOf(bench, { nameContains: 'PROD' })).toMatchObject({
      projects: [{ groupId: GROUP, name: 'Production' }],
    });
    expect(await projectsOf(bench, { nameContains: 'prodcution' })).toMatchObject({
      projects: [],
      nearest: [{ groupId: GROUP, name: 'Production' }, {}, {}],
    });
  });
  test('those that are not allowed are not shown, not even as the nearest', async () => {
    const bench = await freshBench();
    expect(await projectsOf(bench, {}, [GROUP])).toMatchObject({ projects: [{ groupId: GROUP }], remaining: 0 });
    const list = await projectsOf(bench, { nameContains: 'stagign' }, [GROUP]);
    expect(JSON.stringify(list)).not.toContain('Staging');
  });
  test('an unknown project is answered with the nearest that there are', async () => {
    const bench = await freshBench();
    const groupId = `${GROUP.slice(0, -1)}${GROUP.endsWith('0') ? '1' : '0'}`;
    expect(await keysOf(bench, { scope: { groupId } })).toMatchObject({
      failure: { code: 'ATLAS_NOT_FOUND', hint: containing(`${GROUP} ("Production")`) },
    });
  });
});

test('a list tells what earlier calls of this machine left, in projects that are allowed', async () => {
  const bench = await freshBench();
  const nonce = '0123456789ab';
  const { apiKeyId } = bench.sandbox.addKey(GROUP, { name: `b-undelivered-${nonce}` });
  const at = new Date().toISOString();
  const plan = { name: 'b', sink: 'file', entry: 'b', openedAt: at, updatedAt: at, owner: null };
  plant(bench, { ...plan, groupId: GROUP, nonce, state: { step: 'undelivered', apiKeyId } });
  plant(bench, {
    ...plan,
    groupId: 'f'.repeat(24),
    nonce: 'fedcba987654',
    state: { step: 'undelivered', apiKeyId: 'x' },
  });
  const warnings = [containing(`alive and not delivered: ${apiKeyId}`)];
  expect(await keysOf(bench, {})).toMatchObject({ warnings });
  expect(await keysOf(bench, { nameContains: 'none' })).toMatchObject({ warnings: [containing('1 earlier')] });
  expect(await keysOf(bench, {}, [GROUP])).toMatchObject({ warnings });
  const listed = listAiModelApiKeys(bench.context());
  const { structured, text } = await listed.call({ groupId: GROUP }, quiet());
  expect(structured).toMatchObject({ warnings });
  expect(text).toContain(`alive and not delivered: ${apiKeyId}`);
});
