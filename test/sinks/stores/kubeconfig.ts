// How a sink of Kubernetes finds a server in a test: a kubeconfig, and a program `kubectl` that prints it, so that no test needs the
// real one; a plugin of a kubeconfig; the service account of a pod.

import { chmodSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { KubernetesSpec } from '../../../src/config/store-spec.ts';
import { ok } from '../../../src/failure.ts';
import type { Sink } from '../../../src/sinks/sink.ts';
import { openKubernetes } from '../../../src/sinks/stores/kubernetes.ts';
import { storeSink } from '../../../src/sinks/stores/store-sink.ts';
import { certificateIn } from './certificates.ts';

/** A folder of its own, which goes with the test. */
export function folderOfTest(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'amk-kube-')));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** The path of a kubeconfig for this server and user. */
export function writeKubeconfig(folder: string, server: string, user: object, cluster: object = {}): string {
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
  return path;
}

const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64');

/** What a kubeconfig says of a cluster whose authority is in the folder. */
export function clusterIn(folder: string): object {
  return { 'certificate-authority-data': base64(readFileSync(join(folder, 'ca.pem'), 'utf8')) };
}

/** And of a user who is known by that certificate. */
export function certificateUser(folder: string, name: string): object {
  const { cert, key } = certificateIn(folder, name);
  return { 'client-certificate-data': base64(cert), 'client-key-data': base64(key) };
}

/** The environment in which that kubectl is found. */
export function kubeconfigFor(server: string, user: object, cluster: object = {}): Record<string, string> {
  const folder = folderOfTest();
  const path = writeKubeconfig(folder, server, user, cluster);
  const program = join(folder, 'kubectl');
  writeFileSync(program, `#!/bin/sh\n[ "$1 $2" = 'config view' ] && exec cat '${path}'\nexit 1\n`);
  chmodSync(program, 0o755);
  return { PATH: `${folder}${delimiter}${process.env.PATH ?? ''}`, KUBECONFIG: path };
}

/**
 * The user of a kubeconfig whose plugin prints one of these after the other, and then always the last one. It wants what a plugin
 * gets, and none of what it must not get.
 *
 * @param statuses of an ExecCredential
 */
export function pluginUser(statuses: readonly object[]): { readonly user: object; asked(): number } {
  const folder = folderOfTest();
  const apiVersion = 'client.authentication.k8s.io/v1beta1';
  const answers = statuses.map((status) => JSON.stringify({ kind: 'ExecCredential', apiVersion, status }));
  for (const [number, answer] of answers.entries()) writeFileSync(join(folder, String(number)), answer);
  const count = join(folder, 'asked');
  writeFileSync(count, '');
  const program = join(folder, 'plugin');
  const script = [
    '#!/bin/sh',
    '[ -n "$KUBERNETES_EXEC_INFO" ] && [ -z "$MONGODB_ATLAS_CLIENT_SECRET" ] || exit 1',
    `cd '${folder}' && number=$(wc -c <asked) && printf x >>asked`,
    `[ -e $((number)) ] || number=${answers.length - 1}`,
    'cat $((number))',
  ];
  writeFileSync(program, `${script.join('\n')}\n`);
  chmodSync(program, 0o755);
  const user = { exec: { apiVersion, command: program, args: ['get-token'], interactiveMode: 'Never' } };
  return { user, asked: () => readFileSync(count).length };
}

/** The sink in a pod: the token and the authority of its service account are in the folder. */
export function sinkInPod(namespace: string, address: string, folder: string, caFile?: string): Sink {
  const names = { namespace, name: 'model-keys', key: '{entry}' };
  const given: KubernetesSpec = { type: 'k8s', ...names, timeoutMs: 20_000, ...(caFile !== undefined && { caFile }) };
  const { hostname, port } = new URL(address);
  const environment = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
  return storeSink('pod', given, environment, () => Promise.resolve(ok(openKubernetes(given, environment, folder))));
}
