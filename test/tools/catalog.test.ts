import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as z from 'zod/v4';
import type { SinkSpec } from '../../src/config/sink-spec.ts';
import { shownSink } from '../../src/config/sinks-at-start.ts';
import { configuredTools, type ShownSink, type ToolSettings } from '../../src/tools/tool-definition.ts';
import { toolDefinitions } from '../../src/tools/tool-definitions.ts';
import { openSinks } from '../../src/sinks/kinds.ts';
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
  'check_secret_sinks',
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

describe('sinks', () => {
  const specs: readonly [string, SinkSpec][] = [
    ['app', { type: 'dotenv', path: '/srv/app/.env', variable: 'VOYAGE_API_KEY' }],
    ['each', { type: 'dotenv', path: '/srv/app/.env', variable: 'KEY_{entry}' }],
    ['vault', { type: 'file', path: '/srv/keys/{groupId}/{entry}.key' }],
    ['fixed', { type: 'file', path: '/srv/keys/one.key' }],
    ['op', { type: 'command', argv: ['/usr/bin/op', '{entry}'], env: {}, timeoutMs: 30_000 }],
    ['read', { type: 'command', argv: ['put'], verify: ['get', '{entry}'], env: {}, timeoutMs: 30_000 }],
    ['plain', { type: 'command', argv: ['put'], env: {}, timeoutMs: 30_000 }],
    ['chat', { type: 'inline' }],
  ];
  const create = (settings: Partial<ToolSettings>) => {
    const [definition] = configuredTools(toolDefinitions, { readOnly: false, ...settings });
    const { sink, entry } = definition?.inputSchema.properties ?? {};
    const description = sink && 'description' in sink ? String(sink.description) : '';
    return { description, entry, required: definition?.inputSchema.required };
  };
  const fixed = [
    shownSink('app', { type: 'dotenv', path: '/srv/.env', variable: 'A' }),
    shownSink('chat', { type: 'inline' }),
  ];

  test.each(specs)('what is shown of %s is what it is once it is opened', (name, spec) => {
    const opened = openSinks(new Map([[name, spec]]), {}).get(name);
    expect(opened).toMatchObject(shownSink(name, spec));
  });
  test('create says kind and place of each, and the others refer to it', () => {
    const sinks = specs.map(([name, spec]) => shownSink(name, spec));
    expect(create({ sinks, defaultSink: 'app' }).description).toBe(
      'Where the secret goes: app = dotenv /srv/app/.env#VOYAGE_API_KEY, each = dotenv /srv/app/.env#KEY_{entry}, ' +
        'vault = file /srv/keys/{groupId}/{entry}.key, fixed = file /srv/keys/one.key, op = command op {entry}, ' +
        'read = command put {entry}, plain = command put, chat = inline tool result; default app',
    );
    const tools = configuredTools(toolDefinitions, { readOnly: false, sinks });
    expect(JSON.stringify(tools).split('/srv/keys/one.key')).toHaveLength(2);
    expect(JSON.stringify(tools)).toContain('sinks as in create_ai_model_api_key');
  });
  test('where create is not offered, another tool says it', () => {
    const deny = ['create_ai_model_api_key'];
    const shown = JSON.stringify(configuredTools(toolDefinitions, { readOnly: false, sinks: fixed, tools: { deny } }));
    expect(shown).toContain('/srv/.env#A');
    expect(shown).not.toContain('sinks as in create');
  });
  test('takes at most 600 bytes, and says what it can (property)', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 700 });
    const sink = fc.record({
      name: fc.string({ minLength: 1, maxLength: 64 }),
      kind: fc.constant('file'),
      location: text,
      takesEntry: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(sink, { minLength: 1, maxLength: 40 }), fc.boolean(), (sinks, hasDefault) => {
        const { description } = create({ sinks, ...(hasDefault && { defaultSink: sinks[0]?.name }) });
        expect(Buffer.byteLength(description)).toBeLessThanOrEqual(600);
        expect(description).toContain(`Where the secret goes: ${sinks[0]?.name ?? ''} = file`);
      }),
    );
  });
  test('one long place does not take the room of the others, and is not cut into', () => {
    const long = { name: 'long', kind: 'file', location: `/${'x'.repeat(700)}`, takesEntry: false };
    expect(create({ sinks: [long, ...fixed] }).description).toBe(
      'Where the secret goes: long = file, app = dotenv /srv/.env#A, chat = inline tool result',
    );
  });
  test('is required where several are there and none is the default, and only for a new secret', () => {
    expect(create({ sinks: fixed }).required).toEqual(['groupId', 'name', 'sink']);
    expect(create({ sinks: fixed, defaultSink: 'app' }).required).toEqual(['groupId', 'name']);
    expect(create({ sinks: fixed.slice(0, 1), defaultSink: 'app' }).required).toEqual(['groupId', 'name']);
    const [, rotate] = configuredTools(toolDefinitions, { readOnly: false, sinks: fixed });
    expect(rotate?.inputSchema.required).not.toContain('sink');
  });
  test('a call without it is still answered by the tool, since some hosts can ask', async () => {
    const catalog = catalogOf({ sinks: openSinks(new Map(specs), {}), defaultSink: undefined });
    const result = await catalog.get('create_ai_model_api_key')?.call({ groupId: PROJECT, name: 'a' }, control);
    expect(result?.structured).toMatchObject({ error: { code: 'SINK_UNKNOWN' } });
  });
  test('entry is shown only where a sink takes one, and answered all the same', async () => {
    expect(create({ sinks: fixed }).entry).toBeUndefined();
    expect(create({ sinks: specs.map(([name, spec]) => shownSink(name, spec)) }).entry).toBeDefined();
    expect(create({}).entry, 'where the sinks are not known').toBeDefined();
    const catalog = catalogOf({ sinks: openSinks(new Map(specs.slice(0, 1)), {}), defaultSink: 'app' });
    const result = await catalog
      .get('create_ai_model_api_key')
      ?.call({ groupId: PROJECT, name: 'a', entry: 'b' }, control);
    expect(result?.structured).toMatchObject({ error: { message: 'entry: the sink app has a fixed target.' } });
  });
  test.each([
    { sinks: openSinks(new Map(specs), {}), defaultSink: undefined },
    { sinks: openSinks(new Map(specs), {}), defaultSink: 'vault', projectId: PROJECT },
    { sinks: openSinks(new Map([...specs.slice(0, 1), ...specs.slice(-1)]), {}), defaultSink: undefined },
  ])('what hosts are shown of them is what the tools say (%#)', (settings) => {
    const { offered, tools } = catalogOf(settings);
    const shown = offered.map(({ inputSchema }) => inputSchema);
    expect(JSON.parse(JSON.stringify(shown))).toEqual(tools.map(({ definition }) => definition().inputSchema));
  });
});

describe.each(catalogOf().offered)('$name', (tool) => {
  test('no parameter can name a path, a URL or a command, or ask for the secret', () => {
    expect(forbiddenIn(tool.inputSchema)).toEqual([]);
  });
  test('no result field holds a secret', () => {
    expect(forbiddenIn(z.toJSONSchema(tool.output()))).toEqual([]);
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
  expect(propertyNames(create && z.toJSONSchema(create.output()))).toContain('secret');
});

test('read-only toolDefinitions the tools that change nothing, and the others answer why', async () => {
  const catalog = catalogOf({ readOnly: true });
  expect(catalog.offered.map(({ name }) => name)).toEqual(READ);
  for (const { name } of catalogOf().offered.filter((tool) => !READ.includes(tool.name))) {
    const result = await catalog.get(name)?.call({}, control);
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
    expect(catalog.get('delete_ai_model_api_key')).toBeUndefined();
    expect(catalog.get('rotate_ai_model_api_key')).toBeDefined();
  });
  test.each(['allow', 'deny'])('a name in %s that is not a tool is refused, with the nearest that is', (list) => {
    expect(() => namesOf({ [list]: ['list_projects', 'list_project_keys'] })).toThrow(
      /^tools: .* the nearest is list_projects$/,
    );
  });
  test('a refused name is not quoted: it may be anything', () => {
    expect(() => namesOf({ allow: ['al-0123456789abcdefghijklmnop'] })).toThrow(/^(?!.*al-0123)/);
  });
});

const SINKS: readonly ShownSink[] = [
  shownSink('app-environment', { type: 'dotenv', path: '/srv/application/current/.env', variable: 'VOYAGE_API_KEY' }),
  shownSink('team-vault', { type: 'command', argv: ['op', 'item', '{entry}'], env: {}, timeoutMs: 30_000 }),
  shownSink('laptop-keyring', { type: 'file', path: '/home/somebody/.local/share/keys/{groupId}/{entry}.key' }),
  ...Array.from({ length: 9 }, (_, index) =>
    shownSink(`service-${index}`, { type: 'file', path: `/srv/service-${index}/secrets/voyage/{entry}.key` }),
  ),
];

test.each(['app-environment', undefined])(
  'what hosts show the model of a tool takes at most 900 bytes on average, with every default that an operator can set (default sink: %s)',
  (defaultSink) => {
    const everything = {
      readOnly: false,
      projectId: '69681d39c9e8cfd375386316',
      orgId: '5e2211c17a3e5a48f5497de3',
      sinks: SINKS,
      ...(defaultSink && { defaultSink }),
    };
    const shown = configuredTools(toolDefinitions, everything).map(({ name, description, inputSchema }) => ({
      name,
      description,
      inputSchema,
    }));
    expect(Buffer.byteLength(JSON.stringify(shown)) / toolDefinitions.length).toBeLessThanOrEqual(900);
  },
);

test('every enum has its type beside it, which some hosts refuse a list of tools without', () => {
  const untyped = (schema: unknown): unknown[] => {
    if (typeof schema !== 'object' || schema === null) return [];
    const own = 'enum' in schema && !('type' in schema) ? [schema] : [];
    return [...own, ...Object.values(schema).flatMap(untyped)];
  };
  expect(untyped(configuredTools(toolDefinitions, { readOnly: false, sinks: SINKS.slice(0, 1) }))).toEqual([]);
  expect(JSON.stringify(toolDefinitions)).toContain('"type":"string","enum":["listed","failed"]');
});

test('the output schemas can be left out, and nothing else with them', () => {
  const settings = { readOnly: false, sinks: SINKS.slice(0, 1) };
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
