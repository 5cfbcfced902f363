import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { createAtlas } from '../../src/atlas/atlas.ts';
import { openJournal } from '../../src/keys/journal/journal.ts';
import { createPrompts, type PromptsContext, knownNames } from '../../src/prompts/prompt-catalog.ts';
import { PROMPTS } from '../../src/prompts/prompts.ts';
import { FIRST_PROJECT } from '../../src/sandbox/first-project.ts';
import { startSimulator } from '../atlas-simulator/simulator.ts';
import { Secret } from '../../src/secret/secret.ts';

const running = new AbortController().signal;

async function openScene(policy: Pick<PromptsContext, 'allowedProjects' | 'orgId'> = {}) {
  const sandbox = await startSimulator();
  const { accessToken } = sandbox.credentials;
  const atlas = createAtlas({
    baseUrl: new URL(sandbox.baseUrl),
    credentials: { kind: 'token', token: new Secret(accessToken) },
    apiVersion: 'auto',
    timeoutMs: 20_000,
  });
  onTestFinished(async () => {
    await atlas.close();
    await sandbox.close();
  });
  const context = { atlas, journal: openJournal(join(tmpdir(), 'no-such-directory')), ...policy };
  const prompts = createPrompts(
    {
      ...context,
      sinks: new Map([
        ['app', 1],
        ['vault', 2],
      ]),
    },
    PROMPTS,
  );
  const complete = (argument: string, value = '', project?: string) =>
    prompts.complete(
      argument === 'sink' ? 'provision_model_key' : 'rotate_model_key',
      { argument, value, others: project === undefined ? {} : { project } },
      running,
    );
  return {
    sandbox,
    context,
    prompts,
    complete,
    sent: (operation: string) => sandbox.requests.filter((request) => request.operation === operation).length,
  };
}

test('projects by name', async () => {
  const { complete } = await openScene();
  expect(await complete('project')).toEqual({
    values: ['Development', 'Production', 'Staging'],
    total: 3,
    hasMore: false,
  });
  expect((await complete('project', 'PROD')).values).toEqual(['Production']);
});

test.each(['Production', FIRST_PROJECT])('keys of the project %s', async (project) => {
  const { sandbox, complete } = await openScene();
  sandbox.addKey(FIRST_PROJECT, { name: 'search' });
  sandbox.addKey(FIRST_PROJECT, { name: 'research' });
  sandbox.addKey(sandbox.projects[1]?.id ?? '', { name: 'search in staging' });
  expect(await complete('key', 'search', project)).toEqual({
    values: ['search', 'research'],
    total: 2,
    hasMore: false,
  });
});

test.each([undefined, '', 'Nowhere', 'production', 'Prod', '0'.repeat(24)])(
  'no keys for the project %j',
  async (project) => {
    const { sandbox, complete } = await openScene();
    sandbox.addKey(FIRST_PROJECT, { name: 'search' });
    expect(await complete('key', '', project)).toEqual({ values: [], total: 0, hasMore: false });
  },
);

test('no keys for a name that two projects have', async () => {
  const { sandbox, complete } = await openScene();
  sandbox.addKey(FIRST_PROJECT, { name: 'search' });
  sandbox.addProject({ name: 'Production' });
  expect((await complete('key', '', 'Production')).values).toEqual([]);
});

test('sinks by name, without any request', async () => {
  const { sandbox, complete } = await openScene();
  expect((await complete('sink')).values).toEqual(['app', 'vault']);
  expect((await complete('sink', 'v')).values).toEqual(['vault']);
  expect(sandbox.requests).toEqual([]);
});

test('nothing for other arguments, prompts that are not, or that are not offered', async () => {
  const { context, sandbox, prompts } = await openScene();
  const nothing = { values: [], total: 0, hasMore: false };
  const project = { argument: 'project', value: '', others: {} };
  expect(await prompts.complete('provision_model_key', { ...project, argument: 'name' }, running)).toEqual(nothing);
  expect(await prompts.complete('provision_model_key', { ...project, argument: 'key' }, running)).toEqual(nothing);
  expect(await prompts.complete('audit_model_keys', { ...project, argument: 'unusedForDays' }, running)).toEqual(
    nothing,
  );
  expect(await prompts.complete('delete_everything', project, running)).toEqual(nothing);
  const none = createPrompts({ ...context, sinks: new Map() }, []);
  expect(none.find('audit_model_keys')).toBeUndefined();
  expect(await none.complete('audit_model_keys', project, running)).toEqual(nothing);
  expect(sandbox.requests).toEqual([]);
});

test('a keystroke costs no request, however many come at once', async () => {
  const { sandbox, complete, sent } = await openScene();
  sandbox.inject({ operation: 'list_projects', when: 'before', kind: 'delay', ms: 200 });
  await Promise.all(['', 'p', 'pr', 'pro'].map((typed) => complete('project', typed)));
  await complete('project', 'prod');
  expect(sent('list_projects')).toBe(1);
  await Promise.all(['', 's', 'se'].map((typed) => complete('key', typed, 'Production')));
  await complete('key', 'sea', FIRST_PROJECT);
  expect([sent('list_projects'), sent('list_keys')]).toEqual([1, 1]);
  await complete('key', '', 'Staging');
  expect([sent('list_projects'), sent('list_keys')]).toEqual([1, 2]);
});

test('after a while it is looked up again', async () => {
  const { context, sandbox, sent } = await openScene();
  const names = knownNames(context, 50);
  expect((await names.projects(running)).names).toHaveLength(3);
  sandbox.addProject({ name: 'Newest' });
  await delay(80);
  expect((await names.projects(running)).names).toContain('Newest');
  expect(sent('list_projects')).toBe(2);
});

test('a lookup that fails completes to nothing, and is not tried with each keystroke', async () => {
  const { sandbox, complete, sent } = await openScene();
  sandbox.inject({ operation: 'list_projects', when: 'before', kind: 'status', status: 403, times: 9 });
  for (const typed of ['', 'p', 'pr'])
    expect(await complete('project', typed)).toEqual({ values: [], total: 0, hasMore: false });
  expect((await complete('key', '', 'Production')).values).toEqual([]);
  expect(sent('list_projects')).toBe(1);
});

test('a server that stops waits for no lookup', async () => {
  const { sandbox, context } = await openScene();
  sandbox.inject({ operation: 'list_projects', when: 'before', kind: 'stall' });
  const stopping = new AbortController();
  const asked = knownNames(context).projects(stopping.signal);
  stopping.abort();
  // Sooner than Atlas is given up.
  expect(await Promise.race([asked, delay(4_000, 'still waiting')])).toEqual({ names: [], isAll: true });
});

test('projects that the operator does not allow are not named, nor are their keys', async () => {
  const { sandbox, complete, sent } = await openScene({ allowedProjects: [FIRST_PROJECT] });
  const staging = sandbox.projects[1]?.id ?? '';
  sandbox.addKey(staging, { name: 'search' });
  expect((await complete('project')).values).toEqual(['Production']);
  expect((await complete('key', '', staging)).values).toEqual([]);
  expect((await complete('key', '', 'Staging')).values).toEqual([]);
  expect(sent('list_keys')).toBe(0);
});

test('of the default organization only, where the operator set one', async () => {
  const { sandbox, complete } = await openScene({ orgId: '0'.repeat(24) });
  expect((await complete('project')).values).toEqual([]);
  expect(sandbox.requests.map(({ path }) => path).join()).toContain(`/orgs/${'0'.repeat(24)}/groups`);
});

test('300 projects and 2,000 keys', async () => {
  const { sandbox, complete, sent } = await openScene();
  for (let index = 3; index < 300; index += 1) sandbox.addProject({ name: `project ${index}` });
  for (let index = 0; index < 2_000; index += 1) sandbox.addKey(FIRST_PROJECT, { name: `key ${index}` });
  expect(await complete('project', 'project')).toMatchObject({ total: 297, hasMore: true });
  const keys = await complete('key', 'key', 'Production');
  expect(keys.values).toHaveLength(100);
  expect(keys).toMatchObject({ total: 2_000, hasMore: true });
  expect((await complete('key', 'key 1999', 'Production')).values).toEqual(['key 1999']);
  // Four full pages, and one more look whether that was the end.
  expect([sent('list_projects'), sent('list_keys')]).toEqual([1, 5]);
});

test('of more keys than are read it is not said how many fit', async () => {
  const { sandbox, complete } = await openScene();
  for (let index = 0; index <= 2_000; index += 1) sandbox.addKey(FIRST_PROJECT, { name: `key ${index}` });
  expect(await complete('key', 'key 7', 'Production')).not.toHaveProperty('total');
  expect(await complete('key', 'key 77', 'Production')).toMatchObject({ hasMore: true });
});

const given = async (scene: Awaited<ReturnType<typeof openScene>>, name: string, values: Record<string, string>) => {
  const prompt = scene.prompts.find(name);
  if (!prompt) throw new Error(name);
  const filled = await scene.prompts.fill(prompt, values, running);
  const lines = filled.ok ? filled.value.split('\n').filter((line) => /^\w+: "/.test(line)) : [filled.failure];
  return lines.join(' ');
};

test('a sink that there is not is refused, with those that there are', async () => {
  const scene = await openScene();
  const values = { project: 'Production', name: 'search' };
  expect(await given(scene, 'provision_model_key', { ...values, sink: 'valut' })).toBe(
    'sink: there is no such sink. The sinks are: app, vault.',
  );
  expect(await given(scene, 'provision_model_key', { ...values, sink: 'vault' })).toBe(
    'project: "Production" name: "search" sink: "vault"',
  );
  expect(await given(scene, 'provision_model_key', { ...values, sink: ' ' })).toBe(
    'project: "Production" name: "search"',
  );
});

test.each<[given: Record<string, string>, read: string]>([
  [{ project: 'Data', key: 'Science search' }, 'project: "Data Science" key: "search"'],
  [{ project: 'Data', key: 'Science batch search' }, 'project: "Data Science" key: "batch search"'],
  [{ project: 'Data', key: 'Science unknown' }, 'project: "Data" key: "Science unknown"'],
  [{ project: 'Data', key: 'Lake search' }, 'project: "Data" key: "Lake search"'],
  [{ project: 'Two', key: 'in one search' }, 'project: "Two" key: "in one search"'],
  [{ project: 'Production', key: 'Science search' }, 'project: "Production" key: "Science search"'],
  [{ project: 'Data Science', key: 'search' }, 'project: "Data Science" key: "search"'],
])('names that a host split at their blanks are joined where only one reading fits: %j', async (values, read) => {
  const scene = await openScene();
  const { sandbox } = scene;
  const addProject = (name: string, ...keys: string[]) => {
    const { id } = sandbox.addProject({ name });
    for (const key of keys) sandbox.addKey(id, { name: key });
  };
  addProject('Data Science', 'search', 'batch search');
  addProject('Two in', 'one search');
  addProject('Two in one', 'search');
  expect(await given(scene, 'rotate_model_key', values)).toBe(read);
});

test('the name of a new key may be any, so that a sink at the end leaves two readings', async () => {
  const scene = await openScene();
  scene.sandbox.addProject({ name: 'Data Science' });
  const values = { project: 'Data', name: 'Science' };
  expect(await given(scene, 'provision_model_key', { ...values, sink: 'search' })).toBe(
    'project: "Data Science" name: "search"',
  );
  expect(await given(scene, 'provision_model_key', { ...values, sink: 'search vault' })).toMatch(/^sink: there is no/);
});

test('where the projects cannot be seen, the values stay', async () => {
  const scene = await openScene();
  scene.sandbox.inject({ operation: 'list_projects', when: 'before', kind: 'status', status: 403 });
  const values = { project: 'Data', key: 'Science search' };
  expect(await given(scene, 'rotate_model_key', values)).toBe('project: "Data" key: "Science search"');
});
