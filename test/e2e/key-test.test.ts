// The test of a key by the file that ships: over stdio, at a real endpoint, by TLS, through a proxy, and killed in the midst of it.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startSimulator } from '../atlas-simulator/simulator.ts';
import {
  hasOpenssl,
  makeCertificate,
  NAME,
  proxyFor,
  temporaryFolder,
  tlsGatewayFor,
} from '../atlas/http/tls-servers.ts';
import { leaksIn } from '../canary.ts';
import { credentialsFor, filesBelow, startHost, temporaryHome } from './host.ts';
import { errorOf, structuredOf, textOf } from './result.ts';
import { CREATE, expectTrue, GROUP, openScene, reconcileBy } from './scene.ts';

const TEST = 'test_ai_model_api_key';
const CHECK = 'check_secret_sinks';
const GET = 'get_ai_model_api_key';
const LOOPBACK = { ATLAS_MODEL_KEYS_ENDPOINT_HOSTS: '127.0.0.1' };

test('created, found, tested and looked for again: no byte of the secret but in its sink', async () => {
  const scene = await openScene();
  const host = await scene.start(LOOPBACK);
  await host.call(CREATE, { groupId: GROUP, name: 'key', sink: 'file' });
  const { apiKeyId, secret } = scene.sandbox.keys()[0] ?? expect.fail();
  const tested = await host.call(TEST, { groupId: GROUP, name: 'key' });
  expect(tested.structuredContent).toMatchObject({ outcome: 'tested', works: 'yes', status: 200, sink: 'file' });
  const found = await host.call(GET, { groupId: GROUP, apiKeyId });
  expect(found.structuredContent).toMatchObject({ delivered: [{ sink: 'file', entry: 'key', holds: 'it' }] });
  const checked = await host.call(CHECK, {});
  expect(checked.structuredContent).toMatchObject({ places: [{ sink: 'file', holds: 'key', key: { apiKeyId } }] });
  expect(textOf(checked)).toMatch(new RegExp(`file \\(file\\) \\| .* \\| holds key \\| ${apiKeyId} \\| "key"`));
  scene.sandbox.inject({ operation: 'embed', when: 'before', kind: 'echo', status: 401 });
  expect((await host.call(TEST, { groupId: GROUP, apiKeyId })).structuredContent).toMatchObject({ works: 'refused' });
  scene.sandbox.removeKey(apiKeyId);
  expect((await host.call(CHECK, {})).structuredContent).toMatchObject({ places: [{ holds: 'deleted key' }] });
  const { stdout, stderr } = host.output();
  const elsewhere = [...filesBelow(scene.home)].filter(([path]) => !path.startsWith(`${scene.folder}/`));
  for (const text of [stdout, stderr, ...elsewhere.map(([, content]) => content)])
    expect(leaksIn(text, [secret])).toEqual([]);
});

test('a test is not for a read-only server, nor where the operator takes it away; a check is', async () => {
  const scene = await openScene();
  const readOnly = await scene.start({ ...LOOPBACK, ATLAS_MODEL_KEYS_READ_ONLY: 'true' });
  expect(errorOf(await readOnly.call(TEST, { groupId: GROUP, name: 'key' })).code).toBe('READ_ONLY');
  expect((await readOnly.call(CHECK, { groupId: GROUP })).structuredContent).toMatchObject({ outcome: 'checked' });
  const without = await scene.start({ ATLAS_MODEL_KEYS_TOOLS: `-${TEST}` });
  expect((await without.client.listTools()).tools.map(({ name }) => name)).not.toContain(TEST);
  await expect(without.client.callTool({ name: TEST, arguments: { name: 'key' } })).rejects.toThrow('Unknown tool');
  expect(scene.sandbox.requests.filter(({ operation }) => operation === 'embed')).toEqual([]);
});

test('by default no secret is sent to this machine, whatever Atlas names as the endpoint', async () => {
  const scene = await openScene();
  const host = await scene.start();
  await host.call(CREATE, { groupId: GROUP, name: 'key', sink: 'file' });
  const error = errorOf(await host.call(TEST, { groupId: GROUP, name: 'key' }));
  expect(error).toMatchObject({ code: 'ATLAS_PROTOCOL', keyState: 'not_applicable' });
  expect(scene.sandbox.requests.filter(({ operation }) => operation === 'embed')).toEqual([]);
});

test('a key of the sandbox works at the sandbox', async () => {
  const host = await startHost({ home: temporaryHome(), args: ['--sandbox'] });
  await host.call(CREATE, { groupId: GROUP, name: 'key' });
  expect((await host.call(TEST, { groupId: GROUP, name: 'key' })).structuredContent).toMatchObject({ works: 'yes' });
});

test('killed during the check of a new key: the key is delivered, and the next start says so', async () => {
  const scene = await openScene();
  const live = { ...LOOPBACK, ATLAS_MODEL_KEYS_LIVE_CHECK: 'true' };
  scene.sandbox.inject({ operation: 'embed', when: 'before', kind: 'stall' });
  const killed = await scene.start(live);
  const call = killed.call(CREATE, { groupId: GROUP, name: 'key', sink: 'file' }).catch(() => undefined);
  await scene.arrived('embed');
  killed.kill('SIGKILL');
  await Promise.all([call, killed.ended]);
  const next = await scene.start(live);
  const findings = await reconcileBy(next, true);
  expect(findings).toMatchObject([{ name: 'key', finding: 'delivered' }]);
  expectTrue(scene, findings);
  expect((await next.call(TEST, { groupId: GROUP, name: 'key' })).structuredContent).toMatchObject({ works: 'yes' });
  expect(await reconcileBy(next)).toEqual([]);
});

test('stdin ends during the check of a new key: the process ends, and the key is delivered', async () => {
  const scene = await openScene();
  scene.sandbox.inject({ operation: 'embed', when: 'before', kind: 'stall' });
  const host = await scene.start({ ...LOOPBACK, ATLAS_MODEL_KEYS_LIVE_CHECK: 'true' });
  const call = host.call(CREATE, { groupId: GROUP, name: 'key', sink: 'file' }).catch(() => undefined);
  await scene.arrived('embed');
  host.endInput();
  expect(await host.ended).toMatchObject({ code: 0 });
  void call;
  expect(scene.sandbox.keys().map(({ name }) => name)).toEqual(['key']);
  expect(await reconcileBy(await scene.start())).toEqual([]);
});

describe.skipIf(!hasOpenssl && !process.env.CI)('with certificates by openssl', () => {
  const [folder, untrusted] = [temporaryFolder(), temporaryFolder()];
  beforeAll(() => {
    for (const each of [folder, untrusted]) makeCertificate(each);
  });
  afterAll(() => {
    for (const each of [folder, untrusted]) rmSync(each, { recursive: true, force: true });
  });

  /** A host with one key, whose endpoint is what a test says. */
  async function behindTls(
    baseUrl: string,
    port: string,
    sandbox: Awaited<ReturnType<typeof startSimulator>>,
    env = {},
  ) {
    const host = await startHost({
      home: temporaryHome(),
      env: {
        ...credentialsFor(sandbox),
        MONGODB_ATLAS_BASE_URL: baseUrl.replace('PORT', port),
        NODE_EXTRA_CA_CERTS: join(folder, 'cert.pem'),
        ...env,
      },
    });
    expect(structuredOf(await host.call(CREATE, { groupId: GROUP, name: 'key' })).outcome).toBe('delivered');
    const testAt = async (endpoint: string) => {
      sandbox.inject({ operation: 'get_key', when: 'after', kind: 'replace', fields: { endpoint } });
      return host.call(TEST, { groupId: GROUP, name: 'key' });
    };
    return { host, testAt };
  }
  const simulator = async () => {
    const sandbox = await startSimulator();
    onTestFinished(() => sandbox.close());
    return sandbox;
  };
  const uses = (sandbox: Awaited<ReturnType<typeof simulator>>) =>
    sandbox.requests.filter(({ operation }) => operation === 'embed');

  test('an endpoint of TLS gets the secret where NODE_EXTRA_CA_CERTS makes its certificate good, and only there', async () => {
    const sandbox = await simulator();
    const [good, bad] = [await tlsGatewayFor(folder, sandbox.baseUrl), await tlsGatewayFor(untrusted, sandbox.baseUrl)];
    const { testAt } = await behindTls('https://127.0.0.1:PORT', good, sandbox, LOOPBACK);
    expect((await testAt(`127.0.0.1:${bad}`)).structuredContent).toMatchObject({ works: 'unreachable' });
    // Plain http is only for an Atlas that is itself reached so.
    const plain = new URL(sandbox.baseUrl).host;
    expect((await testAt(plain)).structuredContent).toMatchObject({ works: 'unreachable' });
    expect(uses(sandbox)).toEqual([]);
    expect((await testAt(`127.0.0.1:${good}`)).structuredContent).toMatchObject({ works: 'yes', status: 200 });
    expect(uses(sandbox)).toHaveLength(1);
  });

  test('through the proxy, which sees the name of the host and no secret', async () => {
    const sandbox = await simulator();
    const proxy = await proxyFor(await tlsGatewayFor(folder, sandbox.baseUrl));
    const { testAt } = await behindTls(`https://${NAME}`, '', sandbox, {
      HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`,
      ATLAS_MODEL_KEYS_ENDPOINT_HOSTS: NAME,
    });
    const before = proxy.tunnels.length;
    expect((await testAt(NAME)).structuredContent).toMatchObject({ works: 'yes', endpoint: NAME });
    expect(proxy.tunnels.slice(before).map(({ target }) => target)).toEqual([`${NAME}:443`]);
    expect(proxy.requests).toEqual([]);
    const { secret } = sandbox.keys()[0] ?? expect.fail();
    expect(leaksIn(JSON.stringify(proxy.tunnels), [secret])).toEqual([]);
    expect(uses(sandbox)).toMatchObject([{ headers: { authorization: `Bearer ${secret}` } }]);
  });
});
