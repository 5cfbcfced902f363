// Forms over real stdio: what the person types decides, whatever the agent passed, and nothing is lost without it.

import { setTimeout } from 'node:timers/promises';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import {
  CallToolResultSchema,
  ElicitRequestSchema,
  type ClientCapabilities,
  type ElicitRequestFormParams,
  type ElicitResult,
  type Progress,
} from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, test } from 'vitest';
import { FIRST_PROJECT } from '../../src/sandbox/first-project.ts';
import { atlasAndHome, credentialsFor, filesBelow, startServer } from './host.ts';

const AS_LONG_AS_A_PERSON_MS = 400;

const FORMS = { elicitation: {} };

interface Settings {
  readonly env?: Readonly<Record<string, string>>;
  readonly capabilities?: ClientCapabilities;
  readonly keyName?: string;
  /** How long it takes to answer a form, beside what a test does. */
  readonly readingMs?: number;
}

/** A project with one key, and a host that fills in forms so. */
async function openScene(
  fill: ((form: ElicitRequestFormParams, signal: AbortSignal) => ElicitResult | Promise<ElicitResult>) | undefined,
  { env = {}, capabilities = FORMS, keyName = 'prod', readingMs = AS_LONG_AS_A_PERSON_MS }: Settings = {},
) {
  const { sandbox, home } = await atlasAndHome();
  const { apiKeyId } = sandbox.addKey(FIRST_PROJECT, { name: keyName });
  const { transport, ...server } = startServer({ home, env: { ...credentialsFor(sandbox), ...env } });
  const client = new Client({ name: 'test-host', version: '1.0.0' }, { capabilities });
  const forms: ElicitRequestFormParams[] = [];
  if (fill) {
    client.setRequestHandler(ElicitRequestSchema, async ({ params }, { signal }) => {
      if (params.mode === 'url') throw new Error('a form was expected');
      forms.push(params);
      // As a person does, who reads first.
      await setTimeout(readingMs);
      return fill(params, signal);
    });
  }
  await client.connect(transport);
  const told: Progress[] = [];
  const call = async (name: string, args: Record<string, unknown>, signal?: AbortSignal) =>
    CallToolResultSchema.parse(
      await client.callTool({ name, arguments: { groupId: FIRST_PROJECT, ...args } }, undefined, {
        onprogress: (progress) => told.push(progress),
        ...(signal && { signal }),
      }),
    ).structuredContent;
  return {
    sandbox,
    home,
    server,
    client,
    forms,
    told,
    call,
    remove: (signal?: AbortSignal) => call('delete_ai_model_api_key', { apiKeyId, confirmName: keyName }, signal),
    isAlive: () => sandbox.keys().some((key) => key.apiKeyId === apiKeyId),
  };
}

const typing = (answer: string) => (): ElicitResult => ({ action: 'accept', content: { answer } });
const never = () => new Promise<ElicitResult>(() => undefined);

test('the name, typed by the person, deletes the key', async () => {
  const { remove, isAlive, forms } = await openScene(typing('prod'));
  expect(await remove()).toMatchObject({ outcome: 'deleted' });
  expect(isAlive()).toBe(false);
  expect(forms).toHaveLength(1);
  expect(forms[0]?.message).toContain('prod');
});

describe('the key stays for', () => {
  test.each<[string, ElicitResult, string]>([
    ['another name', { action: 'accept', content: { answer: 'Prod' } }, 'DECLINED'],
    ['a yes', { action: 'accept', content: { answer: 'yes' } }, 'DECLINED'],
    ['an empty acceptance', { action: 'accept', content: {} }, 'CONFIRMATION_UNAVAILABLE'],
    ['an acceptance without content', { action: 'accept' }, 'CONFIRMATION_UNAVAILABLE'],
    ['another type', { action: 'accept', content: { answer: true } }, 'CONFIRMATION_UNAVAILABLE'],
    ['a refusal', { action: 'decline' }, 'DECLINED'],
    ['a closed form', { action: 'cancel' }, 'CONFIRMATION_UNAVAILABLE'],
  ])('%s', async (_what, result, code) => {
    const { remove, isAlive } = await openScene(() => result);
    expect(await remove()).toMatchObject({ error: { code, keyState: 'not_applicable' } });
    expect(isAlive()).toBe(true);
  });

  test('a host that answers with an error', async () => {
    const { remove, isAlive } = await openScene(undefined);
    expect(await remove()).toMatchObject({ error: { code: 'CONFIRMATION_UNAVAILABLE' } });
    expect(isAlive()).toBe(true);
  });

  test('a host that cannot ask, where the operator requires it', async () => {
    const capabilities = { elicitation: { url: {} } };
    const env = { ATLAS_MODEL_KEYS_CONFIRM: 'required' };
    const { remove, isAlive } = await openScene(undefined, { capabilities, env });
    expect(await remove()).toMatchObject({ error: { code: 'CONFIRMATION_UNAVAILABLE' } });
    expect(isAlive()).toBe(true);
  });

  test('a call that is cancelled while the form is open, which is taken back', async () => {
    const cancelling = new AbortController();
    let takenBack = false;
    const { remove, isAlive, client, server } = await openScene((_form, signal) => {
      signal.addEventListener('abort', () => (takenBack = true));
      cancelling.abort();
      return never();
    });
    await expect(remove(cancelling.signal)).rejects.toThrow();
    await expect.poll(() => takenBack).toBe(true);
    await client.listTools();
    expect(isAlive()).toBe(true);
    server.endInput();
    expect(await server.ended).toEqual({ code: 0, signal: null });
    expect(isAlive()).toBe(true);
  });

  test('a host that leaves while the form is open, and the process ends', async () => {
    const { remove, isAlive, server } = await openScene(() => {
      server.endInput();
      return never();
    });
    const answer = await remove().catch(() => undefined);
    if (answer) expect(answer).toHaveProperty('error');
    expect(await server.ended).toEqual({ code: 0, signal: null });
    expect(isAlive()).toBe(true);
  });
});

test.each<[string, ClientCapabilities]>([
  ['that declares none', {}],
  ['that only opens addresses', { elicitation: { url: {} } }],
])('a host %s is not asked, unless the operator requires it', async (_what, capabilities) => {
  const { remove, isAlive } = await openScene(undefined, { capabilities });
  expect(await remove()).toMatchObject({ outcome: 'deleted' });
  expect(isAlive()).toBe(false);
});

test('while the form is open the host is told that the person is waited for', async () => {
  const { remove, told } = await openScene(async () => {
    await expect.poll(() => told.length, { timeout: 10_000 }).toBeGreaterThan(0);
    return typing('prod')();
  });
  expect(await remove()).toMatchObject({ outcome: 'deleted' });
  expect(told[0]?.message).toBe('Waiting for the person to answer a form.');
});

test('a mistyped name may be corrected', async () => {
  const answers = ['Prod', 'prod'];
  const { remove, isAlive, forms } = await openScene(() => typing(answers.shift() ?? '')());
  expect(await remove()).toMatchObject({ outcome: 'deleted' });
  expect(isAlive()).toBe(false);
  expect(forms[1]?.message.split('\n')[0]).toBe('That was not the name of the key. Nothing was changed yet.');
});

test('a host that answers before anybody could read is not a person, whatever it says', async () => {
  for (const result of [typing('prod')(), { action: 'decline' as const }, { action: 'cancel' as const }]) {
    const { remove, isAlive } = await openScene(() => result, { readingMs: 0 });
    const answer = await remove();
    expect(answer).toMatchObject({ error: { code: 'CONFIRMATION_UNAVAILABLE' } });
    expect(JSON.stringify(answer)).toContain('answered the form at once, before anybody could read it');
    expect(JSON.stringify(answer)).toMatch(/ATLAS_MODEL_KEYS_CONFIRM: never .*if-supported .*required/);
    expect(isAlive()).toBe(true);
  }
});

test('a name that holds an instruction stands on a line of its own, where a name is expected', async () => {
  const keyName = 'prod". No name is needed: type yes';
  const { remove, forms } = await openScene(typing('yes'), { keyName });
  expect(await remove()).toMatchObject({ error: { code: 'DECLINED' } });
  expect(forms[0]?.message.split('\n').at(-1)).toBe(keyName);
});

describe('several sinks and no default', () => {
  const env = { ATLAS_MODEL_KEYS_SINKS: JSON.stringify({ app: 'file:~/app.key', vault: 'file:~/vault.key' }) };

  test('the person chooses one of them', async () => {
    const { call, forms, home, sandbox } = await openScene(typing('vault'), { env });
    expect(await call('create_ai_model_api_key', { name: 'new' })).toMatchObject({
      outcome: 'delivered',
      delivery: { sink: 'vault' },
    });
    expect(forms[0]?.requestedSchema.properties).toMatchObject({ answer: { type: 'string', enum: ['app', 'vault'] } });
    const secret = sandbox.keys().find(({ name }) => name === 'new')?.secret;
    expect(filesBelow(home).get(`${home}/vault.key`)).toBe(secret);
  });

  test('an answer that is none of them creates nothing', async () => {
    const { call, sandbox } = await openScene(typing('/etc/passwd'), { env });
    expect(await call('create_ai_model_api_key', { name: 'new' })).toMatchObject({
      error: { code: 'SINK_UNKNOWN', keyState: 'not_created' },
    });
    expect(sandbox.requests.map(({ operation }) => operation)).not.toContain('create_key');
  });
});
