// Each store on a stand-in, as the tests of all stores use it.

import { storeOfUri } from '../../../src/config/store-spec.ts';
import { sinkSchema, type SinkSpec } from '../../../src/config/sink-spec.ts';
import { FIRST_PROJECT } from '../../../src/sandbox/first-project.ts';
import { openSinks } from '../../../src/sinks/kinds.ts';
import type { Sink, SecretReference, Verification } from '../../../src/sinks/sink.ts';
import { parse } from 'zod/v4/core';
import { awsStandIn, type AwsStandIn } from './aws-stand-in.ts';
import { kubeconfigFor } from './kubeconfig.ts';
import { githubStandIn } from './github-stand-in.ts';
import { kubernetesStandIn } from './kubernetes-stand-in.ts';
import { textsOf, type Call, type StandIn } from './stand-in.ts';
import { vaultStandIn } from './vault-stand-in.ts';

export const TOKEN = 'canary-token-of-a-store-0123456789';
const GROUP = FIRST_PROJECT;
const reference: SecretReference = { groupId: GROUP, entry: 'app_1' };

type Variables = Readonly<Record<string, string>>;

/** The sink of a URI, with more that an object may say. */
export function sinkOf(uri: string, more: object, environment: Record<string, string>): Sink {
  const spec: SinkSpec = parse(sinkSchema, specOf(uri, more));
  const sink = openSinks(new Map([['store', spec]]), { PATH: process.env.PATH ?? '', ...environment }).get('store');
  if (!sink) throw new Error('no sink');
  return sink;
}

function specOf(uri: string, more: object): object {
  return { ...storeOfUri(uri), timeoutMs: 10_000, ...more };
}

interface OpenStore {
  readonly server: StandIn;
  readonly sink: Sink;
  /** As an operator configures that sink, and the variables that it wants. */
  readonly spec: object;
  readonly environment: Variables;
  readonly reference: SecretReference;
  held(): string | undefined | Promise<string | undefined>;
  put(value: string): void | Promise<void>;
  /** What is beside it in the same secret, where something can be. */
  beside?: { held(): string | undefined; put(value: string): void };
  lock?: () => void;
  unlock?: () => void;
  forbidWrites?: () => void;
  takeAway(): Promise<void>;
  close(): Promise<void>;
}

export interface StoreKind {
  readonly name: string;
  readonly verification: Verification;
  /** Whether a write can be refused where something came in between. */
  readonly isConditional: boolean | 'create';
  readonly isWrite: (call: Call) => boolean;
  /** @param timeoutMs of the sink */
  open(timeoutMs?: number): Promise<OpenStore>;
}

export function common(server: StandIn, uri: string, more: object, environment: Record<string, string>) {
  const close = () => server.close();
  const sink = sinkOf(uri, more, environment);
  return { server, sink, spec: specOf(uri, more), environment, reference, takeAway: close, close };
}

export const AWS_ID = 'AKIAIOSFODNN7EXAMPLE';

/** The one by which a value becomes the current one. */
export function isAwsWrite({ headers, body }: Call): boolean {
  const target = String(headers['x-amz-target']);
  return (
    /\.(?:CreateSecret|PutParameter)$/.test(target) || (body.VersionStage === 'AWSCURRENT' && target.endsWith('Stage'))
  );
}

/** @param at the place in the stand-in */
function awsKind(
  name: string,
  uri: string,
  at: (server: AwsStandIn) => Pick<OpenStore, 'held' | 'put' | 'beside'>,
): StoreKind {
  const reading = ['GetSecretValue', 'DescribeSecret', 'GetParameter', 'DescribeParameters'];
  const writing = ['CreateSecret', 'PutSecretValue', 'UpdateSecretVersionStage', 'PutParameter'];
  return {
    name,
    verification: 'read-back',
    isConditional: name === 'aws-ssm' ? 'create' : true,
    isWrite: isAwsWrite,
    async open(timeoutMs = 10_000) {
      const user = { secret: TOKEN, session: `${TOKEN}-session`, denied: [] };
      const server = await awsStandIn(AWS_ID, user);
      const deny = (denied: readonly string[]) => () => Object.assign(user, { denied });
      const environment = {
        AWS_ACCESS_KEY_ID: AWS_ID,
        AWS_SECRET_ACCESS_KEY: user.secret,
        AWS_SESSION_TOKEN: user.session,
        AWS_REGION: 'us-east-1',
      };
      return {
        ...common(server, uri, { address: server.address, timeoutMs }, environment),
        ...at(server),
        lock: deny(reading),
        unlock: deny([]),
        forbidWrites: deny(writing),
      };
    },
  };
}

export const storeKinds: readonly StoreKind[] = [
  awsKind('aws-sm', 'aws-sm:apps/{entry}', (server) => ({
    held: () => server.currentSecret('apps/app_1')?.SecretString,
    put: (SecretString) => {
      server.putSecret('apps/app_1', { SecretString });
    },
  })),
  awsKind('aws-sm with a member', 'aws-sm:apps#{entry}', (server) => {
    const fields = () => textsOf(JSON.parse(server.currentSecret('apps')?.SecretString ?? '{}'));
    const put = (changed: object) => {
      server.putSecret('apps', { SecretString: JSON.stringify({ ...fields(), ...changed }) });
    };
    return {
      held: () => fields().app_1,
      put: (value) => {
        put({ app_1: value });
      },
      beside: {
        held: () => fields().other,
        put: (other) => {
          put({ other });
        },
      },
    };
  }),
  awsKind('aws-ssm', 'aws-ssm:/apps/{entry}', (server) => ({
    held: () => server.parameters.get('/apps/app_1')?.values.at(-1),
    put: (value) => {
      server.putParameter('/apps/app_1', value);
    },
  })),
  {
    name: 'vault',
    verification: 'read-back',
    isConditional: true,
    isWrite: ({ method, path }) => ['POST', 'PATCH'].includes(method) && path.includes('/secret/data/'),
    async open(timeoutMs = 10_000) {
      const server = await vaultStandIn(TOKEN);
      const path = `apps/${GROUP}/app_1`;
      const environment = { VAULT_ADDR: server.address, VAULT_TOKEN: TOKEN };
      return {
        ...common(server, 'vault:secret/data/apps/{groupId}/{entry}#KEY', { timeoutMs }, environment),
        held: () => textsOf(server.current(path)).KEY,
        put: (value) => {
          server.put(path, { ...server.current(path), KEY: value });
        },
        beside: {
          held: () => textsOf(server.current(path)).other,
          put: (other) => {
            server.put(path, { ...server.current(path), other });
          },
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
    async open(timeoutMs = 10_000) {
      const server = await kubernetesStandIn(TOKEN);
      const environment = kubeconfigFor(server.address, { token: TOKEN });
      return {
        ...common(server, 'k8s:apps/model-keys#{entry}', { timeoutMs }, environment),
        held: () => server.held('apps/model-keys', 'app_1'),
        put: (value) => {
          server.put('apps/model-keys', { app_1: value });
        },
        beside: {
          held: () => server.held('apps/model-keys', 'other'),
          put: (other) => {
            server.put('apps/model-keys', { other });
          },
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
    async open(timeoutMs = 10_000) {
      const server = await githubStandIn(TOKEN);
      const path = `${root}/secrets/APP_1`;
      return {
        ...common(server, uri, { address: server.address, timeoutMs }, { GH_TOKEN: TOKEN }),
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
