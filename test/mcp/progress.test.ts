import { setTimeout as delay } from 'node:timers/promises';
import { ElicitRequestSchema, isJSONRPCNotification, type JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { expect, test, vi } from 'vitest';
import * as z from 'zod/v4';
import { type RequestContext } from '../../src/tools/tool.ts';
import { serverWith, TOOL } from './one-tool.ts';
import { connectHost } from './recording-host.ts';

const notification = z.object({
  method: z.literal('notifications/progress'),
  params: z.object({ progressToken: z.union([z.string(), z.number()]), progress: z.number(), message: z.string() }),
});

type Told = z.output<typeof notification>['params'];

/** Calls the tool with a progress token; `told` has what came until now. */
async function callSlowly(
  act: (control: RequestContext, told: () => readonly Told[]) => Promise<unknown>,
  asks = false,
) {
  let received: readonly JSONRPCMessage[] = [];
  const told = () => received.filter(isJSONRPCNotification).map((message) => notification.parse(message).params);
  const adapter = serverWith((control) => act(control, told));
  const host = await connectHost(adapter, asks ? { elicitation: {} } : {}, (client) => {
    if (!asks) return;
    client.setRequestHandler(ElicitRequestSchema, async () => {
      await vi.waitUntil(() => told().length === 2, { timeout: 10_000 });
      return { action: 'decline' };
    });
  });
  ({ received } = host);
  await host.client.callTool({ name: TOOL }, undefined, { onprogress: () => undefined });
  return { ...host, told };
}

const count = (told: () => readonly Told[], wanted: number) =>
  vi.waitUntil(() => told().length >= wanted, { timeout: 10_000, interval: 5 });

test('a call that ends at once tells nothing, then or later', async () => {
  const { told } = await callSlowly(({ progress }) => {
    progress('one');
    progress('two');
    return Promise.resolve();
  });
  await delay(1_200);
  expect(told()).toEqual([]);
});

test('a call of less than a second tells nothing', async () => {
  const { told } = await callSlowly(async ({ progress }) => {
    progress('one');
    await delay(300);
    progress('two');
  });
  expect(told()).toEqual([]);
});

test('a call that takes longer tells its last message, repeats it, and tells a new one at once', async () => {
  const { told, received } = await callSlowly(async ({ progress }, told) => {
    progress('before');
    progress('the first to be seen');
    await count(told, 2);
    progress('then');
    progress('then');
    progress('at last');
  });
  const messages = told().map(({ message }) => message);
  expect(messages).toEqual(['the first to be seen', 'the first to be seen', 'then', 'at last']);
  expect(told().map(({ progress }) => progress)).toEqual([1, 2, 3, 4]);
  expect(new Set(told().map(({ progressToken }) => progressToken)).size).toBe(1);
  expect(received.at(-1), 'the result comes last').toHaveProperty('result');
});

test('a call that says nothing itself is told by the name of its tool', async () => {
  const { told } = await callSlowly((_control, told) => count(told, 1));
  expect(told()).toMatchObject([{ message: 'Try it', progress: 1 }]);
});

test('nothing is told after the result, whatever goes on', async () => {
  let late: RequestContext['progress'] = () => undefined;
  const { told } = await callSlowly(async ({ progress }, told) => {
    late = progress;
    progress('at work');
    await count(told, 1);
  });
  late('still there');
  await delay(2_300);
  expect(told()).toMatchObject([{ message: 'at work' }]);
});

test('while a form is open it is told that the person is waited for, and then what was told before', async () => {
  const { told } = await callSlowly(async ({ progress, ask }, told) => {
    progress('at work');
    await count(told, 1);
    await ask?.({ message: 'Go on?', title: 'Answer', description: 'Any' });
  }, true);
  expect(told().map(({ message }) => message)).toEqual([
    'at work',
    'Waiting for the person to answer a form.',
    'at work',
  ]);
});

test('a host that asked for no progress gets none', async () => {
  const adapter = serverWith(async ({ progress }) => {
    progress('at work');
    await delay(1_200);
    progress('still at work');
  });
  const { client, received } = await connectHost(adapter, {});
  await client.callTool({ name: TOOL });
  expect(received.filter(isJSONRPCNotification)).toEqual([]);
});
