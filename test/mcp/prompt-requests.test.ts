import { CompleteResultSchema, ErrorCode, GetPromptResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, test } from 'vitest';
import type { Prompts } from '../../src/prompts/prompt-catalog.ts';
import { promptDefinitions } from '../../src/prompts/prompt-definitions.ts';
import { PROMPTS } from '../../src/prompts/prompts.ts';
import { noPrompts, serverWith } from './one-tool.ts';
import { connectHost } from './recording-host.ts';

const [provisionModelKey, , auditModelKeys] = PROMPTS;
const offered = [provisionModelKey, auditModelKeys];
const some: Prompts = {
  ...noPrompts,
  find: (name) => offered.find((prompt) => prompt.name === name),
  complete: (prompt, { argument, value, others }) =>
    Promise.resolve({ values: [prompt, argument, value, JSON.stringify(others)], total: 4, hasMore: false }),
};

async function hostOf(prompts: Prompts, log: (level: string, message: string) => void = () => undefined) {
  const { client } = await connectHost(
    serverWith(() => Promise.resolve(), {
      prompts,
      promptDefinitions: promptDefinitions.map(({ definition }) => definition).filter(({ name }) => prompts.find(name)),
      log,
    }),
    {},
  );
  return client;
}

test('the server declares prompts and completions', async () => {
  const client = await hostOf(noPrompts);
  expect(client.getServerCapabilities()).toEqual({ tools: {}, prompts: {}, completions: {} });
  expect(await client.listPrompts()).toEqual({ prompts: [] });
});

test('prompts/list has titles, descriptions and arguments, and no more', async () => {
  const { prompts } = await (await hostOf(some)).listPrompts();
  expect(prompts.map(({ name }) => name)).toEqual(['provision_model_key', 'audit_model_keys']);
  expect(prompts[1]).toEqual({
    name: 'audit_model_keys',
    title: auditModelKeys.title,
    description: auditModelKeys.description,
    arguments: auditModelKeys.arguments.map(({ name, description, required }) => ({ name, description, required })),
  });
});

test('prompts/get is one message of the user', async () => {
  const client = await hostOf(some);
  const given = { project: 'Production', name: 'search' };
  const filled = provisionModelKey.fill(given);
  expect(await client.getPrompt({ name: 'provision_model_key', arguments: given })).toEqual({
    description: provisionModelKey.description,
    messages: [{ role: 'user', content: { type: 'text', text: filled.ok ? filled.value : '' } }],
  });
  expect((await client.getPrompt({ name: 'audit_model_keys' })).messages).toHaveLength(1);
});

describe('prompts/get is refused', () => {
  test.each([
    ['a prompt that is none', 'toString', {}, 'Unknown prompt. There are: provision_model_key, audit_model_keys.'],
    ['a missing argument', 'provision_model_key', { name: 'x' }, 'Missing required arguments: project.'],
    ['an unknown argument', 'audit_model_keys', { path: 'x' }, 'Unknown arguments: "path"'],
  ])('%s', async (_what, name, given, message) => {
    const client = await hostOf(some);
    await expect(client.getPrompt({ name, arguments: given })).rejects.toMatchObject({
      code: ErrorCode.InvalidParams,
      message: expect.stringContaining(message) as unknown,
    });
  });

  test('where none is offered, with the reason', async () => {
    const client = await hostOf(noPrompts);
    await expect(client.getPrompt({ name: 'audit_model_keys' })).rejects.toThrow('This server offers no prompts');
  });

  test('an argument that is not text, without its value', async () => {
    const client = await hostOf(some);
    const params = { name: 'audit_model_keys', arguments: { project: ['al-canary'] } };
    const asked = client.request({ method: 'prompts/get', params }, GetPromptResultSchema);
    await expect(asked).rejects.toThrow(/project/);
    await expect(asked).rejects.not.toThrow(/canary/);
  });
});

describe('completion/complete', () => {
  const argument = { name: 'key', value: 'se' };
  const ref = { type: 'ref/prompt' as const, name: 'rotate_model_key' };

  test('asks for the argument, with the others', async () => {
    const client = await hostOf(some);
    const context = { arguments: { project: 'Production' } };
    expect(await client.complete({ ref, argument, context })).toEqual({
      completion: { values: ['rotate_model_key', 'key', 'se', '{"project":"Production"}'], total: 4, hasMore: false },
    });
    expect((await client.complete({ ref, argument })).completion.values[3]).toBe('{}');
  });

  test('of anything else is nothing', async () => {
    const client = await hostOf(some);
    const asked = await client.complete({ ref: { type: 'ref/resource', uri: 'file:///x' }, argument });
    expect(asked.completion).toEqual({ values: [], total: 0, hasMore: false });
  });

  test('that fails is nothing, and of the error only its class is logged', async () => {
    const lines: string[] = [];
    const client = await hostOf(
      { ...some, complete: () => Promise.reject(new TypeError('al-canary')) },
      (level, message) => lines.push(`${level} ${message}`),
    );
    const asked = await client.request(
      { method: 'completion/complete', params: { ref, argument } },
      CompleteResultSchema,
    );
    expect(asked.completion).toEqual({ values: [], total: 0, hasMore: false });
    expect(lines).toEqual(['error completion: INTERNAL (TypeError)']);
  });
});
