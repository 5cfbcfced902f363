// The built server on machines that it shares: containers, pods, the homes of others, the umask 002. On each, a file and a
// .env, the state directory and the configuration are used, and the doctor, a dry run and a create say the same.

import { spawnSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test, type TestContext } from 'vitest';
import { startSimulator } from '../atlas-simulator/simulator.ts';
import { STRANGER, isRoot, mountedIn, run } from '../sinks/file-fixture.ts';
import { copyBundle, credentialsFor, startHost, startServer, temporaryHome, type ServerSettings } from './host.ts';
import { structuredOf } from './result.ts';

const GROUP = '69681d39c9e8cfd375386316';
const AS_STRANGER = ['setpriv', `--reuid=${STRANGER}`, `--regid=${STRANGER}`, '--clear-groups'];

interface Machine {
  /** The folder that holds what the operator has, and that of the server. */
  readonly folder: string;
  readonly by: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Sinks, state directory and configuration in a folder of this machine. */
async function serverOn({ folder, by, env: more }: Machine) {
  const { bundle } = copyBundle(temporaryHome());
  chmodSync(join(bundle, '../..'), 0o755);
  chmodSync(dirname(bundle), 0o755);
  const sandbox = await startSimulator();
  const env = {
    ...credentialsFor(sandbox),
    ATLAS_MODEL_KEYS_CONFIG: join(folder, 'config.json'),
    ATLAS_MODEL_KEYS_STATE_DIR: join(folder, 'state'),
    ATLAS_MODEL_KEYS_SINKS: JSON.stringify({
      file: `file:${folder}/keys/{entry}.key`,
      env: `dotenv:${folder}/app/.env`,
    }),
    ...more,
  };
  return { sandbox, settings: { home: '/', bundle, by, env } satisfies ServerSettings };
}

/** Each sink: by the doctor, a dry run and a create. */
async function expectDelivered(machine: Machine): Promise<void> {
  const { sandbox, settings } = await serverOn(machine);
  try {
    const doctor = startServer({ ...settings, args: ['doctor', '--json'] });
    await doctor.ended;
    expect(doctor.output().stdout).toMatch(/"sink env","status":"(?:ok|warning)"/);
    expect(doctor.output().stdout).not.toContain('"failed"');
    const host = await startHost(settings);
    for (const sink of ['file', 'env']) {
      const args = { groupId: GROUP, name: `for ${sink}`, sink };
      const planned = structuredOf(await host.call('create_ai_model_api_key', { ...args, dryRun: true }));
      expect(planned, host.output().stderr).toMatchObject({ outcome: 'planned' });
      const created = structuredOf(await host.call('create_ai_model_api_key', args));
      expect(created, host.output().stderr).toMatchObject({
        outcome: 'delivered',
        delivery: { verification: 'read-back' },
      });
      expect(created.warnings ?? []).toEqual(planned.warnings ?? []);
    }
    const secrets = sandbox.keys(GROUP).map(({ secret }) => secret);
    expect(readFileSync(join(machine.folder, 'keys/for-file.key'), 'utf8')).toBe(secrets[0]);
    expect(readFileSync(join(machine.folder, 'app/.env'), 'utf8')).toBe(`A=1\nVOYAGE_API_KEY=${secrets[1] ?? ''}\n`);
  } finally {
    await sandbox.close();
  }
}

/** What the operator has there already, with these modes; all below belongs to one user. */
function furnished(folder: string, user: number, folderMode: number, fileMode: number): void {
  mkdirSync(join(folder, 'app'), { recursive: true });
  writeFileSync(join(folder, 'config.json'), '{"readOnly":false}');
  writeFileSync(join(folder, 'app/.env'), 'A=1\n');
  for (const each of [folder, join(folder, 'app')]) chmodSync(each, folderMode);
  for (const each of ['config.json', 'app/.env']) chmodSync(join(folder, each), fileMode);
  run('chown', '-R', `${user}:${user}`, folder);
}

/** In a folder of root that all may enter. */
function folderOfRoot(): string {
  const home = temporaryHome();
  for (const each of [home, dirname(home)]) chmodSync(each, 0o755);
  return join(home, 'own');
}

describe.skipIf(!isRoot)('all sinks deliver (needs root)', () => {
  test('with the umask 002, where root’s own group stands for a private one', async () => {
    const folder = folderOfRoot();
    furnished(folder, 0, 0o775, 0o664);
    await expectDelivered({ folder, by: ['sh', '-c', 'umask 002; exec "$@"', 'sh'] });
    expect(lstatSync(join(folder, 'app/.env')).mode & 0o777).toBe(0o600);
  });

  test('in a user namespace that shows root as 65534', async ({ skip }) => {
    const by = [...AS_STRANGER, 'unshare', '--user', '--map-current-user'];
    if (spawnSync(by[0] ?? '', [...by.slice(1), 'true']).status !== 0) return skip('namespaces are not permitted here');
    const folder = folderOfRoot();
    furnished(folder, STRANGER, 0o755, 0o600);
    await expectDelivered({ folder, by });
  });

  test.for([0o777, 0o2775])(
    'in a pod, for a user without a name, in a volume of mode %o (needs to mount)',
    async (mode, { skip }) => {
      const volume = volumeIn(folderOfRoot(), skip);
      const folder = join(volume, 'own');
      furnished(folder, STRANGER, 0o755, 0o600);
      chmodSync(volume, mode);
      await expectDelivered({ folder, by: AS_STRANGER });
      // What is missing is made directly in the volume too, and the configuration is root's.
      if (mode === 0o2775) return;
      const env = { ATLAS_MODEL_KEYS_STATE_DIR: join(volume, 'state') };
      run('chown', '0:0', join(folder, 'config.json'));
      chmodSync(join(folder, 'config.json'), 0o644);
      run('rm', '-r', join(folder, 'keys'));
      writeFileSync(join(folder, 'app/.env'), 'A=1\n');
      await expectDelivered({ folder, by: AS_STRANGER, env });
    },
  );

  test('for root in a container, in the home of another user that the operator trusts', async () => {
    const folder = folderOfRoot();
    furnished(folder, STRANGER, 0o755, 0o600);
    await expectDelivered({ folder, by: [], env: { ATLAS_MODEL_KEYS_TRUST_PATHS: folder } });
    expect(lstatSync(join(folder, 'app/.env'))).toMatchObject({ uid: STRANGER });
  });
});

function volumeIn(parent: string, skip: TestContext['skip']): string {
  mkdirSync(parent);
  chmodSync(parent, 0o755);
  return mountedIn(parent, 'size=1m') ?? skip('mounting is not permitted here');
}
