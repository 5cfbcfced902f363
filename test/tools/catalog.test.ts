import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as z from 'zod/v4';
import { configuredTools } from '../../src/tools/tool-definition.ts';
import { toolDefinitions } from '../../src/tools/tool-definitions.ts';
import { catalogOf } from './offline-catalog.ts';

/** No tool parameter and no result field may have to do with these (but `location`, which is a result). */
const FORBIDDEN = /path|url|uri|file$|command|argv|reveal|plain|show|secret$|token|password/i;
/** Tokens of text, and the mask. */
const HARMLESS = ['tokensPerMinuteLimit', 'maskedSecret'];

/** Passed over instead (arguments.test.ts). */
const ADDED_BY_HOSTS = ['sessionId', 'toolCallId', 'chatInput', 'action'];

const READ = [
  'list_ai_model_api_keys',
  'get_ai_model_api_key',
  'list_projects',
  'list_secret_sinks',
  'list_ai_model_rate_limits',
];

const control = { signal: new AbortController().signal, progress: () => undefined };

test('the public surface', async () => {
  const surface = catalogOf().offered.map(({ name, title, description, annotations, inputSchema, outputSchema }) => ({
    name,
    title,
    description,
    annotations,
    inputSchema,
    outputSchema,
  }));
  await expect(JSON.stringify(surface, null, 2)).toMatchFileSnapshot('surface.json');
});

const PROJECT = '69681d39c9e8cfd375386316';
const ORG = '69681d39c9e8cfd375386317';

test.each([
  {},
  { projectId: PROJECT },
  { orgId: ORG },
  { projectId: PROJECT, orgId: ORG },
  { defaultSink: undefined },
  { allowInlineSecret: true, projectId: PROJECT },
])('what hosts are shown with %j is what the tools accept with it', (settings) => {
  const { offered, tools } = catalogOf(settings);
  const shown = offered.map(({ name, title, description, annotations, inputSchema, outputSchema }) => ({
    name,
    title,
    description,
    annotations,
    inputSchema,
    outputSchema,
  }));
  expect(JSON.parse(JSON.stringify(shown))).toEqual(tools.map(({ definition }) => definition()));
});

describe.each(catalogOf().offered)('$name', (tool) => {
  test('no parameter can name a path, a URL or a command, or ask for the secret', () => {
    expect(forbiddenIn(tool.inputSchema)).toEqual([]);
  });
  test('no result field holds a secret', () => {
    expect(forbiddenIn(z.toJSONSchema(tool.output))).toEqual([]);
  });
  test('unknown parameters are refused, by the schema and by the call', async () => {
    expect(tool.inputSchema.additionalProperties).toBe(false);
    await fc.assert(
      fc.asyncProperty(
        fc
          .string({ minLength: 1 })
          .filter((name) => ![...propertyNames(tool.inputSchema), ...ADDED_BY_HOSTS, '__proto__'].includes(name)),
        fc.anything(),
        async (name, value) => {
          const { structured } = await tool.call({ [name]: value }, control);
          expect(structured).toMatchObject({ outcome: 'failed', error: { code: 'INVALID_INPUT' } });
        },
      ),
    );
  });
  test('no argument whatever makes it throw', async () => {
    await fc.assert(
      fc.asyncProperty(fc.anything(), async (input) => {
        const result = await tool.call(input, control);
        expect(result.summary.length).toBeGreaterThan(0);
      }),
    );
  });
  test('is described within what hosts keep, and states all four hints and a title', () => {
    expect(tool.description.length).toBeLessThan(1024);
    expect(Object.keys(tool.annotations).sort()).toEqual([
      'destructiveHint',
      'idempotentHint',
      'openWorldHint',
      'readOnlyHint',
      'title',
    ]);
    expect(tool.title).not.toBe('');
    expect(`mcp__atlas-model-keys__${tool.name}`.length).toBeLessThanOrEqual(128);
  });
});

test('a result can hold a secret only where the operator allowed the inline sink', () => {
  const [create] = catalogOf({ allowInlineSecret: true }).offered;
  expect(propertyNames(create && z.toJSONSchema(create.output))).toContain('secret');
});

test('read-only toolDefinitions the tools that change nothing, and the others answer why', async () => {
  const catalog = catalogOf({ readOnly: true });
  expect(catalog.offered.map(({ name }) => name)).toEqual(READ);
  for (const { name } of catalogOf().offered.filter((tool) => !READ.includes(tool.name))) {
    const result = await catalog.find(name)?.call({}, control);
    expect(result?.structured).toMatchObject({ error: { code: 'READ_ONLY' } });
  }
});

describe('the operator chooses the tools by name', () => {
  const namesOf = (tools: { readonly allow?: string[]; readonly deny?: string[] }, readOnly = false) =>
    catalogOf({ tools, readOnly }).offered.map(({ name }) => name);
  const all = catalogOf().offered.map(({ name }) => name);

  test('those allowed, without those denied', () => {
    expect(namesOf({ allow: ['list_projects', 'create_ai_model_api_key'] })).toEqual([
      'create_ai_model_api_key',
      'list_projects',
    ]);
    expect(namesOf({ deny: ['list_projects'] })).toEqual(all.filter((name) => name !== 'list_projects'));
    expect(namesOf({ allow: ['list_projects', 'list_secret_sinks'], deny: ['list_projects'] })).toEqual([
      'list_secret_sinks',
    ]);
    expect(namesOf({})).toEqual(all);
  });
  test('whoever denies the tool for one key denies the tool for several', () => {
    const one = namesOf({ deny: ['create_ai_model_api_key'] });
    expect(one.filter((name) => name.startsWith('create_'))).toEqual([]);
    const several = namesOf({ deny: ['create_ai_model_api_keys'] });
    expect(several.filter((name) => name.startsWith('create_'))).toEqual(['create_ai_model_api_key']);
  });
  test('one that was taken away is as unknown as one that never was', () => {
    const catalog = catalogOf({ tools: { deny: ['delete_ai_model_api_key'] }, readOnly: true });
    expect(catalog.find('delete_ai_model_api_key')).toBeUndefined();
    expect(catalog.find('rotate_ai_model_api_key')).toBeDefined();
  });
  test.each(['allow', 'deny'])('a name in %s that is no tool is refused, with the nearest that is', (list) => {
    expect(() => namesOf({ [list]: ['list_projects', 'list_project_keys'] })).toThrow(
      /^tools: .* the nearest is list_projects$/,
    );
  });
  test('a refused name is not quoted: it may be anything', () => {
    expect(() => namesOf({ allow: ['al-0123456789abcdefghijklmnop'] })).toThrow(/^(?!.*al-0123)/);
  });
});

test('what hosts show the model of a tool takes at most 900 bytes on average, with every default that an operator can set', () => {
  const everything = {
    readOnly: false,
    projectId: '69681d39c9e8cfd375386316',
    orgId: '5e2211c17a3e5a48f5497de3',
    sinkNames: ['app-environment', 'team-vault', 'laptop-keyring'],
    defaultSink: 'app-environment',
  };
  const shown = configuredTools(toolDefinitions, everything).map(({ name, description, inputSchema }) => ({
    name,
    description,
    inputSchema,
  }));
  expect(Buffer.byteLength(JSON.stringify(shown)) / toolDefinitions.length).toBeLessThanOrEqual(900);
});

test('every enum has its type beside it, which some hosts refuse a list of tools without', () => {
  const untyped = (schema: unknown): unknown[] => {
    if (typeof schema !== 'object' || schema === null) return [];
    const own = 'enum' in schema && !('type' in schema) ? [schema] : [];
    return [...own, ...Object.values(schema).flatMap(untyped)];
  };
  expect(untyped(configuredTools(toolDefinitions, { readOnly: false, sinkNames: ['app'] }))).toEqual([]);
  expect(JSON.stringify(toolDefinitions)).toContain('"type":"string","enum":["listed","failed"]');
});

test('the output schemas can be left out, and nothing else with them', () => {
  const settings = { readOnly: false, sinkNames: ['app'] };
  const without = configuredTools(toolDefinitions, { ...settings, outputSchemas: false });
  expect(without.every((definition) => !('outputSchema' in definition))).toBe(true);
  const withThem = configuredTools(toolDefinitions, { ...settings, outputSchemas: true });
  expect(without.map((definition) => ({ ...definition, outputSchema: undefined }))).toEqual(
    withThem.map((definition) => ({ ...definition, outputSchema: undefined })),
  );
  expect(configuredTools(toolDefinitions, settings)).toEqual(withThem);
});

function forbiddenIn(schema: unknown): string[] {
  return propertyNames(schema).filter((name) => FORBIDDEN.test(name) && !HARMLESS.includes(name));
}

/** The names of all properties of a JSON Schema, nested ones too. */
function propertyNames(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([key, value]: [string, unknown]) =>
    key === 'properties' && typeof value === 'object' && value !== null
      ? [...Object.keys(value), ...Object.values(value).flatMap(propertyNames)]
      : propertyNames(value),
  );
}
