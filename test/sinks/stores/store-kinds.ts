// Each store on a stand-in, as the tests of all stores use it.

import { storeOfUri } from '../../../src/config/store-spec.ts';
import { sinkSchema, type SinkSpec } from '../../../src/config/sink-spec.ts';
import { openSinks } from '../../../src/sinks/kinds.ts';
import type { Sink, SecretReference, Verification } from '../../../src/sinks/sink.ts';
import { parse } from 'zod/v4/core';
import { kubeconfigFor } from './kubeconfig.ts';
import { githubStandIn } from './github-stand-in.ts';
import { kubernetesStandIn } from './kubernetes-stand-in.ts';
import { textsOf, type Call, type StandIn } from './stand-in.ts';
import { vaultStandIn } from './vault-stand-in.ts';

export const TOKEN = 'canary-token-of-a-store-0123456789';
const GROUP = '0123456789abcdef01234567';
const reference: SecretReference = { groupId: GROUP, entry: 'app_1' };

/** The sink of a URI, with more that an object may say. */
export function sinkOf(uri: string, more: object, environment: Record<string, string>): Sink {
  const spec: SinkSpec = parse(sinkSchema, { ...storeOfUri(uri), timeoutMs: 1000, ...more });
  const sink = openSinks(new Map([['store', spec]]), { PATH: process.env.PATH ?? '', ...environment }).get('store');
  if (!sink) throw new Error('no sink');
  return sink;
}

interface OpenStore {
  readonly server: StandIn;
  readonly sink: Sink;
  readonly reference: SecretReference;
  held(): string | undefined;
  put(value: string): void;
  lock(): void;
  unlock(): void;
  forbidWrites?: () => void;
  takeAway(): Promise<void>;
  close(): Promise<void>;
}

interface StoreKind {
  readonly name: string;
  readonly verification: Verification;
  /** Whether GitHub's lack of a condition for a write is what the test would meet. */
  readonly isConditional: boolean;
  readonly isWrite: (call: Call) => boolean;
  open(): Promise<OpenStore>;
}

function common(server: StandIn): Pick<OpenStore, 'server' | 'reference' | 'takeAway' | 'close'> {
  return { server, reference, takeAway: () => server.close(), close: () => server.close() };
}

export const storeKinds: readonly StoreKind[] = [
  {
    name: 'vault',
    verification: 'read-back',
    isConditional: true,
    isWrite: ({ method, path }) => ['POST', 'PATCH'].includes(method) && path.includes('/secret/data/'),
    async open() {
      const server = await vaultStandIn(TOKEN);
      const path = `apps/${GROUP}/app_1`;
      const environment = { VAULT_ADDR: server.address, VAULT_TOKEN: TOKEN };
      return {
        ...common(server),
        sink: sinkOf('vault:secret/data/apps/{groupId}/{entry}#KEY', {}, environment),
        held: () => textsOf(server.current(path)).KEY,
        put: (value) => {
          server.put(path, { ...server.current(path), KEY: value });
        },
        lock: () => server.tokens.set(TOKEN, ['create', 'update', 'patch']),
        unlock: () => server.tokens.set(TOKEN, ['read']),
        forbidWrites: () => server.tokens.set(TOKEN, ['read']),
      };
    },
  },
  {
    name: 'k8s',
    verification: 'read-back',
    isConditional: true,
    isWrite: ({ method, query }) => ['POST', 'PATCH'].includes(method) && !query.has('dryRun'),
    async open() {
      const server = await kubernetesStandIn(TOKEN);
      const sink = sinkOf('k8s:apps/model-keys#{entry}', {}, kubeconfigFor(server.address, { token: TOKEN }));
      return {
        ...common(server),
        sink,
        held: () => server.held('apps/model-keys', 'app_1'),
        put: (value) => {
          server.put('apps/model-keys', { app_1: value });
        },
        lock: () => server.tokens.set(TOKEN, ['create', 'patch']),
        unlock: () => server.tokens.set(TOKEN, ['get']),
        forbidWrites: () => server.tokens.set(TOKEN, ['get']),
      };
    },
  },
  githubKind('github', 'github:acme/app#{entry}', '/repos/acme/app/actions'),
];

/** @param root of the API of the secrets that the URI means */
export function githubKind(name: string, uri: string, root: string): StoreKind {
  return {
    name,
    verification: 'metadata',
    isConditional: false,
    isWrite: ({ method }) => method === 'PUT',
    async open() {
      const server = await githubStandIn(TOKEN);
      const path = `${root}/secrets/APP_1`;
      return {
        ...common(server),
        sink: sinkOf(uri, { address: server.address }, { GH_TOKEN: TOKEN }),
        held: () => server.secrets.get(path)?.value,
        put: (value) => {
          server.put(path, value, root.startsWith('/orgs/') ? 'all' : undefined);
        },
        lock: () => server.tokens.delete(TOKEN),
        unlock: () => server.tokens.set(TOKEN, 'write'),
        forbidWrites: () => server.tokens.set(TOKEN, 'read'),
      };
    },
  };
}
