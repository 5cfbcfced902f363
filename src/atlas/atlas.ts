// Atlas as the use cases need it: a few calls that give results. Composes transport, credentials and version.

import { type Credentials } from '../config/credentials.ts';
import { type ProxySettings } from '../config/proxy.ts';
import { createAdminApi, type AdminApi } from './admin-api.ts';
import { chooseVersion, type ApiVersion } from './api-version.ts';
import { type Authenticator } from './authenticator.ts';
import { bearerAuthenticator } from './bearer.ts';
import { digestAuthenticator } from './digest.ts';
import { failed, protocolFailure, type AtlasFailure, type AtlasResult } from './failure.ts';
import { listAllKeys, LONGEST_LISTING_MS } from './listing.ts';
import { createKeyCall, deleteKeyCall, readCreateReply, type ModelKey, type NewKey } from './model-keys.ts';
import { serviceAccountAuthenticator } from './service-account.ts';
import { createTransport, type Transport } from './transport.ts';
import { type Secret } from '../secret/secret.ts';

export interface AtlasSettings {
  readonly baseUrl: URL;
  readonly credentials: Credentials;
  readonly apiVersion: 'auto' | ApiVersion;
  readonly timeoutMs: number;
  readonly proxy?: ProxySettings;
}

export interface CreatedKey {
  readonly key: ModelKey;
  readonly secret: Secret;
  readonly warnings: readonly string[];
}

export type CreateReply = AtlasResult<CreatedKey> & { readonly apiKeyId?: string };

export interface Atlas {
  /** Every key of the project, page by page. To compare a name, use `isNamed` with the listed object. */
  listKeys(groupId: string, signal?: AbortSignal): Promise<AtlasResult<readonly ModelKey[]>>;
  /**
   * Sent once. A failure says whether the key may exist, and its id where the reply had one.
   *
   * @param signal gives up waiting for the reply, after which nobody knows
   */
  createKey(key: NewKey, signal?: AbortSignal): Promise<CreateReply>;
  /** A key that is gone already counts as deleted, but only where Atlas itself says so. */
  deleteKey(groupId: string, apiKeyId: string): Promise<AtlasResult<undefined>>;
  close(): Promise<void>;
}

export function createAtlas(settings: AtlasSettings): Atlas {
  const { credentials } = settings;
  if (credentials.kind === 'missing') return withoutCredentials(credentials.wanted);
  const transport = createTransport(settings);
  const api = createAdminApi(transport, authenticatorFor(credentials, transport), chooseVersion(settings.apiVersion));
  return {
    // A single request may take as long as the operator allows.
    listKeys: (groupId, signal) =>
      listAllKeys(api, groupId, { signal, limitMs: Math.max(LONGEST_LISTING_MS, settings.timeoutMs) }),
    createKey: (key, signal) => createKey(api, key, signal),
    deleteKey: (groupId, apiKeyId) => deleteKey(api, groupId, apiKeyId),
    close: () => api.close(),
  };
}

function authenticatorFor(credentials: Exclude<Credentials, { kind: 'missing' }>, transport: Transport): Authenticator {
  switch (credentials.kind) {
    case 'token':
      return bearerAuthenticator(credentials.token);
    case 'service-account':
      return serviceAccountAuthenticator(credentials, transport);
    case 'api-key':
      return digestAuthenticator(credentials);
  }
}

async function createKey(api: AdminApi, key: NewKey, signal?: AbortSignal): Promise<CreateReply> {
  const reply = await api.call(createKeyCall(key), signal);
  if (!reply.ok) return reply;
  const created = readCreateReply(reply.value, key);
  return created.ok ? { ok: true, value: { ...created.value, warnings: reply.value.warnings } } : created;
}

async function deleteKey(api: AdminApi, groupId: string, apiKeyId: string): Promise<AtlasResult<undefined>> {
  const reply = await api.call(deleteKeyCall(groupId, apiKeyId));
  // A page from a proxy says nothing of the key, and neither does an unknown project.
  const gone = reply.ok
    ? reply.value.status === 204
    : reply.failure.code === 'ATLAS_NOT_FOUND' && reply.failure.atlas?.errorCode === 'RESOURCE_NOT_FOUND';
  if (gone) return { ok: true, value: undefined };
  return reply.ok ? failed(protocolFailure('a reply to a delete that is not 204')) : reply;
}

/** The server starts without credentials, and says at the first call what to set. */
function withoutCredentials(wanted: string | undefined): Atlas {
  const failure: AtlasFailure = {
    code: 'CREDENTIALS_MISSING',
    message: 'No credentials for Atlas are configured.',
    hint:
      wanted === undefined
        ? 'The operator sets MONGODB_ATLAS_CLIENT_ID and MONGODB_ATLAS_CLIENT_SECRET (a service account with the role Project Model Owner) in the environment of this server, and restarts it.'
        : `The operator sets ${wanted} too (its other half is set) in the environment of this server, and restarts it.`,
    retryable: false,
    maybeCarriedOut: false,
  };
  const missing = () => Promise.resolve(failed(failure));
  return { listKeys: missing, createKey: missing, deleteKey: missing, close: () => Promise.resolve() };
}
