// Servers that are killed in the middle of a rotation or a delete: at every moment the sink holds the secret of a key that
// lives, and the next server says what is true.

import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type Fault } from '../atlas-simulator/faults.ts';
import {
  CREATE,
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
  type Found,
  type Scene,
  type Stage,
} from './scene.ts';

const ROTATE = 'rotate_ai_model_api_key';
const DELETE = 'delete_ai_model_api_key';

interface Crash {
  readonly title: string;
  readonly fault?: Fault;
  /** Where the program of the sink waits. */
  readonly stage?: Stage;
  /** The program refuses the secret, so that the new key is deleted again. */
  readonly failing?: true;
  /** Resolves at the moment to kill. */
  readonly reached: (scene: Scene) => Promise<unknown>;
  /** What is said without apply, and with it; undefined for nothing. */
  readonly findings: readonly [Found['finding']?, Found['finding']?];
  /** Which keys are alive in the end, and whose secret the sink holds. */
  readonly live: 'old' | 'new' | 'both';
  readonly held: 'old' | 'new';
}

const crashes: Crash[] = [
  {
    title: 'while the keys are listed',
    fault: { operation: 'list_keys', when: 'before', kind: 'stall' },
    reached: (scene) => scene.arrived('list_keys'),
    findings: [],
    live: 'old',
    held: 'old',
  },
  {
    title: 'when the create was sent and Atlas has not acted',
    fault: { operation: 'create_key', when: 'before', kind: 'stall' },
    reached: (scene) => scene.arrived('create_key'),
    findings: ['unknown', 'unknown'],
    live: 'old',
    held: 'old',
  },
  {
    title: 'when Atlas has made the new key and its reply is on the way',
    fault: { operation: 'create_key', when: 'after', kind: 'delay', ms: 60_000 },
    reached: (scene) => scene.arrived('create_key', true),
    findings: ['orphan', 'deleted'],
    live: 'old',
    held: 'old',
  },
  {
    // The program may still be running, and store the secret later.
    title: 'before the sink has read the new secret',
    stage: 'before',
    reached: ({ program }) => program.stalled(),
    findings: ['unknown', 'unknown'],
    live: 'both',
    held: 'old',
  },
  {
    title: 'when the sink has stored the new secret',
    stage: 'stored',
    reached: ({ program }) => program.stalled(),
    findings: ['delivered', 'delivered'],
    live: 'both',
    held: 'new',
  },
  {
    title: 'when the sink refused the new secret and its key is being deleted',
    failing: true,
    fault: { operation: 'delete_key', when: 'before', kind: 'stall' },
    reached: (scene) => scene.arrived('delete_key'),
    findings: ['orphan', 'deleted'],
    live: 'old',
    held: 'old',
  },
  {
    title: 'when the old key is to be deleted and Atlas has not acted',
    fault: { operation: 'delete_key', when: 'before', kind: 'stall' },
    reached: (scene) => scene.arrived('delete_key'),
    findings: ['delivered', 'delivered'],
    live: 'both',
    held: 'new',
  },
  {
    title: 'when the old key was deleted and the reply is on the way',
    fault: { operation: 'delete_key', when: 'after', kind: 'delay', ms: 60_000 },
    reached: (scene) => scene.arrived('delete_key', true),
    findings: ['delivered', 'delivered'],
    live: 'new',
    held: 'new',
  },
  {
    title: 'when the new key is to get the old name',
    fault: { operation: 'update_key', when: 'before', kind: 'stall' },
    reached: (scene) => scene.arrived('update_key'),
    findings: ['delivered', 'delivered'],
    live: 'both',
    held: 'new',
  },
];

/** A key that was delivered to that sink, by a server that has ended. */
async function deliveredKey(scene: Scene, name: string, sink: string): Promise<string> {
  const host = await scene.start();
  const created = await host.call(CREATE, { groupId: GROUP, name, sink });
  expect(created.structuredContent).toMatchObject({ outcome: 'delivered' });
  host.endInput();
  await host.ended;
  return scene.sandbox.keys().find((key) => key.name === name)?.apiKeyId ?? '';
}

test.each(crashes.map((crash) => [crash.title, crash] as const))(
  'killed %s',
  async (_title, { fault, stage, failing, reached, findings, live, held }) => {
    const scene = await openScene();
    const oldId = await deliveredKey(scene, 'app', 'vault');
    scene.sandbox.clearRequests();
    if (fault) scene.sandbox.inject(fault);
    if (stage) scene.program.stallAt(stage);
    if (failing) scene.program.failFromNow();
    const dying = await scene.start();
    dying.call(ROTATE, { groupId: GROUP, apiKeyId: oldId, confirmName: 'app', sink: 'vault' }).catch(() => undefined);
    await reached(scene);
    dying.kill('SIGKILL');
    await dying.ended;
    scene.program.kill();
    expect(forgotten(scene)).toEqual([]);
    expectNoLeaks(scene);

    const host = await scene.start();
    for (const [apply, finding] of [false, true].map((each, index) => [each, findings[index]] as const)) {
      const told = await reconcileBy(host, apply);
      expectTrue(scene, told);
      expect(told.map((each) => each.finding)).toEqual(finding === undefined ? [] : [finding]);
    }
    const keys = scene.sandbox.keys();
    const isOld = (apiKeyId: string) => apiKeyId === oldId;
    expect(keys.map(({ apiKeyId }) => (isOld(apiKeyId) ? 'old' : 'new'))).toEqual(
      live === 'both' ? ['old', 'new'] : [live],
    );
    expect(keys.filter((key) => holds(scene, key)).map(({ apiKeyId }) => (isOld(apiKeyId) ? 'old' : 'new'))).toEqual([
      held,
    ]);
    expectNoLeaks(scene);
  },
);

test('killed at any moment of a rotation, each sink in turn, 24 times', { timeout: 60_000 }, async () => {
  const scene = await openScene();
  const names = Array.from({ length: 24 }, (_unused, index) => `k${index}`);
  const sinkOf = (index: number) => SINKS[index % SINKS.length] ?? 'file';
  const setter = await scene.start();
  for (const [index, name] of names.entries()) await setter.call(CREATE, { groupId: GROUP, name, sink: sinkOf(index) });
  setter.endInput();
  await setter.ended;
  const ids = new Map(scene.sandbox.keys().map(({ name, apiKeyId }) => [name, apiKeyId]));
  scene.slowDown();
  for (const operation of ['delete_key', 'update_key'] as const)
    for (const when of ['before', 'after'] as const)
      scene.sandbox.inject({ operation, when, kind: 'delay', ms: 20, times: 1000 });
  const rotation = (index: number, name: string) => ({
    groupId: GROUP,
    apiKeyId: ids.get(name) ?? '',
    confirmName: name,
    sink: sinkOf(index),
  });
  const measured = performance.now();
  const whole = await scene.start();
  expect((await whole.call(ROTATE, rotation(0, 'k0'))).structuredContent).toMatchObject({ outcome: 'rotated' });
  const duration = performance.now() - measured;
  whole.endInput();
  const runs = names.slice(1).map((name, index) => async () => {
    const host = await scene.start();
    host.call(ROTATE, rotation(index + 1, name)).catch(() => undefined);
    await randomPause(duration);
    host.kill('SIGKILL');
    await host.ended;
  });
  await inLanes(3, runs);
  await delay(300);
  expect(forgotten(scene)).toEqual([]);
  expectNoLeaks(scene);
  const everyPlaceHoldsALivingKey = () => {
    const secrets = scene.sandbox.keys().map(({ secret }) => secret);
    const texts = scene.held().map(([, content]) => content);
    const places = texts.flatMap((text) => text.match(/al-sandbox-[A-Za-z0-9_-]+/g) ?? []);
    expect(places.filter((place) => !secrets.includes(place))).toEqual([]);
    const empty = scene.held().filter(([path, text]) => !text.includes('al-sandbox-') && !path.includes('lock'));
    expect(empty.map(([path]) => path)).toEqual([]);
    expect(places).toHaveLength(names.length);
  };
  everyPlaceHoldsALivingKey();
  const host = await scene.start();
  expectTrue(scene, await reconcileBy(host));
  const done = await reconcileBy(host, true);
  expectTrue(scene, done);
  everyPlaceHoldsALivingKey();
  const reported = new Set(done.flatMap(({ apiKeyIds }) => apiKeyIds));
  const left = scene.sandbox.keys().filter((key) => !holds(scene, key) && !reported.has(key.apiKeyId));
  expect(left.map(({ name }) => name)).toEqual([]);
  expectNoLeaks(scene);
});

test.each(['before', 'after'] as const)(
  'killed in a delete, %s Atlas has acted: nothing is left to say',
  async (when) => {
    const scene = await openScene();
    const apiKeyId = await deliveredKey(scene, 'app', 'file');
    scene.sandbox.inject({ operation: 'delete_key', when, kind: 'delay', ms: 60_000 });
    const dying = await scene.start();
    dying.call(DELETE, { groupId: GROUP, apiKeyId, confirmName: 'app' }).catch(() => undefined);
    await scene.arrived('delete_key', when === 'after');
    dying.kill('SIGKILL');
    await dying.ended;
    const host = await scene.start();
    expect(await reconcileBy(host, true)).toEqual([]);
    expect(scene.sandbox.keys()).toHaveLength(when === 'after' ? 0 : 1);
    expectNoLeaks(scene);
  },
);
