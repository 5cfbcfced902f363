// Servers that are killed in the middle of a create, and what the next one says and does about it.

import { setTimeout as delay } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { type Fault } from '../atlas-simulator/faults.ts';
import {
  CREATE,
  durationOfCreate,
  expectNoLeaks,
  expectTrue,
  forgotten,
  GROUP,
  holds,
  inLanes,
  openScene,
  randomPause,
  reconcileBy,
  SINKS,
  unfinishedIn,
  type Found,
  type Scene,
  type Stage,
} from './scene.ts';

interface Crash {
  readonly title: string;
  readonly fault?: Fault;
  /** Where the program of the sink waits. */
  readonly stage?: Stage;
  /** The program refuses the secret, so that the key is deleted again. */
  readonly failing?: true;
  /** Resolves at the moment to kill. */
  readonly reached: (scene: Scene) => Promise<unknown>;
  /** What is said without apply, with it, and once more; undefined for nothing. */
  readonly findings: readonly [Found['finding']?, Found['finding']?, Found['finding']?];
  /** How many keys are alive in the end. */
  readonly live: number;
}

const crashes: Crash[] = [
  {
    title: 'while the keys are listed',
    fault: { operation: 'list_keys', when: 'before', kind: 'stall' },
    reached: (scene) => scene.arrived('list_keys'),
    findings: [],
    live: 0,
  },
  {
    title: 'when the create was sent and Atlas has not acted',
    fault: { operation: 'create_key', when: 'before', kind: 'stall' },
    reached: (scene) => scene.arrived('create_key'),
    findings: ['unknown', 'unknown', 'unknown'],
    live: 0,
  },
  {
    title: 'when Atlas has acted and its reply is on the way',
    fault: { operation: 'create_key', when: 'after', kind: 'delay', ms: 60_000 },
    reached: (scene) => scene.arrived('create_key', true),
    findings: ['orphan', 'deleted'],
    live: 0,
  },
  {
    title: 'before the sink has read the secret',
    stage: 'before',
    reached: ({ program }) => program.stalled(),
    findings: ['unknown', 'unknown', 'unknown'],
    live: 1,
  },
  {
    title: 'when the sink has read the secret and not stored it',
    stage: 'read',
    reached: ({ program }) => program.stalled(),
    findings: ['unknown', 'unknown', 'unknown'],
    live: 1,
  },
  {
    title: 'when the sink has stored the secret',
    stage: 'stored',
    reached: ({ program }) => program.stalled(),
    findings: ['delivered', 'delivered'],
    live: 1,
  },
  {
    title: 'while the secret is read back',
    stage: 'verify',
    reached: ({ program }) => program.stalled(),
    findings: ['delivered', 'delivered'],
    live: 1,
  },
  {
    title: 'when the key is to be deleted again and Atlas has not acted',
    failing: true,
    fault: { operation: 'delete_key', when: 'before', kind: 'stall' },
    reached: (scene) => scene.arrived('delete_key'),
    findings: ['orphan', 'deleted'],
    live: 0,
  },
  {
    title: 'when the key is deleted again and the reply is on the way',
    failing: true,
    fault: { operation: 'delete_key', when: 'after', kind: 'delay', ms: 60_000 },
    reached: (scene) => scene.arrived('delete_key', true),
    findings: ['gone', 'gone'],
    live: 0,
  },
];

const titled = crashes.map((crash) => [crash.title, crash] as const);

test.each(titled)('killed %s', async (_title, { fault, stage, failing, reached, findings, live }) => {
  const scene = await openScene();
  if (fault) scene.sandbox.inject(fault);
  if (stage) scene.program.stallAt(stage);
  if (failing) scene.program.failFromNow();
  await killedInCreate(scene, reached);
  scene.program.kill();
  expect(forgotten(scene)).toEqual([]);
  expectNoLeaks(scene);

  const host = await scene.start();
  const before = scene.sandbox.keys();
  const [first, second, third] = findings;
  expect(await said(scene, host, false)).toEqual(first);
  expect(scene.sandbox.keys()).toEqual(before);
  expect(await said(scene, host, true)).toEqual(second);
  expect(await said(scene, host, true)).toEqual(third);
  expect(scene.sandbox.keys()).toHaveLength(live);
  expectNoLeaks(scene);
});

test('a key that Atlas makes only after its creator was killed is found once it is there', async () => {
  const scene = await openScene();
  scene.sandbox.inject({ operation: 'create_key', when: 'before', kind: 'delay', ms: 6000 });
  await killedInCreate(scene, () => scene.arrived('create_key'));
  const host = await scene.start();
  expect(scene.sandbox.keys()).toEqual([]);
  // With apply, so that nothing which may still change is closed.
  expect(await said(scene, host, true)).toBe('unknown');
  await scene.arrived('create_key', true);
  expect(await said(scene, host, false)).toBe('orphan');
  expect(await said(scene, host, true)).toBe('deleted');
  expect(scene.sandbox.keys()).toEqual([]);
});

test('a program that outlives the server and stores the secret later costs no key', async () => {
  const scene = await openScene();
  scene.program.stallAt('before');
  await killedInCreate(scene, async (_scene, host) => {
    await scene.program.stalled();
    // When the server answers again, it has written the secret to the program's standard input.
    await host.client.ping();
    await host.client.ping();
  });
  const host = await scene.start();
  expect(await said(scene, host, true)).toBe('unknown');
  scene.program.release();
  const [key] = scene.sandbox.keys();
  await vi.waitUntil(() => key && holds(scene, key), { timeout: 10_000 });
  expect(await said(scene, host, true)).toBe('delivered');
  expect(scene.sandbox.keys()).toHaveLength(1);
});

test('killed at any moment, each sink in turn, 30 times', { timeout: 60_000 }, async () => {
  const scene = await openScene();
  scene.slowDown();
  const duration = await durationOfCreate(scene);
  const runs = Array.from({ length: 30 }, (_unused, run) => async () => {
    const host = await scene.start();
    host
      .call(CREATE, { groupId: GROUP, name: `k${run}`, sink: SINKS[run % SINKS.length] ?? '' })
      .catch(() => undefined);
    await randomPause(duration);
    host.kill('SIGKILL');
    await host.ended;
  });
  await inLanes(3, runs);
  // What was sent or handed to a program arrives even after its sender is dead.
  await delay(300);
  expect(forgotten(scene)).toEqual([]);
  expectNoLeaks(scene);

  const host = await scene.start();
  const told = await reconcileBy(host);
  expectTrue(scene, told);
  expect(told.map(({ name }) => name).sort()).toEqual(
    unfinishedIn(scene)
      .map(({ name }) => name)
      .sort(),
  );
  const done = await reconcileBy(host, true);
  expectTrue(scene, done);
  expect(forgotten(scene)).toEqual([]);
  const reported = new Set(done.flatMap(({ apiKeyIds }) => apiKeyIds));
  const left = scene.sandbox.keys().filter((key) => !holds(scene, key) && !reported.has(key.apiKeyId));
  expect(left).toEqual([]);
  expect(new Set(scene.sandbox.keys().map(({ name }) => name)).size).toBe(scene.sandbox.keys().length);
  expectNoLeaks(scene);
});

async function killedInCreate(
  scene: Scene,
  reached: (scene: Scene, host: Awaited<ReturnType<Scene['start']>>) => Promise<unknown>,
): Promise<void> {
  const host = await scene.start();
  host.call(CREATE, { groupId: GROUP, name: 'a key', sink: 'vault' }).catch(() => undefined);
  await reached(scene, host);
  host.kill('SIGKILL');
  expect(await host.ended).toEqual({ code: null, signal: 'SIGKILL' });
}

/** The one finding that there is, after all of them were found to be true. */
async function said(scene: Scene, host: Awaited<ReturnType<Scene['start']>>, apply: boolean) {
  const findings = await reconcileBy(host, apply);
  expectTrue(scene, findings);
  expect(findings.length).toBeLessThan(2);
  return findings[0]?.finding;
}
