// The arguments of a call as hosts send them: what stands for absent, and what hosts add of their own accord.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as z from 'zod/v4';
import { ok } from '../../src/failure.ts';
import { defineTool } from '../../src/tools/tool.ts';
import { catalogOf } from './offline-catalog.ts';

const control = { signal: new AbortController().signal, progress: () => undefined };
const PROJECT = '69681d39c9e8cfd375386316';

/** A tool that answers what it was given. */
const echo = defineTool({
  name: 'echo',
  title: 'Echo',
  description: 'Answers what it was given.',
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: () =>
    z.strictObject({
      text: z.string(),
      word: z.string().min(1).optional(),
      limit: z.int().default(50),
      dryRun: z.boolean().default(false),
    }),
  output: () => z.strictObject({ given: z.unknown() }),
  keyStateOfRefusal: 'not_applicable',
  handle: (given) => Promise.resolve(ok({ structured: { outcome: 'done', given }, summary: 'Done.' })),
});

const given = async (input: unknown) => (await echo.call(input, control)).structured;

test.each([null, ''])('%j stands for an optional parameter that is absent', async (nothing) => {
  expect(await given({ text: 'a', word: nothing, limit: nothing, dryRun: nothing })).toEqual({
    outcome: 'done',
    given: { text: 'a', limit: 50, dryRun: false },
  });
});

test('a required parameter is taken as it is', async () => {
  expect(await given({ text: '' })).toEqual({ outcome: 'done', given: { text: '', limit: 50, dryRun: false } });
  expect(await given({ text: null })).toMatchObject({ error: { message: 'text: must be a string.' } });
});

test('every optional parameter of every tool may be null or empty', async () => {
  for (const tool of catalogOf({ projectId: PROJECT }).offered) {
    const { properties = {}, required = [] } = tool.inputSchema;
    const optional = Object.keys(properties).filter((name) => !required.includes(name));
    for (const nothing of [null, '']) {
      const input = Object.fromEntries(optional.map((name) => [name, nothing]));
      const { structured } = await tool.call(input, { ...control, signal: AbortSignal.abort() });
      const said = JSON.stringify(structured);
      for (const name of optional) expect(said).not.toContain(`${name}: must`);
    }
  }
});

describe('what a known host adds', () => {
  test.each(['sessionId', 'toolCallId', 'chatInput', 'action'])('%s is passed over', async (name) => {
    await fc.assert(
      fc.asyncProperty(fc.anything(), async (value) => {
        expect(await given({ text: 'a', [name]: value })).toEqual({
          outcome: 'done',
          given: { text: 'a', limit: 50, dryRun: false },
        });
      }),
    );
  });
  test.each(['SessionId', 'session_id', 'metadata', 'groupId', 'apply'])('%s is refused', async (name) => {
    expect(await given({ text: 'a', [name]: 'x' })).toMatchObject({ error: { code: 'INVALID_INPUT' } });
  });
});

test('no arguments at all, and arguments that are null, are the same', async () => {
  expect(await given(null)).toEqual(await given({}));
});
