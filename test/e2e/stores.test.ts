// The stores with an API of their own in what ships: a create, a rotation and a deletion over stdio for each, and servers that are
// killed at each point of a delivery, with what the next one says and does about it. No byte of a secret comes out.

import { expect, onTestFinished, test } from 'vitest';
import * as z from 'zod/v4';
import { FIRST_PROJECT } from '../../src/sandbox/first-project.ts';
import { sandboxFor } from '../atlas-simulator/sandbox-for.ts';
import { leaksIn } from '../canary.ts';
import type { Call, Fault } from '../sinks/stores/stand-in.ts';
import { storeKinds, TOKEN } from '../sinks/stores/store-kinds.ts';
import { credentialsFor, filesBelow, startHost, temporaryHome, type Host } from './host.ts';
import { structuredOf } from './result.ts';
import { CREATE, inLanes, RECONCILE } from './scene.ts';

const ROTATE = 'rotate_ai_model_api_key';
const DELETE = 'delete_ai_model_api_key';
const groupId = FIRST_PROJECT;
const ENTRY = 'app_1';

type Kind = (typeof storeKinds)[number];

/** One store, an Atlas, and a home of which nothing may know a secret. */
async function openScene(kind: Kind) {
  const store = await kind.open(1500);
  onTestFinished(() => store.close());
  const sandbox = await sandboxFor({ uniqueNames: 'at_rename' });
  const [home, env] = [temporaryHome(), credentialsFor(sandbox)];
  const hosts: Host[] = [];
  const secrets = new Set([TOKEN, sandbox.credentials.clientSecret, 'al-sandbox-']);
  return {
    kind,
    store,
    sandbox,
    async start() {
      const sinks = { ATLAS_MODEL_KEYS_SINKS: JSON.stringify({ store: store.spec }) };
      const host = await startHost({ home, env: { ...env, ...store.environment, ...sinks } });
      hosts.push(host);
      return host;
    },
    expectNoLeaks() {
      for (const { secret } of sandbox.keys()) secrets.add(secret);
      const told = hosts.map((host) => host.output()).flatMap(({ stdout, stderr }) => [stdout, stderr]);
      for (const text of [...told, ...filesBelow(home).values()]) expect(leaksIn(text, [...secrets])).toEqual([]);
    },
  };
}

type Scene = Awaited<ReturnType<typeof openScene>>;

test.each(storeKinds)('$name: created, rotated and deleted by what ships, without a byte of a secret', async (kind) => {
  const scene = await openScene(kind);
  const { store, sandbox } = scene;
  const host = await scene.start();
  const created = structuredOf(await host.call(CREATE, { groupId, name: 'app', entry: ENTRY }));
  expect(created).toMatchObject({ outcome: 'delivered', delivery: { sink: 'store', verification: kind.verification } });
  expect(store.held()).toBe(sandbox.keys()[0]?.secret);
  const taken = structuredOf(await host.call(CREATE, { groupId, name: 'other', entry: ENTRY }));
  expect(taken).toMatchObject({ error: { code: 'SINK_ENTRY_EXISTS', keyState: 'not_created' } });

  const apiKeyId = created.key?.apiKeyId ?? '';
  const rotated = structuredOf(await host.call(ROTATE, { groupId, apiKeyId, confirmName: 'app', entry: ENTRY }));
  expect(rotated).toMatchObject({ outcome: 'rotated', delivery: { verification: kind.verification } });
  const old = sandbox.keys().find((key) => key.apiKeyId === apiKeyId);
  const fresh = sandbox.keys().find((key) => key.apiKeyId !== apiKeyId);
  // The old key goes only where the new secret was read back in its place.
  expect([old === undefined, store.held()]).toEqual([kind.verification === 'read-back', fresh?.secret]);
  scene.expectNoLeaks();

  for (const each of sandbox.keys()) {
    const gone = await host.call(DELETE, { groupId, apiKeyId: each.apiKeyId, confirmName: each.name });
    expect(gone.structuredContent).toMatchObject({ outcome: 'deleted' });
  }
  expect(sandbox.keys()).toEqual([]);
  scene.expectNoLeaks();
});

const found = z.object({
  creates: z.array(z.object({ finding: z.string(), apiKeyIds: z.array(z.string()), advice: z.string() })),
});

async function reconcileBy(host: Host, apply: boolean) {
  const { creates } = found.parse((await host.call(RECONCILE, { apply })).structuredContent);
  expect(creates.length).toBeLessThan(2);
  return creates[0];
}

interface Kill {
  readonly at: string;
  /** Of the write that delivers. */
  readonly fault?: Fault;
  /** Of the look that verifies; a stale one shows what was there before. */
  readonly look?: 'hold' | 'stale';
  /** Another key gets the name meanwhile, so that this one cannot have it. */
  readonly isNameTaken?: true;
  /** Of the request that takes the secret out again. */
  readonly removal?: Fault;
  readonly isRotation?: true;
  /** Whether each store is tried so, since what it does differs. */
  readonly isForAll?: true;
  /** What is found, and what is done where that is asked for; and which secret the store holds in the end. */
  readonly said: readonly [string, string, 'none' | 'old' | 'new'];
  /** Where nobody can read it. */
  readonly saidUnread?: readonly [string, string, 'none' | 'old' | 'new'];
}

const COMMITTED = { said: ['delivered', 'delivered', 'new'], saidUnread: ['unknown', 'unknown', 'new'] } as const;

const UNREAD = { saidUnread: ['unknown', 'unknown', 'old'] } as const;

const kills: readonly Kill[] = [
  { at: 'before the write, which is never done', fault: 'hold', said: ['orphan', 'deleted', 'none'] },
  { at: 'before the write, which is done later', fault: 'slow', isForAll: true, ...COMMITTED },
  { at: 'after the write', fault: 'hold reply', ...COMMITTED },
  { at: 'before the secret is read back', look: 'hold', ...COMMITTED },
  { at: 'before it is taken out again', look: 'stale', removal: 'hold', ...COMMITTED },
  { at: 'after it was taken out', look: 'stale', removal: 'hold reply', said: ['orphan', 'deleted', 'none'] },
  {
    at: 'before it is taken out for its name',
    isNameTaken: true,
    isForAll: true,
    removal: 'hold',
    said: ['orphan', 'deleted', 'none'],
  },
  {
    at: 'before the write of a rotation',
    isRotation: true,
    isForAll: true,
    fault: 'hold',
    said: ['orphan', 'deleted', 'old'],
    ...UNREAD,
  },
  { at: 'after the write of a rotation', isRotation: true, fault: 'hold reply', ...COMMITTED },
];

const actionOf = ({ headers }: Call) => String(headers['x-amz-target']).replace(/^.*\./, '');

function isRemoval(call: Call): boolean {
  return call.method === 'DELETE' || call.path.includes('/destroy/') || actionOf(call).startsWith('Delete');
}

/** What a request is to the delivery is judged by the requests before it. */
function injectFaults({ kind, store, sandbox }: Scene, kill: Kill, reached: () => void): void {
  const { server } = store;
  let before: Map<string, unknown>[] | undefined;
  let isVerified = false;
  const exchangeStates = () => {
    const now = structuredClone([...server.states]);
    for (const [index, state] of server.states.entries()) {
      state.clear();
      for (const [name, value] of before?.[index] ?? []) state.set(name, value);
    }
    before = now;
  };
  const faultOf = (call: Call): Fault => {
    if (isRemoval(call)) return kill.removal;
    if (kind.isWrite(call)) {
      if (kill.isNameTaken) sandbox.addKey(groupId, { name: 'app' });
      before ??= structuredClone([...server.states]);
      return kill.fault;
    }
    if (!before || isVerified || actionOf(call) === 'UpdateSecretVersionStage') return undefined;
    // Two requests are one look where there is nothing.
    isVerified = kill.look !== 'stale' || actionOf(call) !== 'GetSecretValue';
    if (kill.look !== 'stale') return kill.look;
    exchangeStates();
    server.afterwards = () => {
      exchangeStates();
      server.afterwards = () => undefined;
    };
    return undefined;
  };
  server.fault = (call) => {
    const fault = faultOf(call);
    if (fault !== undefined) reached();
    return fault;
  };
}

async function killedIn(scene: Scene, kill: Kill): Promise<string | undefined> {
  const first = await scene.start();
  let oldId: string | undefined;
  if (kill.isRotation) {
    const created = structuredOf(await first.call(CREATE, { groupId, name: 'app', entry: ENTRY }));
    oldId = created.key?.apiKeyId ?? '';
  }
  const isReached = new Promise<void>((resolve) => {
    injectFaults(scene, kill, resolve);
  });
  const call = kill.isRotation
    ? first.call(ROTATE, { groupId, apiKeyId: oldId, confirmName: 'app', entry: ENTRY })
    : first.call(CREATE, { groupId, name: 'app', entry: ENTRY });
  const ended = call.then(
    ({ structuredContent }) => expect.fail(`${kill.at}: it ended with ${JSON.stringify(structuredContent)}`),
    () => undefined,
  );
  await Promise.race([isReached, ended]);
  first.kill('SIGKILL');
  await Promise.all([first.ended, ended]);
  scene.store.server.fault = () => undefined;
  return oldId;
}

async function truthAfter(kind: Kind, kill: Kill): Promise<void> {
  const scene = await openScene(kind);
  const oldId = await killedIn(scene, kill);
  const [finding, done, held] = (kind.verification === 'metadata' ? kill.saidUnread : undefined) ?? kill.said;
  const host = await scene.start();
  const made = scene.sandbox.keys().find(({ name }) => name.includes('-undelivered-'));
  if (!made) throw new Error(`${kill.at}: no key is there that says that it is not delivered.`);
  const fresh = () => scene.sandbox.keys().find(({ apiKeyId }) => apiKeyId === made.apiKeyId);
  // While a request may still be carried out, the key is named and nothing is done.
  const first = () => reconcileBy(host, false);
  await expect.poll(first, { timeout: 10_000, interval: 200, message: kill.at }).toMatchObject({ finding });
  expect(fresh()).toEqual(made);
  const after = await reconcileBy(host, true);
  expect([kill.at, after?.finding]).toEqual([kill.at, done]);
  expect(after?.apiKeyIds).toContain(made.apiKeyId);
  expect(fresh()?.apiKeyId).toBe(done === 'deleted' ? undefined : made.apiKeyId);
  const secrets = new Map([...scene.sandbox.keys(), made].map((key) => [key.secret, key.apiKeyId]));
  const holder = secrets.get((await scene.store.held()) ?? '');
  const isTold = (after?.advice ?? '').includes('still holds');
  // The only version of a secret of AWS cannot be taken out by a server that did not see what was there before.
  const staysDead = kind.name === 'aws-sm' && kill.isNameTaken === true;
  const isHeld = holder === undefined ? 'none' : holder === oldId ? 'old' : 'new';
  expect([kill.at, isHeld, isTold]).toEqual([kill.at, staysDead ? 'new' : held, staysDead]);
  const again = structuredOf(await host.call(CREATE, { groupId, name: 'later', entry: 'app_2' }));
  expect(again.outcome).toBe('delivered');
  scene.expectNoLeaks();
}

test.each(storeKinds)(
  '$name: killed at each point of a delivery, the next server tells the truth',
  { timeout: 90_000 },
  async (kind) => {
    // Of those that go the same way through the server, one kind is enough; so is the other in a member of a secret.
    const isOne = ['vault', 'aws-sm'].includes(kind.name);
    const mayTakeOut = kind.verification === 'read-back';
    // Where reads lag, what is stale is looked at again.
    const isTried = ({ look, isForAll }: Kill) => (look === 'stale' ? kind.name === 'k8s' : isOne || isForAll);
    const possible = kills.filter((kill) => isTried(kill) && (mayTakeOut || kill.removal === undefined));
    await inLanes(
      4,
      possible.map((kill) => () => truthAfter(kind, kill)),
    );
  },
);
