// A kubeconfig for a stand-in, and a program `kubectl` that prints it, so that no test needs the real one.

import { chmodSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { onTestFinished } from 'vitest';

/** The environment in which that kubectl is found. */
export function kubeconfigFor(server: string, user: object, cluster: object = {}): Record<string, string> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'amk-kube-')));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, ...cluster } }],
    users: [{ name: 'tester', user }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'tester' } }],
    'current-context': 'test',
  };
  const path = join(folder, 'config.json');
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
  const program = join(folder, 'kubectl');
  writeFileSync(program, `#!/bin/sh\n[ "$1 $2" = 'config view' ] && exec cat '${path}'\nexit 1\n`);
  chmodSync(program, 0o755);
  return { PATH: `${folder}${delimiter}${process.env.PATH ?? ''}`, KUBECONFIG: path };
}
