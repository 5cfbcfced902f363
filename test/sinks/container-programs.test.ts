// The presets for secrets of containers against the real podman 5 and Docker, which Debian 12 does not have: .ci/podman makes a
// Debian 13 for them, whose folder CONTAINER_PROGRAMS names.

import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { describeContract, type Store } from './contract.ts';
import { done, realHome, sinkOf } from './real-programs.ts';

const root = process.env.CONTAINER_PROGRAMS;

describe.skipIf(root === undefined)(root === undefined ? 'containers (only in .ci/podman)' : 'containers', () => {
  /** Renamed until the end of the test. */
  const movable = (path: string) => {
    const away = `${path}.away`;
    const bring = () => {
      if (existsSync(away)) renameSync(away, path);
    };
    const take = () => {
      renameSync(path, away);
    };
    return { take, bring };
  };

  describeContract({
    name: 'podman-secret:',
    verification: 'read-back',
    isRetracting: true,
    timeoutMs: 120_000,
    open(): Store {
      const home = realHome();
      const secrets = join(root ?? '', 'var/lib/containers/storage/secrets');
      const values = movable(join(secrets, 'filedriver/secretsdata.json'));
      const name = randomUUID();
      const show = ['secret', 'inspect', '--showsecret', '--format', '{{.SecretData}}', name];
      return {
        sink: sinkOf('podman-secret:{entry}', home),
        reference: { groupId: '0123456789abcdef01234567', entry: name },
        held: () =>
          home.run('podman', ['secret', 'exists', name]).status === 1 ? undefined : done(home, 'podman', show),
        put: (value) => {
          // It wants a pipe, which Node does not give.
          const create = ['podman', 'secret', 'create', '--replace', name, '-'];
          done(home, '/bin/sh', ['-c', 'cat | exec "$@"', 'sh', ...create], value);
        },
        lock: values.take,
        unlock: values.bring,
        takeAway: () => {
          mkdirSync(secrets, { recursive: true });
          writeFileSync(join(secrets, 'secrets.json'), 'not JSON');
        },
        async close() {
          rmSync(secrets, { recursive: true, force: true });
          await home.close();
        },
      };
    },
  });

  describeContract({
    name: 'docker-secret:',
    verification: 'metadata',
    isRetracting: false,
    isReplacing: false,
    timeoutMs: 120_000,
    open(): Store {
      const home = realHome();
      const daemon = movable(join(root ?? '', 'run/docker.sock'));
      const name = randomUUID();
      const docker = (...args: readonly string[]) => done(home, 'docker', args);
      return {
        sink: sinkOf('docker-secret:{entry}', home),
        reference: { groupId: '0123456789abcdef01234567', entry: name },
        held() {
          if (home.run('docker', ['secret', 'inspect', name]).status === 1) return undefined;
          // Docker shows a secret to services only.
          const service = randomUUID();
          const once = ['--detach', '--restart-condition', 'none', '--network', 'host', '--secret', name];
          docker(
            'service',
            'create',
            '--quiet',
            '--name',
            service,
            ...once,
            'busybox',
            '/bin/busybox',
            'cat',
            `/run/secrets/${name}`,
          );
          let value = '';
          while (value === '') value = docker('service', 'logs', '--raw', service);
          docker('service', 'rm', service);
          return value;
        },
        put(value) {
          home.run('docker', ['secret', 'rm', name]);
          done(home, 'docker', ['secret', 'create', name, '-'], value);
        },
        lock: daemon.take,
        unlock: daemon.bring,
        takeAway: daemon.take,
        async close() {
          daemon.bring();
          await home.close();
        },
      };
    },
  });
});
