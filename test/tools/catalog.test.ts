import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createAtlas } from '../../src/atlas/atlas.ts';
import { openJournal } from '../../src/provisioning/journal.ts';
import { openSinks } from '../../src/sinks/open-sinks.ts';
import { createCatalog, type Catalog } from '../../src/tools/catalog.ts';

/** No tool parameter and no result field may have to do with these (but `location`, which is a result). */
const FORBIDDEN = /path|url|uri|file$|command|argv|reveal|plain|show|secret$|token|password/i;

const control = { signal: new AbortController().signal, progress: () => undefined };

function catalog(settings: { readonly readOnly?: boolean; readonly allowInlineSecret?: boolean } = {}): Catalog {
  const { readOnly = false, allowInlineSecret = false } = settings;
  return createCatalog({
    atlas: createAtlas({
      baseUrl: new URL('http://127.0.0.1:9'),
      credentials: { kind: 'missing' },
      apiVersion: 'auto',
      timeoutMs: 1000,
    }),
    sinks: openSinks(new Map([['app', { type: 'file', path: '/nonexistent/{entry}' }]]), {}),
    journal: openJournal('/nonexistent/state'),
    defaultSink: 'app',
    readOnly,
    allowInlineSecret,
  });
}

test('the public surface', async () => {
  const surface = catalog().offered.map(({ name, title, description, annotations, inputSchema, outputSchema }) => ({
    name,
    title,
    description,
    annotations,
    inputSchema,
    outputSchema,
  }));
  await expect(JSON.stringify(surface, null, 2)).toMatchFileSnapshot('surface.json');
});

describe.each(catalog().offered)('$name', (tool) => {
  test('no parameter can name a path, a URL or a command, or ask for the secret', () => {
    expect(propertyNames(tool.inputSchema).filter((name) => FORBIDDEN.test(name))).toEqual([]);
  });
  test('no result field holds a secret', () => {
    expect(propertyNames(tool.outputSchema).filter((name) => FORBIDDEN.test(name) && name !== 'maskedSecret')).toEqual(
      [],
    );
  });
  test('unknown parameters are refused, by the schema and by the call', async () => {
    expect(tool.inputSchema.additionalProperties).toBe(false);
    await fc.assert(
      fc.asyncProperty(
        fc
          .string({ minLength: 1 })
          .filter((name) => !propertyNames(tool.inputSchema).includes(name) && name !== '__proto__'),
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
    ]);
    expect(tool.title).not.toBe('');
    expect(`mcp__atlas-model-keys__${tool.name}`.length).toBeLessThanOrEqual(128);
  });
});

test('a result can hold a secret only where the operator allowed the inline sink', () => {
  const [create] = catalog({ allowInlineSecret: true }).offered;
  expect(propertyNames(create?.outputSchema)).toContain('secret');
});

test('read-only offers the tools that change nothing', () => {
  expect(catalog({ readOnly: true }).offered.map(({ name }) => name)).toEqual(['list_secret_sinks']);
});

/** The names of all properties of a JSON Schema, nested ones too. */
function propertyNames(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([key, value]: [string, unknown]) =>
    key === 'properties' && typeof value === 'object' && value !== null
      ? [...Object.keys(value), ...Object.values(value).flatMap(propertyNames)]
      : propertyNames(value),
  );
}
