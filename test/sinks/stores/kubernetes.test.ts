// What is Kubernetes' own: other keys of a Secret, Secrets that are not ours, plugins, the kubeconfig as the real kubectl prints it.

import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Secret } from '../../../src/secret/secret.ts';
import type { Sink } from '../../../src/sinks/sink.ts';
import { kubeconfigFor } from './kubeconfig.ts';
import { kubernetesStandIn } from './kubernetes-stand-in.ts';
import { sinkOf, TOKEN } from './store-kinds.ts';

const NEW = 'al-k8s-canary-of-the-new-key-0123456789-nEw1';
const reference = { groupId: '0123456789abcdef01234567', entry: 'app' };
const URI = 'k8s:apps/model-keys#{entry}';

async function cluster() {
  const server = await kubernetesStandIn(TOKEN);
  onTestFinished(() => server.close());
  return server;
}

async function prepared(sink: Sink) {
  const preflight = await sink.preflight(reference, 'prove');
  return preflight.ok ? preflight.value.write : expect.fail(preflight.failure.message);
}

describe('a Secret', () => {
  test('that holds other keys keeps them, and is not deleted', async () => {
    const server = await cluster();
    server.put('apps/model-keys', { other: 'stays' });
    const write = await prepared(sinkOf(URI, {}, kubeconfigFor(server.address, { token: TOKEN })));
    await write.deliver(new Secret(NEW));
    expect([server.held('apps/model-keys', 'app'), server.held('apps/model-keys', 'other')]).toEqual([NEW, 'stays']);
    expect(await write.retract()).toBe('out');
    expect(Object.keys(server.secrets.get('apps/model-keys')?.data ?? {})).toEqual(['other']);
  });

  test('that was empty before stays, and one that was made goes', async () => {
    for (const [before, left] of [
      [true, true],
      [false, false],
    ]) {
      const server = await cluster();
      if (before === true) server.put('apps/model-keys', {});
      const write = await prepared(sinkOf(URI, {}, kubeconfigFor(server.address, { token: TOKEN })));
      await write.deliver(new Secret(NEW));
      expect(await write.retract()).toBe('out');
      expect(server.secrets.has('apps/model-keys')).toBe(left);
    }
  });

  test('that is immutable is found before anything is written', async () => {
    const server = await cluster();
    server.put('apps/model-keys', { other: 'stays' });
    Object.assign(server.secrets.get('apps/model-keys') ?? {}, { isImmutable: true });
    const sink = sinkOf(URI, {}, kubeconfigFor(server.address, { token: TOKEN }));
    expect(await sink.preflight(reference, 'prove')).toMatchObject({ ok: false, failure: { code: 'SINK_NOT_READY' } });
  });

  test('whose field beside another changes meanwhile is not written', async () => {
    const server = await cluster();
    server.put('apps/model-keys', { other: 'before' });
    const write = await prepared(sinkOf(URI, {}, kubeconfigFor(server.address, { token: TOKEN })));
    server.meanwhile = () => {
      server.put('apps/model-keys', { other: 'after' });
    };
    expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'failed' });
    expect([server.held('apps/model-keys', 'app'), server.held('apps/model-keys', 'other')]).toEqual([
      undefined,
      'after',
    ]);
  });
});

describe('who asks', () => {
  test('a plugin gives a token, and another one once it is refused', async () => {
    const server = await cluster();
    const folder = mkdtempSync(join(tmpdir(), 'amk-exec-'));
    onTestFinished(() => {
      rmSync(folder, { recursive: true });
    });
    const plugin = join(folder, 'plugin');
    const answer = (token: string) => JSON.stringify({ kind: 'ExecCredential', status: { token } });
    const script = `#!/bin/sh\n[ -n "$KUBERNETES_EXEC_INFO" ] && [ -z "$MONGODB_ATLAS_CLIENT_SECRET" ] || exit 1\nif mkdir '${folder}/asked' 2>/dev/null; then echo '${answer('canary-ended-token-0123456789')}'; else echo '${answer(TOKEN)}'; fi\n`;
    writeFileSync(plugin, script);
    chmodSync(plugin, 0o755);
    const user = { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: plugin, args: ['get-token'] } };
    const environment = { ...kubeconfigFor(server.address, user), MONGODB_ATLAS_CLIENT_SECRET: 'never' };
    expect(await sinkOf(URI, {}, environment).lookUp(reference)).toEqual({ held: 'nothing' });
    expect(server.calls).toHaveLength(2);
  });

  test.each([
    ['turns certificate checks off', { 'insecure-skip-tls-verify': true }],
    ['has a proxy of its own', { 'proxy-url': 'http://127.0.0.1:1' }],
  ])('a kubeconfig that %s is not used', async (_what, more) => {
    const server = await cluster();
    const sink = sinkOf(URI, {}, kubeconfigFor(server.address, { token: TOKEN }, more));
    expect(await sink.preflight(reference, 'prove')).toMatchObject({ ok: false });
    expect(server.calls).toHaveLength(0);
  });

  const hasKubectl = spawnSync('kubectl', ['version', '--client'], { stdio: 'ignore' }).status === 0;
  test.skipIf(!hasKubectl)('the real kubectl reads the kubeconfig, and what it writes is read', async () => {
    const server = await cluster();
    const { KUBECONFIG = '', PATH = '' } = kubeconfigFor(server.address, { token: TOKEN });
    const environment = { KUBECONFIG, PATH: PATH.slice(PATH.indexOf(delimiter) + 1) };
    const sink = sinkOf(URI, { timeoutMs: 30_000 }, environment);
    const write = await prepared(sink);
    await write.deliver(new Secret(NEW));
    expect(await write.verify(new Secret(NEW))).toEqual({ outcome: 'verified', verification: 'read-back' });
    // It sends no token over plain HTTP.
    server.tokens.set('undefined', ['get']);
    const args = ['-n', 'apps', 'get', '--raw', '/api/v1/namespaces/apps/secrets/model-keys'];
    const { stdout } = await promisify(execFile)('kubectl', args, { env: { ...process.env, ...environment } });
    expect(stdout).toContain(Buffer.from(NEW, 'utf8').toString('base64'));
  });
});
