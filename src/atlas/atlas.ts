// Atlas as the use cases need it: a few calls that give results. Composes transport, credentials and version.

import type { AtlasCliProfile, Credentials } from '../config/credentials.ts';
import { ok, type Result } from '../failure.ts';
import { createAdminApi, type AdminApi, type Scope, chooseVersion, type ApiVersion } from './api/admin-api.ts';
import {
  createKeyCall,
  deleteKeyCall,
  getKeyCall,
  keyList,
  renameKeyCall,
  type CreatedKey,
  type ListedKey,
  type ModelKey,
  type NewKey,
} from './api/keys.ts';
import { endpointUrl, useKey, type Endpoints, type KeyUse, type KeyUsed } from './api/embeddings.ts';
import {
  rateLimitList,
  resetRateLimitsCall,
  updateRateLimitCall,
  type LimitPlace,
  type Limits,
  type RateLimit,
} from './api/limits.ts';
import { listAll, readSlice, type List, type Position, type Slice } from './api/pages.ts';
import { describeCredentialCall, projectList, type CredentialDescription, type Project } from './api/projects.ts';
import { atlasCli } from './auth/atlas-cli.ts';
import { bearerAuthenticator, missingCredentials, type Authenticator } from './auth/authenticator.ts';
import { digestAuthenticator } from './auth/digest.ts';
import { secretSource } from './auth/secret-source.ts';
import { serviceAccountAuthenticator } from './auth/service-account.ts';
import { createTransport, type Transport } from '../http/transport.ts';

/** Of a whole list, however many pages it has. */
const LONGEST_LISTING_MS = 60_000;

interface AtlasSettings extends Endpoints {
  readonly credentials: Credentials;
  readonly apiVersion: 'auto' | ApiVersion;
}

export interface Atlas {
  /**
   * Every key of the project, page by page, those without an id included, since their names are taken too. To compare a
   * name, use `isNamed` with the listed object.
   *
   * @param role that the caller needs in the end, for the advice in an error
   */
  listKeys(groupId: string, signal?: AbortSignal, role?: string): Promise<Result<readonly ListedKey[]>>;
  /**
   * The rows of one page: those from position `from` on, up to the end of the page in which it lies.
   * A key of an organization's list has its `groupId`, where Atlas gives it.
   */
  readKeys(scope: Scope, from: Position, signal?: AbortSignal): Promise<Result<Slice<ListedKey>>>;
  /** ATLAS_NOT_FOUND may also be a proxy's word: `saysNoSuchKey` tells. */
  getKey(scope: Scope, apiKeyId: string, signal?: AbortSignal): Promise<Result<ModelKey>>;
  /**
   * Sent once, and again only after a definite refusal that has nothing to do with the key. A failure says whether the key
   * may exist.
   *
   * @param signal gives up waiting for the reply, after which nobody knows
   */
  createKey(key: NewKey, signal?: AbortSignal): Promise<Result<CreatedKey>>;
  /** Sent once. A failure says whether the key may have the new name. */
  renameKey(groupId: string, apiKeyId: string, name: string): Promise<Result<ModelKey>>;
  /** Sent until it is answered. That the key is not there is a failure too: a read says whether it is gone. */
  deleteKey(groupId: string, apiKeyId: string): Promise<Result<undefined>>;
  /** Every project that the credential sees, or of one organization. */
  listProjects(orgId: string | undefined, signal?: AbortSignal): Promise<Result<readonly Project[]>>;
  /** Of the same list, one page as {@link readKeys} gives it. */
  readProjects(orgId: string | undefined, from: Position, signal?: AbortSignal): Promise<Result<Slice<Project>>>;
  listRateLimits(scope: Scope, signal?: AbortSignal): Promise<Result<readonly RateLimit[]>>;
  /** Sent once, like the next. A failure says whether limits may have changed. */
  updateRateLimit(place: LimitPlace, limits: Limits): Promise<Result<RateLimit>>;
  /** One limit, or all of the project. */
  resetRateLimits(place: LimitPlace | { readonly groupId: string }): Promise<Result<readonly RateLimit[]>>;
  describeCredential(signal?: AbortSignal): Promise<Result<CredentialDescription>>;
  /**
   * Uses a key once, with its own secret and at its own endpoint, to see whether it works. Fails only where the operator does not
   * let secrets be sent there.
   */
  useKey(use: KeyUse, signal?: AbortSignal): Promise<Result<KeyUsed>>;
  /** What programs are given to use a key at its endpoint; undefined where the operator does not let secrets be sent there. */
  endpointBase(endpoint: string): Promise<string | undefined>;
  close(): Promise<void>;
}

export function createAtlas(settings: AtlasSettings): Atlas {
  const { transport, authenticator } = connectionOf(settings);
  const api = createAdminApi(transport, authenticator, chooseVersion(settings.apiVersion));
  // A single request may take as long as the operator allows.
  const limitMs = Math.max(LONGEST_LISTING_MS, settings.timeoutMs);
  const all = <Row>(list: List<Row>, signal?: AbortSignal) => listAll(api, list, { signal, limitMs });
  return {
    listKeys: (groupId, signal, role) => all(keyList({ groupId }, role), signal),
    readKeys: (scope, from, signal) => readSlice(api, keyList(scope), from, signal),
    // Async, so that an id that fits no path rejects and does not throw.
    getKey: async (scope, apiKeyId, signal) => api.call(getKeyCall(scope, apiKeyId), signal),
    createKey: async (key, signal) => api.call(createKeyCall(key), signal),
    renameKey: async (groupId, apiKeyId, name) => api.call(renameKeyCall(groupId, apiKeyId, name)),
    deleteKey: async (groupId, apiKeyId) => api.call(deleteKeyCall(groupId, apiKeyId)),
    listProjects: (orgId, signal) => all(projectList(orgId), signal),
    readProjects: (orgId, from, signal) => readSlice(api, projectList(orgId), from, signal),
    listRateLimits: (scope, signal) => all(rateLimitList(scope), signal),
    updateRateLimit: async (place, limits) => api.call(updateRateLimitCall(place, limits)),
    resetRateLimits: (place) => resetRateLimits(api, place, limitMs),
    describeCredential: (signal) => api.call(describeCredentialCall, signal),
    useKey: (use, signal) => useKey(settings, use, signal),
    endpointBase(endpoint) {
      const url = endpointUrl(endpoint, settings);
      return Promise.resolve(url && `${url.origin}/v1`);
    },
    async close() {
      await authenticator.close?.();
      await api.close();
    },
  };
}

type Connection = Readonly<{ transport: Transport; authenticator: Authenticator }>;

function connectionOf(settings: AtlasSettings): Connection {
  const { credentials } = settings;
  if (credentials.kind === 'atlas-cli') return connectionByCli(settings, credentials);
  const transport = createTransport(settings);
  return { transport, authenticator: authenticatorFor(credentials, transport) };
}

/** Where the operator does not say where Atlas is, the profile does. */
function connectionByCli(settings: AtlasSettings, profile: AtlasCliProfile): Connection {
  const { source, baseUrl } = atlasCli(profile);
  const transport = deferredTransport(() =>
    createTransport({ ...settings, baseUrl: (profile.namesBaseUrl ? baseUrl() : undefined) ?? settings.baseUrl }),
  );
  return { transport, authenticator: bearerAuthenticator(source) };
}

/** For an address that is known once the credential has been asked for, which goes before every request. */
function deferredTransport(open: () => Transport): Transport {
  let opened: Transport | undefined;
  return {
    send: (...given) => (opened ??= open()).send(...given),
    close: async () => opened?.close(),
  };
}

function authenticatorFor(
  credentials: Exclude<Credentials, { kind: 'atlas-cli' }>,
  transport: Transport,
): Authenticator {
  switch (credentials.kind) {
    case 'missing':
      return missingCredentials(credentials);
    case 'token': {
      const { token, setting = 'MONGODB_ATLAS_ACCESS_TOKEN' } = credentials;
      return bearerAuthenticator(secretSource(token, setting));
    }
    case 'service-account': {
      const { clientId, clientSecret, setting = 'MONGODB_ATLAS_CLIENT_SECRET' } = credentials;
      return serviceAccountAuthenticator(clientId, secretSource(clientSecret, setting), transport);
    }
    case 'api-key': {
      const { publicKey, privateKey, setting = 'MONGODB_ATLAS_PRIVATE_API_KEY' } = credentials;
      return digestAuthenticator(publicKey, secretSource(privateKey, setting));
    }
  }
}

/** The reply of a reset may be the first of several pages. */
async function resetRateLimits(
  api: AdminApi,
  place: Parameters<Atlas['resetRateLimits']>[0],
  limitMs: number,
): Promise<Result<readonly RateLimit[]>> {
  const reset = await api.call(resetRateLimitsCall(place));
  if (!reset.ok) return reset;
  const { rows, next } = reset.value;
  const all = next && (await listAll(api, rateLimitList({ groupId: place.groupId }), { signal: undefined, limitMs }));
  return all?.ok ? all : ok(rows);
}
