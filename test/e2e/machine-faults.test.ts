// The machine fails under a running server: disks that are full or read-only, folders that go away. Most of it needs
// root and a system that lets us mount.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, type TestContext } from 'vitest';
import { type Host, temporaryHome } from './host.ts';
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
  type Scene,
} from './scene.ts';

const withRoot = test.skipIf(process.getuid?.() !== 0);
/** Long enough to change the machine while Atlas's reply is on its way. */
const REPLY_LATER = { operation: 'create_key', when: 'after', kind: 'delay', ms: 1_200 } as const;

describe('the state directory', () => {
  withRoot.for([
    ['is read-only', 'setReadOnly', /read-only/],
    ['has no room', 'fill', /[Nn]o space/],
  ] as const)('%s: nothing is sent, and the reason is said (needs root)', async ([, spoil, reason], context) => {
    const { scene, disk, host } = await onDiskOfState(context);
    disk[spoil]();
    const { error } = await create(host, 'file');
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', keyState: 'not_created' });
    expect(error?.message).toMatch(reason);
    expect(error?.hint).toContain('ATLAS_MODEL_KEYS_STATE_DIR');
    expect(scene.sandbox.requests.map(({ operation }) => operation)).not.toContain('create_key');
    expect(scene.held()).toEqual([]);
    expect(host.output().stderr).toContain('the audit log cannot be written');
  });

  withRoot('becomes read-only while the create is sent: the key is deleted again (needs root)', async (context) => {
    const { scene, disk, answer } = await createOnDiskOfState(context);
    disk.setReadOnly();
    expect((await answer).error).toMatchObject({ code: 'SINK_WRITE_FAILED', keyState: 'rolled_back' });
    expect(scene.sandbox.keys()).toEqual([]);
    expect(scene.held()).toEqual([]);
  });

  // The file of the create has its block on the disk, and the steps that follow fit into it.
  withRoot('runs full while the create is sent: it ends all the same (needs root)', async (context) => {
    const { scene, disk, host, answer } = await createOnDiskOfState(context);
    disk.fill();
    expect(await answer).toMatchObject({ outcome: 'delivered' });
    expect(scene.sandbox.keys().map((key) => holds(scene, key))).toEqual([true]);
    expect(await reconcileBy(host)).toEqual([]);
  });

  withRoot(
    'fails, and the deletion too: the key is named, and the next server deletes it (needs root)',
    async (context) => {
      const { scene, disk, host, answer } = await createOnDiskOfState(context);
      scene.sandbox.inject({ operation: 'delete_key', when: 'before', kind: 'status', status: 500, times: 9 });
      disk.setReadOnly();
      const { error } = await answer;
      const [key] = scene.sandbox.keys();
      expect(error).toMatchObject({ keyState: 'orphaned', apiKeyId: key?.apiKeyId });
      expect(scene.held()).toEqual([]);

      host.endInput();
      await host.ended;
      disk.setWritable();
      scene.sandbox.clearFaults();
      const next = await scene.start({ ATLAS_MODEL_KEYS_STATE_DIR: disk.path });
      const findings = await reconcileBy(next, true);
      expectTrue(scene, findings);
      expect(findings).toMatchObject([{ finding: 'deleted', apiKeyIds: [key?.apiKeyId] }]);
      expect(scene.sandbox.keys()).toEqual([]);
    },
  );

  withRoot(
    'becomes read-only during the delivery: what was delivered is said so, then and later (needs root)',
    async (context) => {
      const { scene, disk, host } = await onDiskOfState(context);
      scene.program.stallAt('verify');
      const answer = create(host, 'vault');
      await scene.program.stalled();
      disk.setReadOnly();
      scene.program.release();
      const { outcome, warnings } = await answer;
      expect({ outcome, warnings }).toEqual({
        outcome: 'delivered',
        warnings: [expect.stringContaining('The journal could not be written at the end')],
      });
      expect(scene.sandbox.keys().map((key) => holds(scene, key))).toEqual([true]);

      host.endInput();
      await host.ended;
      disk.setWritable();
      const next = await scene.start({ ATLAS_MODEL_KEYS_STATE_DIR: disk.path });
      const findings = await reconcileBy(next, true);
      expect(findings).toMatchObject([{ finding: 'delivered' }]);
      expectTrue(scene, findings);
    },
  );

  test('cannot be read: nobody is told that every create was finished', async () => {
    const scene = await openScene();
    scene.sandbox.inject({ operation: 'create_key', when: 'after', kind: 'delay', ms: 60_000 });
    const dead = await scene.start();
    create(dead, 'file').catch(() => undefined);
    await scene.arrived('create_key', true);
    dead.kill('SIGKILL');
    await dead.ended;
    // Others may write there, so that nothing in it can be relied on.
    chmodSync(join(scene.stateDir, 'intents'), 0o777);
    const host = await scene.start();
    const called = await host.call('reconcile_ai_model_api_keys', { apply: true });
    expect(called.structuredContent).not.toEqual({ outcome: 'reconciled', creates: [] });
    expect(scene.sandbox.keys()).toHaveLength(1);
    chmodSync(join(scene.stateDir, 'intents'), 0o700);
    expect(await reconcileBy(host)).toMatchObject([{ finding: 'orphan' }]);
  });
});

describe('between preflight and delivery', () => {
  test.each(['file', 'env'])('the folder of the sink %s goes away: the key is deleted again', async (sink) => {
    const scene = await openScene();
    const host = await scene.start();
    scene.sandbox.inject(REPLY_LATER);
    const answer = create(host, sink);
    await scene.arrived('create_key', true);
    rmSync(scene.folder, { recursive: true });
    expect((await answer).error).toMatchObject({ code: 'SINK_WRITE_FAILED', keyState: 'rolled_back' });
    expect(scene.sandbox.keys()).toEqual([]);
    expect(existsSync(scene.folder)).toBe(false);
    await expectNothingLeft(scene, host);
  });

  test('the program of a sink goes away: the key is deleted again', async () => {
    const scene = await openScene();
    const host = await scene.start();
    scene.sandbox.inject(REPLY_LATER);
    const answer = create(host, 'vault');
    await scene.arrived('create_key', true);
    rmSync(scene.program.path);
    expect((await answer).error).toMatchObject({ code: 'SINK_WRITE_FAILED', keyState: 'rolled_back' });
    expect(scene.sandbox.keys()).toEqual([]);
    await expectNothingLeft(scene, host);
  });

  withRoot.for([
    ['file', 'becomes read-only', 'setReadOnly'],
    ['env', 'becomes read-only', 'setReadOnly'],
    ['file', 'runs full', 'fill'],
    ['env', 'runs full', 'fill'],
  ] as const)('the disk of the sink %s %s: the key is deleted again (needs root)', async ([sink, , spoil], context) => {
    const disk = diskIn(temporaryHome(), context);
    const scene = await openScene({ place: disk.path });
    const before = 'A=1\n';
    writeFileSync(join(disk.path, '.env'), before, { mode: 0o600 });
    const host = await scene.start();
    scene.sandbox.inject(REPLY_LATER);
    const answer = create(host, sink);
    await scene.arrived('create_key', true);
    disk[spoil]();
    expect((await answer).error).toMatchObject({ code: 'SINK_WRITE_FAILED', keyState: 'rolled_back' });
    expect(scene.sandbox.keys()).toEqual([]);
    expect(readFileSync(join(disk.path, '.env'), 'utf8')).toBe(before);
    expect(readdirSync(disk.path).filter((name) => !name.startsWith('filler'))).toEqual(['.env']);
    await expectNothingLeft(scene, host);
  });

  withRoot(
    'the disk runs full and the deletion fails: the key is named, and found again (needs root)',
    async (context) => {
      const disk = diskIn(temporaryHome(), context);
      const scene = await openScene({ place: disk.path });
      const host = await scene.start();
      scene.sandbox.inject(REPLY_LATER);
      scene.sandbox.inject({ operation: 'delete_key', when: 'before', kind: 'status', status: 500, times: 9 });
      const answer = create(host, 'file');
      await scene.arrived('create_key', true);
      disk.fill();
      const [key] = scene.sandbox.keys();
      expect((await answer).error).toMatchObject({ keyState: 'orphaned', apiKeyId: key?.apiKeyId });
      expect(forgotten(scene)).toEqual([]);
      scene.sandbox.clearFaults();
      expect(await reconcileBy(host)).toMatchObject([{ finding: 'orphan', apiKeyIds: [key?.apiKeyId] }]);
      expect(await reconcileBy(host, true)).toMatchObject([{ finding: 'deleted' }]);
      expect(scene.sandbox.keys()).toEqual([]);
    },
  );
});

type Disk = ReturnType<typeof diskIn>;

/** A small file system of its own. Skips the test, visibly, where none may be mounted. */
function diskIn(parent: string, context: TestContext) {
  const path = join(parent, 'disk');
  mkdirSync(path, { mode: 0o700 });
  const mount = (...args: string[]) => execFileSync('mount', [...args, path], { stdio: 'ignore' });
  try {
    mount('-t', 'tmpfs', '-o', 'mode=0700,size=64k', 'tmpfs');
  } catch {
    context.skip('mounting is not permitted here');
  }
  onTestFinished(() => {
    execFileSync('umount', ['-l', path]);
  });
  return {
    path,
    setReadOnly: () => {
      mount('-o', 'remount,ro');
    },
    setWritable: () => {
      mount('-o', 'remount,rw');
    },
    fill: () => {
      for (let each = 0; statfsSync(path).bavail > 0; each += 1) {
        writeFileSync(join(path, `filler${each}`), Buffer.alloc(4096));
      }
    },
    empty: () => {
      for (const name of readdirSync(path)) if (name.startsWith('filler')) rmSync(join(path, name));
    },
  };
}

async function onDiskOfState(context: TestContext): Promise<{ scene: Scene; disk: Disk; host: Host }> {
  const scene = await openScene();
  const disk = diskIn(scene.home, context);
  const host = await scene.start({ ATLAS_MODEL_KEYS_STATE_DIR: disk.path });
  return { scene, disk, host };
}

/** A create whose request has arrived, and whose reply is on its way. */
async function createOnDiskOfState(context: TestContext) {
  const { scene, disk, host } = await onDiskOfState(context);
  scene.sandbox.inject(REPLY_LATER);
  const answer = create(host, 'file');
  await scene.arrived('create_key', true);
  return { scene, disk, host, answer };
}

async function create(host: Host, sink: string): Promise<Result> {
  return structuredOf(await host.call(CREATE, { groupId: GROUP, name: 'A_KEY', sink }));
}

async function expectNothingLeft(scene: Scene, host: Host): Promise<void> {
  expect(forgotten(scene)).toEqual([]);
  expect(await reconcileBy(host, true)).toEqual([]);
  expectNoLeaks(scene);
}
