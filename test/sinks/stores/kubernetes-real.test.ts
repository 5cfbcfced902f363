// The sink on a real kube-apiserver, which .ci/k8s builds (KUBERNETES_SERVER names the folder), with kubectl as judge; and whether the
// stand-in of the other tests answers as that server.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { fingerprintOf } from '../../../src/secret/opened-secret.ts';
import { Secret } from '../../../src/secret/secret.ts';
import type { Sink } from '../../../src/sinks/sink.ts';
import { describeContract } from '../contract.ts';
import { folderOfTest, kubeconfigFor, pluginUser, sinkInPod, writeKubeconfig } from './kubeconfig.ts';
import { askerOf, questions, refused, type Question } from './kubernetes-conversation.ts';
import { startKubernetes, wayTo, type Account, type KubernetesServer } from './kubernetes-server.ts';
import { kubernetesStandIn } from './kubernetes-stand-in.ts';
import { recordOf, textsOf } from './stand-in.ts';
import { sinkOf, TOKEN } from './store-kinds.ts';

const programs = process.env.KUBERNETES_SERVER;
const NEW = 'al-k8s-canary-of-the-new-key-0123456789-nEw1';
const OLD = 'al-k8s-canary-of-the-old-key-0123456789-odu2';
const REPLACED = { maskedSecret: 'al-****odu2', isLastHere: true };
const ALL = ['get', 'create', 'patch', 'delete'];
const NAME = 'model-keys';
const reference = { groupId: '0123456789abcdef01234567', entry: 'app_1' };

let server: KubernetesServer;
let places = 0;

/** A namespace of its own, where the user may do this. */
async function place(verbs: readonly string[] = ALL) {
  const namespace = `apps-${(places += 1)}`;
  await server.grant(namespace, verbs);
  return inNamespace(namespace);
}

/** What kubectl does there. */
function inNamespace(namespace: string) {
  const kubectl = (args: readonly string[], input?: object) => server.kubectl(['-n', namespace, ...args], input);
  const get = async (): Promise<Record<string, string> | undefined> => {
    const said = await kubectl(['get', 'secret', NAME, '--ignore-not-found', '-o', 'json']);
    if (said === '') return undefined;
    const { data } = recordOf(JSON.parse(said));
    const decoded = Object.entries(textsOf(data)).map(([key, value]): [string, string] => [
      key,
      Buffer.from(value, 'base64').toString('utf8'),
    ]);
    return textsOf(Object.fromEntries(decoded));
  };
  const create = (type: string, data: Record<string, string>, more: object = {}) =>
    kubectl(['create', '-f', '-'], {
      ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: NAME }, type, stringData: data },
      ...more,
    });
  return {
    namespace,
    kubectl,
    get,
    create,
    uri: `k8s:${namespace}/${NAME}#{entry}`,
    held: async () => (await get())?.app_1,
    async put(data: Record<string, string>) {
      if ((await get()) === undefined) await create('Opaque', data);
      else await kubectl(['patch', 'secret', NAME, '--type', 'merge', '-p', JSON.stringify({ stringData: data })]);
    },
  };
}

/** A sink whose kubeconfig says this of the user; the real kubectl reads it. */
function sinkFor(uri: string, user: object, address = server.address, more: object = {}): Sink {
  const KUBECONFIG = writeKubeconfig(folderOfTest(), address, user, server.cluster);
  return sinkOf(uri, { timeoutMs: 20_000, ...more }, { KUBECONFIG });
}

async function prepared(sink: Sink, replaced?: typeof REPLACED, at = reference) {
  const preflight = await sink.preflight(at, 'prove', replaced);
  return preflight.ok ? preflight.value.write : expect.fail(preflight.failure.message);
}

function saying(text: string): unknown {
  return expect.stringContaining(text);
}

/** A create from beginning to end. */
async function delivered(sink: Sink): Promise<void> {
  const write = await prepared(sink);
  expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'written' });
  expect(await write.verify(new Secret(NEW))).toMatchObject({ outcome: 'verified', verification: 'read-back' });
}

describe.skipIf(programs === undefined)(
  'a real kube-apiserver (KUBERNETES_SERVER, by .ci/k8s)',
  { timeout: 120_000 },
  () => {
    beforeAll(async () => {
      server = await startKubernetes(programs ?? '', TOKEN);
    }, 120_000);
    afterAll(() => server.close());

    describeContract({
      name: 'k8s',
      verification: 'read-back',
      isRetracting: true,
      timeoutMs: 120_000,
      async open() {
        const there = await place();
        const way = await wayTo(server.address);
        return {
          sink: sinkFor(there.uri, { token: TOKEN }, way.address),
          reference,
          held: there.held,
          put: (value) => there.put({ app_1: value }),
          lock: () => server.grant(there.namespace, ['create', 'patch']),
          unlock: () => server.grant(there.namespace, ALL),
          forbidWrites: () => server.grant(there.namespace, ['get']),
          takeAway: () => way.close(),
          close: () => way.close(),
        };
      },
    });

    describe('a Secret', () => {
      test('that kubectl wrote is read, to the byte', async () => {
        const there = await place();
        await there.kubectl(['create', 'secret', 'generic', NAME, `--from-literal=app_1=${OLD}`]);
        const held = await sinkFor(there.uri, { token: TOKEN }).lookUp(reference);
        expect(held).toMatchObject({ held: 'value', fingerprint: fingerprintOf(new Secret(OLD)) });
      });

      test.each([
        ['kubernetes.io/basic-auth', { username: 'me', password: 'stays' }],
        ['kubernetes.io/dockerconfigjson', { '.dockerconfigjson': '{"auths":{}}' }],
        ['Opaque', { other: 'stays' }],
      ])('of type %s keeps its other keys in a create, a rotation and both retracts', async (type, data) => {
        const there = await place();
        await there.create(type, data);
        const sink = sinkFor(there.uri, { token: TOKEN });
        const first = await prepared(sink);
        await first.deliver(new Secret(OLD));
        expect(await there.get()).toEqual({ ...data, app_1: OLD });
        const second = await prepared(sink, REPLACED);
        await second.deliver(new Secret(NEW));
        expect(await there.get()).toEqual({ ...data, app_1: NEW });
        expect([await second.retract(), await there.held()]).toEqual(['out', OLD]);
        expect([await first.retract(), await there.get()]).toEqual(['out', data]);
      });

      test('that is immutable is found before anything is written', async () => {
        const there = await place();
        await there.create('Opaque', { other: 'stays' }, { immutable: true });
        const preflight = await sinkFor(there.uri, { token: TOKEN }).preflight(reference, 'prove');
        expect(preflight).toMatchObject({ ok: false, failure: { code: 'SINK_NOT_READY' } });
        expect(await there.get()).toEqual({ other: 'stays' });
      });

      test('that is being deleted gets nothing', async () => {
        const there = await place();
        await there.create(
          'Opaque',
          { other: 'stays' },
          { metadata: { name: NAME, finalizers: ['example.com/hold'] } },
        );
        await there.kubectl(['delete', 'secret', NAME, '--wait=false']);
        const preflight = await sinkFor(there.uri, { token: TOKEN }).preflight(reference, 'prove');
        expect(preflight).toMatchObject({ ok: false, failure: { code: 'SINK_NOT_READY' } });
        expect(await there.get()).toEqual({ other: 'stays' });
      });

      test('takes twenty entries at once, and loses none', async () => {
        const there = await place();
        const sink = sinkFor(there.uri, { token: TOKEN });
        const entries = Array.from({ length: 20 }, (_each, number) => `entry-${number}`);
        const writes = await Promise.all(entries.map((entry) => prepared(sink, undefined, { ...reference, entry })));
        const ends = await Promise.all(writes.map((write, number) => write.deliver(new Secret(`${NEW}-${number}`))));
        expect(ends.map(({ outcome }) => outcome)).toEqual(entries.map(() => 'written'));
        expect(await there.get()).toEqual(
          Object.fromEntries(entries.map((entry, number) => [entry, `${NEW}-${number}`])),
        );
        const left = await Promise.all(writes.map((write) => write.retract()));
        expect([new Set(left), (await there.get()) ?? {}]).toEqual([new Set(['out']), {}]);
      });

      test('that was made goes again, and only its key where nobody may delete', async () => {
        for (const [verbs, left] of [
          [ALL, undefined],
          [['get', 'create', 'patch'], {}],
        ] as const) {
          const there = await place(verbs);
          const write = await prepared(sinkFor(there.uri, { token: TOKEN }));
          await write.deliver(new Secret(NEW));
          expect([await write.retract(), await there.get()]).toEqual(['out', left]);
        }
      });

      test('is made by no rehearsal, which shows the rights', async () => {
        for (const [verbs, isReady] of [
          [['get', 'create'], true],
          [['get', 'patch'], false],
        ] as const) {
          const there = await place(verbs);
          const preflight = await sinkFor(there.uri, { token: TOKEN }).preflight(reference, 'prove');
          expect([preflight.ok, await there.get()]).toEqual([isReady, undefined]);
        }
      });

      test('of a key that Kubernetes does not take, or in a namespace that is not there, is not ready', async () => {
        const there = await place();
        const sink = sinkFor(there.uri.replace('{entry}', '..app'), { token: TOKEN });
        const fixed = { groupId: reference.groupId };
        expect(await sink.preflight(fixed, 'prove')).toMatchObject({ ok: false, failure: { code: 'SINK_NOT_READY' } });
        const nowhere = sinkFor('k8s:no-such-namespace/model-keys#key', server.certificateOf('admin'));
        expect(await nowhere.preflight(fixed, 'prove')).toMatchObject({
          ok: false,
          failure: { code: 'SINK_NOT_READY' },
        });
      });
    });

    describe('who asks', () => {
      test('is known by a client certificate, which the authority of the cluster has signed', async () => {
        const there = await place();
        await delivered(sinkFor(there.uri, server.certificateOf('tester')));
        expect(await there.held()).toBe(NEW);
        const stranger = await sinkFor(there.uri, server.certificateOf('stranger')).preflight(reference, 'prove');
        expect(stranger).toMatchObject({ ok: false, failure: { message: saying('401') } });
      });

      test('has a plugin whose token has ended, and is asked once for another one', async () => {
        const there = await place();
        const account = await accountIn(there.namespace);
        const statusOf = (ms: number) => ({ token: server.tokenOf(account, Date.now() + ms) });
        // Some builds of kubectl ask the server, and so the plugin, even for `config view`.
        const sinkBy = ({ user }: { user: object }) =>
          sinkOf(there.uri, { timeoutMs: 20_000 }, kubeconfigFor(server.address, user, server.cluster));
        const mended = pluginUser([statusOf(-60_000), statusOf(600_000)]);
        await delivered(sinkBy(mended));
        expect([mended.asked(), await there.held()]).toEqual([2, NEW]);
        const broken = pluginUser([statusOf(-60_000)]);
        const preflight = await sinkBy(broken).preflight(reference, 'prove');
        expect(preflight).toMatchObject({ ok: false, failure: { message: saying('401') } });
        expect(broken.asked()).toBe(2);
      });

      test('is the account of a pod, whose token is read again once it is revoked', async () => {
        const there = await place();
        const folder = folderOfTest();
        writeFileSync(join(folder, 'ca.crt'), server.ca);
        const sink = sinkInPod(there.namespace, server.address, folder);
        const renewToken = async () => {
          await accountIn(there.namespace);
          const token = (await there.kubectl(['create', 'token', 'pod'])).trim();
          writeFileSync(join(folder, 'token'), `${token}\n`);
          return token;
        };
        const first = await renewToken();
        await delivered(sink);
        expect(await there.held()).toBe(NEW);
        // The tokens of an account that is made anew are no longer accepted, some seconds later.
        await there.kubectl(['delete', 'serviceaccount', 'pod']);
        await renewToken();
        const asks = askerOf(server.address, there.namespace, first, server.ca);
        const get = async () => (await asks({ method: 'GET', path: `/${NAME}` })).status;
        await expect.poll(get, { timeout: 60_000, interval: 1000 }).toBe(401);
        expect(await sink.lookUp(reference)).toMatchObject({
          held: 'value',
          fingerprint: fingerprintOf(new Secret(NEW)),
        });
      });
    });

    test('the stand-in answers as the server', async () => {
      const { namespace } = await place();
      const standIn = await kubernetesStandIn(TOKEN);
      onTestFinished(() => standIn.close());
      const real = askerOf(server.address, namespace, TOKEN, server.ca);
      const imitation = askerOf(standIn.address, namespace, TOKEN);
      const compare = async (asked: readonly Question[]) => {
        for (const question of asked)
          expect({ question, ...(await imitation(question)) }).toEqual({ question, ...(await real(question)) });
      };
      await compare(questions);
      await server.grant(namespace, ['list']);
      standIn.tokens.set(TOKEN, []);
      await compare(refused);
    });
  },
);

/** The account `pod`, which may do there what the user may. */
async function accountIn(namespace: string): Promise<Account> {
  const { kubectl } = inNamespace(namespace);
  await kubectl(['create', 'serviceaccount', 'pod']);
  await server.grant(namespace, ALL, { kind: 'ServiceAccount', name: 'pod', namespace });
  const uid = await kubectl(['get', 'serviceaccount', 'pod', '-o', 'jsonpath={.metadata.uid}']);
  return { namespace, name: 'pod', uid };
}
