// Calls that the host cancels, and hosts that leave, at any moment of a create. A cancelled call gets no answer, so
// what is true is looked up at Atlas, in the sinks and in the journal.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { expect, test, vi } from 'vitest';
import { type Host } from './host.ts';
import {
  CREATE,
  durationOfCreate,
  expectNoLeaks,
  forgotten,
  GROUP,
  holds,
  inLanes,
  openScene,
  randomPause,
  reconcileBy,
  SINKS,
  unfinishedIn,
  type Scene,
} from './scene.ts';

const CANCELLED = 200;
const SERVERS = 4;

test(`cancelled at any moment, each sink in turn, ${CANCELLED} times`, { timeout: 60_000 }, async () => {
  const scene = await openScene();
  scene.slowDown();
  const duration = await durationOfCreate(scene);
  const hosts = await Promise.all(Array.from({ length: SERVERS }, () => scene.start()));
  const runs = Array.from({ length: CANCELLED }, (_unused, run) => async () => {
    const host = hosts[run % SERVERS];
    if (!host) return;
    const call = cancellable(host, `k${run}`, SINKS[run % SINKS.length] ?? '');
    await randomPause(duration);
    call.cancel();
    await call.settled;
  });
  await inLanes(SERVERS * 2, runs);
  // Every call is in the audit log at its end, answered or not.
  await vi.waitUntil(() => outcomesIn(scene).length === CANCELLED + 1, { timeout: 15_000 });
  const outcomes = new Set(outcomesIn(scene));
  expect([...outcomes].filter((outcome) => outcome !== 'delivered' && outcome !== 'CANCELLED')).toEqual([]);
  expect(outcomes.size, 'moments both before and after the create were hit').toBe(2);
  expectAllDelivered(scene);
  expect(outcomesIn(scene).filter((outcome) => outcome === 'delivered')).toHaveLength(scene.sandbox.keys().length);
  expect(requestsOf(scene, 'create_key'), 'a create that was sent is not given up').toBe(scene.sandbox.keys().length);
  const [host] = hosts;
  expect(host && (await reconcileBy(host))).toEqual([]);
  // Node's own complaints, as of listeners that are never removed.
  for (const { output } of hosts) expect(output().stderr).not.toContain('Warning');
});

test('nothing is created for calls that are cancelled while the keys are listed', async () => {
  const scene = await openScene();
  const host = await scene.start();
  scene.sandbox.inject({ operation: 'list_keys', when: 'before', kind: 'delay', ms: 700, times: 9 });
  const calls = Array.from({ length: 9 }, (_unused, run) => cancellable(host, `k${run}`, SINKS[run % 3] ?? ''));
  await vi.waitUntil(() => requestsOf(scene, 'list_keys') === 9, { timeout: 10_000, interval: 5 });
  for (const { cancel } of calls) cancel();
  await vi.waitUntil(() => outcomesIn(scene).length === 9, { timeout: 10_000 });
  expect(new Set(outcomesIn(scene))).toEqual(new Set(['CANCELLED']));
  // The lists are answered after the cancellation: a call that went on would be seen now.
  await delay(900);
  expect(requestsOf(scene, 'create_key')).toBe(0);
  expect(scene.held()).toEqual([]);
});

test('nothing is created for a call that is cancelled while its sink is looked at', async () => {
  const scene = await openScene();
  scene.program.stallAt('preflight');
  const host = await scene.start();
  const { cancel } = cancellable(host, 'a key', 'vault');
  await scene.program.stalled();
  await vi.waitUntil(() =>
    scene.sandbox.requests.some(({ operation, status }) => operation === 'list_keys' && status === 200),
  );
  cancel();
  // In order behind the cancellation, so that it was processed.
  await host.client.listTools();
  scene.program.release();
  await vi.waitUntil(() => outcomesIn(scene).length === 1, { timeout: 10_000 });
  expect(outcomesIn(scene)).toEqual(['CANCELLED']);
  expect(requestsOf(scene, 'create_key')).toBe(0);
  expect(unfinishedIn(scene)).toEqual([]);
});

test('a create that is cancelled while it waits for the rate limit is not sent again', async () => {
  const scene = await openScene();
  const host = await scene.start();
  scene.sandbox.inject({
    operation: 'create_key',
    when: 'before',
    kind: 'status',
    status: 429,
    errorCode: 'RATE_LIMITED',
    headers: { 'retry-after': '2' },
  });
  const { cancel } = cancellable(host, 'a key', 'file');
  await vi.waitUntil(() => scene.sandbox.requests.some(({ status }) => status === 429), { timeout: 10_000 });
  cancel();
  await vi.waitUntil(() => outcomesIn(scene).length === 1, { timeout: 10_000 });
  expect(requestsOf(scene, 'create_key')).toBe(1);
  expect(unfinishedIn(scene)).toEqual([]);
});

test.each(['before', 'read', 'stored', 'verify'] as const)(
  'a call that is cancelled during its delivery (%s) comes to its true end',
  async (stage) => {
    const scene = await openScene();
    scene.program.stallAt(stage);
    const host = await scene.start();
    const { cancel } = cancellable(host, 'a key', 'vault');
    await scene.program.stalled();
    cancel();
    // In order behind the cancellation, so that it was processed.
    await host.client.listTools();
    scene.program.release();
    await vi.waitUntil(() => outcomesIn(scene).length === 1, { timeout: 10_000 });
    expect(outcomesIn(scene)).toEqual(['delivered']);
    expectAllDelivered(scene);
  },
);

test('a create without any reply, cancelled, is given up in time and reported', async () => {
  const scene = await openScene();
  scene.sandbox.inject({ operation: 'create_key', when: 'after', kind: 'stall' });
  const host = await scene.start();
  const { cancel } = cancellable(host, 'a key', 'file');
  await scene.arrived('create_key', true);
  cancel();
  await vi.waitUntil(() => outcomesIn(scene).length === 1, { timeout: 15_000 });
  expect(scene.sandbox.keys()).toEqual([]);
  expect(unfinishedIn(scene)).toEqual([]);
});

test('a key that cannot be taken back after a cancellation is named on stderr and in the answer to whoever asks', async () => {
  const scene = await openScene();
  scene.program.failFromNow();
  scene.sandbox.inject({ operation: 'create_key', when: 'after', kind: 'delay', ms: 500 });
  scene.sandbox.inject({ operation: 'delete_key', when: 'before', kind: 'status', status: 500, times: 9 });
  const host = await scene.start();
  const { cancel } = cancellable(host, 'a key', 'vault');
  await scene.arrived('create_key', true);
  cancel();
  await vi.waitUntil(() => outcomesIn(scene).length === 1, { timeout: 15_000 });
  const [key] = scene.sandbox.keys();
  expect(host.output().stderr).toContain(key?.apiKeyId);
  const [found] = await reconcileBy(host);
  expect(found).toMatchObject({ finding: 'orphan', apiKeyIds: [key?.apiKeyId] });
});

test('the host leaves at any moment: stdin ends, SIGTERM, SIGINT, 30 times', { timeout: 60_000 }, async () => {
  const scene = await openScene();
  scene.slowDown();
  const duration = await durationOfCreate(scene);
  const leave = [
    (host: Host) => {
      host.endInput();
    },
    (host: Host) => {
      host.kill('SIGTERM');
    },
    (host: Host) => {
      host.kill('SIGINT');
    },
  ];
  const runs = Array.from({ length: 30 }, (_unused, run) => async () => {
    const host = await scene.start();
    // Not in step with the three ways to leave, so that each meets each sink.
    const sink = SINKS[Math.floor(run / 3) % SINKS.length] ?? '';
    const answer = host.call(CREATE, { groupId: GROUP, name: `k${run}`, sink }).catch(() => undefined);
    await randomPause(duration);
    leave[run % leave.length]?.(host);
    const ended = await Promise.race([host.ended, delay(15_000, 'not ended')]);
    expect(ended).toEqual({ code: 0, signal: null });
    const told = (await answer)?.structuredContent;
    const live = scene.sandbox.keys().some(({ name }) => name === `k${run}`);
    if (told) expect(told).toMatchObject(live ? { outcome: 'delivered' } : { error: { keyState: 'not_created' } });
  });
  await inLanes(3, runs);
  expectAllDelivered(scene);
});

/** A call as a host makes it, which sends notifications/cancelled when it is cancelled. */
function cancellable(host: Host, name: string, sink: string) {
  const controller = new AbortController();
  const params = { name: CREATE, arguments: { groupId: GROUP, name, sink } };
  const call = host.client.request({ method: 'tools/call', params }, CallToolResultSchema, {
    signal: controller.signal,
  });
  return {
    cancel: () => {
      controller.abort();
    },
    settled: call.then(
      () => undefined,
      () => undefined,
    ),
  };
}

/** With sinks that take every secret, nothing else may be left: no key without its secret, no open intent. */
function expectAllDelivered(scene: Scene): void {
  const { sandbox } = scene;
  expect(forgotten(scene)).toEqual([]);
  expect(
    sandbox
      .keys()
      .filter((key) => !holds(scene, key))
      .map(({ name }) => name),
  ).toEqual([]);
  expect(unfinishedIn(scene)).toEqual([]);
  expectNoLeaks(scene);
}

function requestsOf({ sandbox }: Scene, operation: string): number {
  return sandbox.requests.filter((request) => request.operation === operation).length;
}

/** How the calls of create ended, by the audit log. */
function outcomesIn({ stateDir }: Scene): string[] {
  let text = '';
  try {
    text = readFileSync(join(stateDir, 'audit.jsonl'), 'utf8');
  } catch {
    // Not there before the first call has ended.
  }
  return [...text.matchAll(/"tool":"create_ai_model_api_key".*?"outcome":"(\w+)"/g)].map(
    ([, outcome]) => outcome ?? '',
  );
}
