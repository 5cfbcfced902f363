// What the operator decides about tools, questions and quantities, from each source.

import { describe, expect, test } from 'vitest';
import { configurationFile, load, refusalOf } from './fixture.ts';

const ORG = '32b6e34b3d91647abb20e7b8';

describe('tools', () => {
  test.each<[string, object]>([
    ['list_projects', { allow: ['list_projects'] }],
    ['-delete_ai_model_api_key', { deny: ['delete_ai_model_api_key'] }],
    [
      'list_projects, -delete_ai_model_api_key  list_secret_sinks',
      { allow: ['list_projects', 'list_secret_sinks'], deny: ['delete_ai_model_api_key'] },
    ],
    ['', {}],
  ])('the variable %j', async (value, tools) => {
    expect((await load([], { ATLAS_MODEL_KEYS_TOOLS: value })).tools).toEqual(tools);
  });

  test('the file says the same as an object, and the variable goes before it as a whole', async () => {
    const path = configurationFile({ tools: { allow: ['list_projects'], deny: ['list_secret_sinks'] } });
    const inFile = { ATLAS_MODEL_KEYS_CONFIG: path };
    expect((await load([], inFile)).tools).toEqual({ allow: ['list_projects'], deny: ['list_secret_sinks'] });
    expect((await load([], { ...inFile, ATLAS_MODEL_KEYS_TOOLS: '-get_ai_model_api_key' })).tools).toEqual({
      deny: ['get_ai_model_api_key'],
    });
  });
});

test('confirm and maxCreatesPerHour, from the environment and from the file', async () => {
  const path = configurationFile({ confirm: 'required', maxCreatesPerHour: 5 });
  const inFile = { ATLAS_MODEL_KEYS_CONFIG: path };
  expect(await load([], inFile)).toMatchObject({ confirm: 'required', maxCreatesPerHour: 5 });
  const variables = { ATLAS_MODEL_KEYS_CONFIRM: 'never', ATLAS_MODEL_KEYS_MAX_CREATES_PER_HOUR: '0' };
  expect(await load([], { ...inFile, ...variables })).toMatchObject({ confirm: 'never', maxCreatesPerHour: 0 });
  // A policy holds in the sandbox too.
  expect(await load(['--sandbox'], inFile)).toMatchObject({ confirm: 'required', maxCreatesPerHour: 5 });
});

test('the default organization is that of real Atlas, not of the sandbox', async () => {
  expect((await load([], { MONGODB_ATLAS_ORG_ID: ORG })).orgId).toBe(ORG);
  expect((await load(['--sandbox'], { MONGODB_ATLAS_ORG_ID: ORG })).orgId).toBeUndefined();
  expect((await load()).orgId).toBeUndefined();
});

test('$schema in the file means nothing, whatever it names', async () => {
  const path = configurationFile({ $schema: '/nonexistent/schema.json', readOnly: true });
  const config = await load(['--config', path]);
  expect(config.readOnly).toBe(true);
  expect(JSON.stringify(config)).not.toContain('/nonexistent');
});

describe('the only project that is allowed is the default one', () => {
  const variables = { ATLAS_MODEL_KEYS_ALLOWED_PROJECTS: 'a'.repeat(24) };
  test('where the operator names no other', async () => {
    expect((await load([], variables)).projectId).toBe('a'.repeat(24));
    const path = configurationFile({ allowedProjects: ['b'.repeat(24)] });
    expect((await load([], { ATLAS_MODEL_KEYS_CONFIG: path })).projectId).toBe('b'.repeat(24));
    expect((await load(['--sandbox'], variables)).projectId).toBe('a'.repeat(24));
  });
  test('not where the operator names one, or allows several', async () => {
    const named = { ...variables, MONGODB_ATLAS_PROJECT_ID: 'c'.repeat(24) };
    expect((await load([], named)).projectId).toBe('c'.repeat(24));
    const several = { ATLAS_MODEL_KEYS_ALLOWED_PROJECTS: `${'a'.repeat(24)},${'b'.repeat(24)}` };
    expect((await load([], several)).projectId).toBeUndefined();
  });
});

describe('pages', () => {
  test('what is said of them, from the environment and from the file', async () => {
    expect(await load()).toMatchObject({ confirmWith: 'either', confirmTools: [] });
    expect((await load()).browserCommand).toBeUndefined();
    const said = { confirmWith: 'page', confirmTools: ['create_ai_model_api_key'], browserCommand: ['firefox', '%s'] };
    expect(await load([], { ATLAS_MODEL_KEYS_CONFIG: configurationFile(said) })).toMatchObject(said);
    const variables = {
      ATLAS_MODEL_KEYS_CONFIRM_WITH: 'page',
      ATLAS_MODEL_KEYS_CONFIRM_TOOLS: 'create_ai_model_api_key',
      ATLAS_MODEL_KEYS_BROWSER_COMMAND: 'firefox %s',
    };
    expect(await load([], variables)).toMatchObject(said);
    const array = { ATLAS_MODEL_KEYS_BROWSER_COMMAND: '["/opt/my browser/run","--new window","%s"]' };
    expect((await load([], array)).browserCommand).toEqual(['/opt/my browser/run', '--new window', '%s']);
  });

  test.each([
    ['ATLAS_MODEL_KEYS_CONFIRM_WITH', 'browser'],
    ['ATLAS_MODEL_KEYS_CONFIRM_TOOLS', 'delete_ai_model_api_key'],
    ['ATLAS_MODEL_KEYS_BROWSER_COMMAND', './firefox %s'],
    ['ATLAS_MODEL_KEYS_BROWSER_COMMAND', '[]'],
  ])('%s=%s is refused by its name', async (name, value) => {
    expect(await refusalOf([], { [name]: value })).toContain(name);
  });

  test('the sink, as a URI and as an object', async () => {
    const sinks = { one: 'reveal', two: { type: 'reveal' } };
    const { sinks: opened } = await load([], { ATLAS_MODEL_KEYS_SINKS: JSON.stringify(sinks) });
    expect([...opened.values()]).toEqual([{ type: 'reveal' }, { type: 'reveal' }]);
    expect((await load(['--sink', 'me=reveal'])).defaultSink).toBe('me');
  });

  test('the file that leads to a page lies in no hidden directory below the home', async () => {
    const { pageDirectory } = await load();
    expect(pageDirectory).toMatch(/\/atlas-model-keys-page$/);
  });
});
