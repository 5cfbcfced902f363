// What is Kubernetes' own: other keys of a Secret, Secrets that are not ours, who asks and how, and kubectl as judge of the stand-in.

import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { fingerprintOf } from '../../../src/secret/opened-secret.ts';
import { Secret } from '../../../src/secret/secret.ts';
import type { Replaced, Sink } from '../../../src/sinks/sink.ts';
import { missingOf } from '../real-programs.ts';
import { certificateIn, makeCertificates, withoutOpenssl } from './certificates.ts';
import {
  certificateUser,
  clusterIn,
  folderOfTest,
  kubeconfigFor,
  pluginUser,
  sinkInPod,
  writeKubeconfig,
} from './kubeconfig.ts';
import { kubernetesStandIn, NO_NAMESPACE, securely, type KubernetesStandIn } from './kubernetes-stand-in.ts';
import { sinkOf, TOKEN } from './store-kinds.ts';

const NEW = 'al-k8s-canary-of-the-new-key-0123456789-nEw1';
const OLD = 'al-k8s-canary-of-the-old-key-0123456789-odu2';
const REPLACED: Replaced = { maskedSecret: 'al-****odu2', isLastHere: true };
const reference = { groupId: '0123456789abcdef01234567', entry: 'app' };
/** Programs are run, on a machine that may be busy. */
const PATIENT = { timeoutMs: 20_000 };
const URI = 'k8s:apps/model-keys#{entry}';

async function cluster() {
  const server = await kubernetesStandIn(TOKEN);
  onTestFinished(() => server.close());
  return server;
}

const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64');

async function prepared(sink: Sink, replaced?: Replaced, at = reference) {
  const preflight = await sink.preflight(at, 'prove', replaced);
  return preflight.ok ? preflight.value.write : expect.fail(preflight.failure.message);
}

function saying(text: string): unknown {
  return expect.stringContaining(text);
}

describe('a Secret', () => {
  test('that holds other keys keeps them, and is not deleted', async () => {
    const server = await cluster();
    server.put('apps/model-keys', { other: 'stays' });
    const write = await prepared(sinkOf(URI, PATIENT, kubeconfigFor(server.address, { token: TOKEN })));
    await write.deliver(new Secret(NEW));
    expect([server.held('apps/model-keys', 'app'), server.held('apps/model-keys', 'other')]).toEqual([NEW, 'stays']);
    expect(await write.retract()).toBe('out');
    expect(Object.keys(server.secrets.get('apps/model-keys')?.data ?? {})).toEqual(['other']);
  });

  test('that meets a conflict although nobody wrote is refused beforehand; where somebody did, it is written', async () => {
    const conflict = { status: 409, body: { kind: 'Status', reason: 'Conflict' } };
    for (const old of [undefined, { other: 'stays' }]) {
      const server = await cluster();
      if (old) server.put('apps/model-keys', old);
      const sink = sinkOf(URI, PATIENT, kubeconfigFor(server.address, { token: TOKEN }));
      server.fault = ({ query }) => (query.has('dryRun') ? conflict : undefined);
      expect(await sink.preflight(reference, 'prove')).toMatchObject({
        failure: { code: 'SINK_NOT_READY', message: saying('409') },
      });
      server.fault = ({ query }) => {
        if (!query.has('dryRun')) return undefined;
        server.put('apps/model-keys', { other: 'changed' });
        return conflict;
      };
      expect(await sink.preflight(reference, 'prove')).toMatchObject({ ok: true });
    }
  });

  test('that was empty before stays, and one that was made goes', async () => {
    for (const [before, left] of [
      [true, true],
      [false, false],
    ]) {
      const server = await cluster();
      if (before === true) server.put('apps/model-keys', {});
      const write = await prepared(sinkOf(URI, PATIENT, kubeconfigFor(server.address, { token: TOKEN })));
      await write.deliver(new Secret(NEW));
      expect(await write.retract()).toBe('out');
      expect(server.secrets.has('apps/model-keys')).toBe(left);
    }
  });

  test.each([
    ['is immutable', { isImmutable: true }],
    ['is being deleted', { isBeingDeleted: true }],
  ])('that %s is found before anything is written', async (_what, more) => {
    const server = await cluster();
    server.put('apps/model-keys', { other: 'stays' }, more);
    const sink = sinkOf(URI, PATIENT, kubeconfigFor(server.address, { token: TOKEN }));
    expect(await sink.preflight(reference, 'prove')).toMatchObject({ ok: false, failure: { code: 'SINK_NOT_READY' } });
  });

  test('in a namespace that is not there, and of a key that Kubernetes does not take, is not ready', async () => {
    const { address } = await cluster();
    for (const [uri, hint] of [
      [`k8s:${NO_NAMESPACE}/model-keys#key`, 'namespace'],
      ['k8s:apps/model-keys#..key', 'key'],
    ] as const) {
      const sink = sinkOf(uri, PATIENT, kubeconfigFor(address, { token: TOKEN }));
      const preflight = await sink.preflight({ groupId: reference.groupId }, 'prove');
      expect(preflight).toMatchObject({ ok: false, failure: { code: 'SINK_NOT_READY', hint: saying(hint) } });
    }
  });

  test('whose field beside another changes meanwhile keeps that, and gets the secret', async () => {
    const server = await cluster();
    server.put('apps/model-keys', { other: 'before' });
    const write = await prepared(sinkOf(URI, PATIENT, kubeconfigFor(server.address, { token: TOKEN })));
    const changeOnce = (other: string) => {
      server.meanwhile = () => {
        server.meanwhile = () => undefined;
        server.put('apps/model-keys', { other });
      };
    };
    changeOnce('after');
    expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'written' });
    expect([server.held('apps/model-keys', 'app'), server.held('apps/model-keys', 'other')]).toEqual([NEW, 'after']);
    changeOnce('later');
    expect(await write.retract()).toBe('out');
    expect(server.secrets.get('apps/model-keys')?.data).toEqual({ other: base64('later') });
  });

  test('whose field gets something else meanwhile keeps that', async () => {
    for (const before of [{}, { other: 'stays' }, { app: OLD }]) {
      const server = await cluster();
      server.put('apps/model-keys', before);
      if (Object.keys(before).length === 0) server.secrets.clear();
      const sink = sinkOf(URI, PATIENT, kubeconfigFor(server.address, { token: TOKEN }));
      const write = await prepared(sink, 'app' in before ? REPLACED : undefined);
      server.meanwhile = () => {
        server.meanwhile = () => undefined;
        server.put('apps/model-keys', { app: 'of somebody else' });
      };
      expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'failed' });
      expect(server.held('apps/model-keys', 'app')).toBe('of somebody else');
    }
  });

  test.each([[{ app: 7 }], ['text'], [[NEW]]])('that has %j for its data is not taken for empty', async (data) => {
    const server = await cluster();
    const metadata = { name: 'model-keys', namespace: 'apps', uid: 'uid-1', resourceVersion: '1' };
    server.fault = ({ method }) =>
      method === 'GET' ? { status: 200, body: { kind: 'Secret', metadata, data } } : undefined;
    const sink = sinkOf(URI, PATIENT, kubeconfigFor(server.address, { token: TOKEN }));
    expect(await sink.preflight(reference, 'prove')).toMatchObject({ ok: false, failure: { code: 'SINK_NOT_READY' } });
    expect(await sink.lookUp(reference)).toEqual({ held: 'unknown' });
  });

  test('gets no secret into the field of the endpoint', async () => {
    const server = await cluster();
    const more = { ...PATIENT, endpointField: 'endpoint' };
    const sink = sinkOf(URI, more, kubeconfigFor(server.address, { token: TOKEN }));
    const preflight = await sink.preflight({ ...reference, entry: 'endpoint' }, 'prove');
    expect(preflight).toMatchObject({ ok: false, failure: { code: 'SINK_NOT_READY' } });
  });

  test('loses to a reconcile the secret of that fingerprint, and nothing else', async () => {
    const server = await cluster();
    server.put('apps/model-keys', { app: NEW, other: 'stays' });
    const sink = sinkOf(URI, PATIENT, kubeconfigFor(server.address, { token: TOKEN }));
    await sink.withdraw?.(reference, fingerprintOf(new Secret(OLD)));
    expect(server.held('apps/model-keys', 'app')).toBe(NEW);
    await sink.withdraw?.(reference, fingerprintOf(new Secret(NEW)));
    expect(server.secrets.get('apps/model-keys')?.data).toEqual({ other: base64('stays') });
  });

  test('that never stays as it was seen is not written, after some tries', async () => {
    const server = await cluster();
    server.put('apps/model-keys', { other: 'before' });
    const write = await prepared(sinkOf(URI, PATIENT, kubeconfigFor(server.address, { token: TOKEN })));
    server.meanwhile = () => {
      server.put('apps/model-keys', { other: 'after' });
    };
    expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'failed' });
    expect(server.held('apps/model-keys', 'app')).toBeUndefined();
    expect(server.calls.length).toBeLessThan(100);
  });

  test('that somebody deletes meanwhile is made anew, but gets no secret in place of one that is gone', async () => {
    for (const [before, outcome] of [
      [{ other: 'goes' }, 'written'],
      [{ app: OLD }, 'failed'],
    ] as const) {
      const server = await cluster();
      server.put('apps/model-keys', before);
      const sink = sinkOf(URI, PATIENT, kubeconfigFor(server.address, { token: TOKEN }));
      const write = await prepared(sink, 'app' in before ? REPLACED : undefined);
      server.meanwhile = () => {
        server.meanwhile = () => undefined;
        server.secrets.delete('apps/model-keys');
      };
      expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome });
      expect(server.held('apps/model-keys', 'app')).toBe(outcome === 'written' ? NEW : undefined);
    }
  });

  test('takes twenty entries at once, and loses none', async () => {
    const server = await cluster();
    const sink = sinkOf(URI, PATIENT, kubeconfigFor(server.address, { token: TOKEN }));
    const entries = Array.from({ length: 20 }, (_each, number) => `entry-${number}`);
    const writes = await Promise.all(entries.map((entry) => prepared(sink, undefined, { ...reference, entry })));
    const ends = await Promise.all(writes.map((write, number) => write.deliver(new Secret(`${NEW}-${number}`))));
    expect(new Set(ends.map(({ outcome }) => outcome))).toEqual(new Set(['written']));
    const held = entries.map((entry) => server.held('apps/model-keys', entry));
    expect(held).toEqual(entries.map((_entry, number) => `${NEW}-${number}`));
  });
});

describe('who asks', () => {
  test('a plugin gives a token, and another one once it is refused, and no third', async () => {
    const environment = { MONGODB_ATLAS_CLIENT_SECRET: 'never' };
    const [ended, good] = [{ token: 'canary-ended-token-0123456789' }, { token: TOKEN }];
    const alsoEnded = { token: 'canary-another-ended-token-0123456789' };
    for (const [statuses, held, calls] of [
      [[ended, good], { held: 'nothing' }, 2],
      [[ended, alsoEnded, good], { held: 'unknown' }, 2],
      [[ended, ended], { held: 'unknown' }, 1],
    ] as const) {
      const server = await cluster();
      const plugin = pluginUser(statuses);
      const sink = sinkOf(URI, PATIENT, { ...kubeconfigFor(server.address, plugin.user), ...environment });
      expect(await sink.lookUp(reference)).toEqual(held);
      expect([plugin.asked(), server.calls.length]).toEqual([2, calls]);
    }
  });

  test('a file has the token, and is read again once it is refused', async () => {
    const server = await cluster();
    const tokenFile = join(folderOfTest(), 'token');
    writeFileSync(tokenFile, 'canary-first-token-0123456789\n');
    server.tokens.set('canary-first-token-0123456789', ['get']);
    const sink = sinkOf(URI, PATIENT, kubeconfigFor(server.address, { tokenFile }));
    expect(await sink.lookUp(reference)).toEqual({ held: 'nothing' });
    server.tokens.delete('canary-first-token-0123456789');
    writeFileSync(tokenFile, TOKEN);
    expect(await sink.lookUp(reference)).toEqual({ held: 'nothing' });
    expect(server.calls).toHaveLength(3);
  });

  test.each([
    ['turns certificate checks off', {}, { 'insecure-skip-tls-verify': true }],
    ['has a proxy of its own', {}, { 'proxy-url': 'http://127.0.0.1:1' }],
    ['acts as somebody else', { as: 'somebody' }, {}],
    ['acts in the groups of somebody else', { 'as-groups': ['somebody'] }, {}],
  ])('a kubeconfig that %s is not used', async (_what, user, more) => {
    const server = await cluster();
    const sink = sinkOf(URI, PATIENT, kubeconfigFor(server.address, { token: TOKEN, ...user }, more));
    expect(await sink.preflight(reference, 'prove')).toMatchObject({ ok: false });
    expect(server.calls).toHaveLength(0);
  });

  test('a kubeconfig that names a file from where it is, which kubectl does not tell, is not used', async () => {
    const server = await cluster();
    const path = join(folderOfTest(), 'token');
    writeFileSync(path, TOKEN);
    const sink = sinkOf(URI, PATIENT, kubeconfigFor(server.address, { tokenFile: relative(process.cwd(), path) }));
    expect(await sink.preflight(reference, 'prove')).toMatchObject({ ok: false });
    expect(server.calls).toHaveLength(0);
  });

  test('a kubeconfig that means another cluster by now gets nothing there', async () => {
    const [server, other] = [await cluster(), await cluster()];
    const environment = kubeconfigFor(server.address, { token: TOKEN });
    const sink = sinkOf(URI, PATIENT, environment);
    const write = await prepared(sink);
    server.tokens.clear();
    other.tokens.set('canary-other-token-0123456789', ['get', 'create']);
    writeKubeconfig(dirname(environment.KUBECONFIG ?? ''), other.address, { token: 'canary-other-token-0123456789' });
    expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'failed' });
    expect([other.calls.length, server.secrets.size]).toEqual([0, 0]);
    // Another call begins there.
    expect(await sink.lookUp(reference)).toEqual({ held: 'nothing' });
    expect(other.calls).toHaveLength(1);
  });
});

const noOpenssl = withoutOpenssl === undefined ? '' : ` (${withoutOpenssl})`;
describe.skipIf(noOpenssl !== '' && process.env.CI === undefined)(`by TLS${noOpenssl}`, () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'amk-certificates-')));
  beforeAll(() => {
    makeCertificates(folder, { tester: '/CN=tester' });
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  async function secureCluster() {
    const server = await cluster();
    server.tokens.set('tester', ['get', 'create', 'patch', 'delete']);
    return { server, address: await securely(server, folder) };
  }

  async function delivers(sink: Sink, server: KubernetesStandIn) {
    const write = await prepared(sink);
    await write.deliver(new Secret(NEW));
    expect(await write.verify(new Secret(NEW))).toMatchObject({ outcome: 'verified', verification: 'read-back' });
    expect(server.held('apps/model-keys', 'app')).toBe(NEW);
  }

  test('a client certificate says who asks: of the kubeconfig, or of a plugin', async () => {
    const { cert, key } = certificateIn(folder, 'tester');
    const plugin = pluginUser([{ clientCertificateData: cert, clientKeyData: key }]);
    for (const user of [certificateUser(folder, 'tester'), plugin.user]) {
      const { server, address } = await secureCluster();
      const cluster = { ...clusterIn(folder), 'tls-server-name': 'kubernetes.default.svc' };
      await delivers(sinkOf(URI, PATIENT, kubeconfigFor(address, user, cluster)), server);
      expect(server.calls.every(({ headers }) => headers.authorization === undefined)).toBe(true);
    }
  });

  test.each([
    ['no certificate', () => ({}), '403'],
    ['a certificate of a stranger', () => certificateUser(folder, 'stranger'), '401'],
  ])('%s is not enough', async (_what, user, status) => {
    const { address } = await secureCluster();
    const sink = sinkOf(URI, PATIENT, kubeconfigFor(address, user(), clusterIn(folder)));
    expect(await sink.preflight(reference, 'prove')).toMatchObject({
      ok: false,
      failure: { code: 'SINK_NOT_READY', message: saying(status) },
    });
  });

  test('a server that another authority has signed, or that has another name, is sent nothing', async () => {
    const { server, address } = await secureCluster();
    const other = { 'certificate-authority-data': base64(certificateIn(folder, 'stranger').cert) };
    const otherName = { ...clusterIn(folder), 'tls-server-name': 'another.example' };
    for (const cluster of [other, otherName, {}]) {
      const sink = sinkOf(URI, PATIENT, kubeconfigFor(address, { token: TOKEN }, cluster));
      expect(await sink.preflight(reference, 'prove')).toMatchObject({
        ok: false,
        failure: { code: 'SINK_NOT_READY' },
      });
    }
    expect(server.calls).toHaveLength(0);
  });

  test('in a pod its service account asks, whose token is read again once it is refused', async () => {
    const { server, address } = await secureCluster();
    const account = folderOfTest();
    copyFileSync(join(folder, 'ca.pem'), join(account, 'ca.crt'));
    const token = (text: string) => {
      writeFileSync(join(account, 'token'), text);
    };
    token(TOKEN);
    const sink = sinkInPod('apps', address, account);
    await delivers(sink, server);
    const calls = server.calls.length;
    server.tokens.delete(TOKEN);
    server.tokens.set('canary-next-token-0123456789', ['get']);
    token('canary-next-token-0123456789\n');
    expect(await sink.lookUp(reference)).toMatchObject({ held: 'value' });
    expect(server.calls).toHaveLength(calls + 2);
    server.tokens.clear();
    expect(await sink.lookUp(reference)).toEqual({ held: 'unknown' });
    expect(server.calls).toHaveLength(calls + 3);
  });

  test.each([
    [
      'has no authority',
      (path: string) => {
        rmSync(path);
      },
      'in PEM',
    ],
    [
      'has an empty file for the authority',
      (path: string) => {
        writeFileSync(path, '');
      },
      'in PEM',
    ],
    [
      'has the authority of another cluster',
      (path: string) => {
        copyFileSync(join(folder, 'stranger.pem'), path);
      },
      'certificate',
    ],
  ])('in a pod whose account %s nothing is sent', async (_what, spoil, message) => {
    const { server, address } = await secureCluster();
    const account = folderOfTest();
    writeFileSync(join(account, 'token'), TOKEN);
    copyFileSync(join(folder, 'ca.pem'), join(account, 'ca.crt'));
    spoil(join(account, 'ca.crt'));
    const preflight = await sinkInPod('apps', address, account).preflight(reference, 'prove');
    expect(preflight).toMatchObject({ ok: false, failure: { code: 'SINK_NOT_READY', message: saying(message) } });
    expect(server.calls).toHaveLength(0);
  });

  const noKubectl = missingOf(['kubectl']).length > 0 ? ' (skipped: kubectl is not installed)' : '';
  test.skipIf(noKubectl !== '' && process.env.CI === undefined)(
    `kubectl and the sink read each other${noKubectl}`,
    { timeout: 120_000 },
    async () => {
      const { address } = await secureCluster();
      const KUBECONFIG = writeKubeconfig(folderOfTest(), address, { token: TOKEN }, clusterIn(folder));
      const run = async (...args: readonly string[]) => {
        const env = { PATH: process.env.PATH ?? '', HOME: dirname(KUBECONFIG), KUBECONFIG };
        const { stdout } = await promisify(execFile)('kubectl', ['-n', 'apps', ...args], { env });
        return stdout;
      };
      const sink = sinkOf(URI, PATIENT, { KUBECONFIG });
      const literals = [`--from-literal=app=${OLD}`, '--from-literal=other=stays'];
      const written = await run(
        'create',
        'secret',
        'generic',
        'model-keys',
        ...literals,
        '--dry-run=client',
        '-o',
        'json',
      );
      const file = join(dirname(KUBECONFIG), 'secret.json');
      writeFileSync(file, written);
      // From a file, kubectl sends JSON.
      await run('create', '-f', file, '--validate=false');
      expect(await sink.lookUp(reference)).toMatchObject({
        held: 'value',
        fingerprint: fingerprintOf(new Secret(OLD)),
      });
      const write = await prepared(sink, REPLACED);
      expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'written' });
      const data = ['get', 'secret', 'model-keys', '-o', 'jsonpath={.data.app} {.data.other}'];
      expect(await run(...data)).toBe(`${base64(NEW)} ${base64('stays')}`);
      await run('patch', 'secret', 'model-keys', '--type=merge', `--patch={"stringData":{"app":"${OLD}"}}`);
      expect(await write.verify(new Secret(NEW))).toMatchObject({ outcome: 'mismatch' });
      await run('delete', 'secret', 'model-keys', '--wait=false');
      expect(await sink.lookUp(reference)).toEqual({ held: 'nothing' });
    },
  );
});
