// Several server processes of one user at the same project, the same names and the same files, while another one
// reconciles again and again.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import { type Host } from './host.ts';
import { structuredOf, type Result } from './result.ts';
import {
  CREATE,
  expectNoLeaks,
  expectTrue,
  forgotten,
  GROUP,
  holds,
  openScene,
  reconcileBy,
  type Found,
  type Scene,
} from './scene.ts';

interface Answer extends Result {
  readonly name: string;
}

describe.each([2, 8])('%i servers', (count) => {
  test.each(['file', 'vault'])('at the same names, sink %s: each is created by exactly one', async (sink) => {
    const scene = await openScene();
    const names = Array.from({ length: 6 }, (_unused, index) => `shared-${index}`);
    const answers = await together(scene, count, (host) =>
      names.map(async (name) => ({ name, ...structuredOf(await host.call(CREATE, { groupId: GROUP, name, sink })) })),
    );
    for (const name of names) {
      const [won, ...others] = answers
        .filter((answer) => answer.name === name)
        .sort((a, b) => a.outcome.localeCompare(b.outcome));
      const [key, ...more] = scene.sandbox.keys().filter((each) => each.name === name);
      expect(won).toMatchObject({ outcome: 'delivered', key: { apiKeyId: key?.apiKeyId } });
      expect(more).toEqual([]);
      expect(key && holds(scene, key)).toBe(true);
      expect(others).toHaveLength(count - 1);
      for (const { error } of others) {
        expect(error?.keyState).toBe('not_created');
        expect(['NAME_IN_USE', 'SINK_ENTRY_EXISTS']).toContain(error?.code);
      }
    }
    expect(createsOf(scene)).toBe(names.length);
    expectNoLeaks(scene);
  });

  test('at different variables of one .env file: all are in it, and all else is kept', async () => {
    const scene = await openScene();
    const path = join(scene.folder, '.env');
    const before = '# kept\nFIRST=1\n\nexport SECOND="two words"\nLAST=3';
    writeFileSync(path, before, { mode: 0o600 });
    const perServer = count === 2 ? 6 : 3;
    const answers = await together(scene, count, (host, server) =>
      Array.from({ length: perServer }, async (_unused, index) => {
        const name = `KEY_${server}_${index}`;
        return { name, ...structuredOf(await host.call(CREATE, { groupId: GROUP, name, sink: 'env' })) };
      }),
    );
    expect(answers.filter(({ outcome }) => outcome !== 'delivered').map(({ error }) => error)).toEqual([]);
    expectVariables(scene, answers, readFileSync(path, 'utf8'), before);
    expect(answers).toHaveLength(count * perServer);
    expectNoLeaks(scene);
  });
});

test('a create under way is not taken for the orphan of a dead one of its name', async () => {
  const scene = await openScene();
  scene.sandbox.inject({ operation: 'create_key', when: 'before', kind: 'stall' });
  const dead = await scene.start();
  dead.call(CREATE, { groupId: GROUP, name: 'a key', sink: 'file' }).catch(() => undefined);
  await scene.arrived('create_key');
  dead.kill('SIGKILL');
  await dead.ended;

  scene.sandbox.inject({ operation: 'create_key', when: 'after', kind: 'delay', ms: 2000 });
  const [busy, other] = await Promise.all([scene.start(), scene.start()]);
  const called = busy.call(CREATE, { groupId: GROUP, name: 'a key', sink: 'file' });
  await scene.arrived('create_key', true);
  const findings = await reconcileBy(other, true);
  const { outcome, key } = structuredOf(await called);
  expect(findings.map(({ finding }) => finding)).not.toContain('deleted');
  expect(findings.map(({ finding }) => finding)).toContain('under_way');

  expect(outcome).toBe('delivered');
  const [live] = scene.sandbox.keys();
  expect(live?.apiKeyId).toBe(key?.apiKeyId);
  expect(live && holds(scene, live)).toBe(true);
});

test.each(['before', 'read', 'stored', 'verify'] as const)(
  'a delivery under way (%s) is not disturbed, and ends',
  async (stage) => {
    const scene = await openScene();
    scene.program.stallAt(stage);
    const [busy, other] = await Promise.all([scene.start(), scene.start()]);
    const called = busy.call(CREATE, { groupId: GROUP, name: 'a key', sink: 'vault' });
    await scene.program.stalled();
    expect((await reconcileBy(other, true)).map(({ finding }) => finding)).toEqual(['under_way']);
    scene.program.release();
    expect(structuredOf(await called).outcome).toBe('delivered');
    expect(await reconcileBy(other, true)).toEqual([]);
    expect(scene.sandbox.keys().map((key) => holds(scene, key))).toEqual([true]);
  },
);

/** All servers at once, and one more that reconciles with apply as often as it can. */
async function together(
  scene: Scene,
  count: number,
  calls: (host: Host, server: number) => Promise<Answer>[],
): Promise<Answer[]> {
  const hosts = await Promise.all(Array.from({ length: count + 1 }, () => scene.start()));
  const [reconciler, ...servers] = hosts;
  if (!reconciler) throw new Error('There is always one more.');
  const ending = new AbortController();
  const reconciling = reconcileUntil(reconciler, ending.signal);
  const answers = (await Promise.all(servers.flatMap(calls))).flat();
  ending.abort();
  const { findings, looks } = await reconciling;
  expect(looks).toBeGreaterThan(1);
  expect(findings.filter(({ finding }) => finding === 'deleted' || finding === 'orphan')).toEqual([]);
  const last = await reconcileBy(reconciler);
  expectTrue(scene, last);
  expect(last).toEqual([]);
  const reported = answers.filter(({ outcome }) => outcome === 'failed').map(({ error }) => error?.apiKeyId);
  expect(forgotten(scene, reported)).toEqual([]);
  return answers;
}

async function reconcileUntil(host: Host, ending: AbortSignal): Promise<{ findings: Found[]; looks: number }> {
  const findings: Found[] = [];
  let looks = 0;
  await vi.waitUntil(
    async () => {
      findings.push(...(await reconcileBy(host, true)));
      looks += 1;
      return ending.aborted && looks > 1;
    },
    { timeout: 25_000, interval: 1 },
  );
  return { findings, looks };
}

/** A key that was said to be delivered lives and has its secret there; the lines of before are there as they were. */
function expectVariables(scene: Scene, answers: readonly Answer[], text: string, before: string): void {
  expect(text.startsWith(`${before}\n`)).toBe(true);
  const alive = new Map(scene.sandbox.keys().map(({ apiKeyId, secret }) => [apiKeyId, secret]));
  const delivered = answers.filter(({ outcome }) => outcome === 'delivered');
  const wanted = delivered.map(({ name, key }) => [name, alive.get(key?.apiKeyId ?? '')]);
  expect(parseEnv(text)).toEqual({ ...parseEnv(before), ...Object.fromEntries(wanted) });
}

function createsOf({ sandbox }: Scene): number {
  return sandbox.requests.filter(({ operation }) => operation === 'create_key').length;
}
