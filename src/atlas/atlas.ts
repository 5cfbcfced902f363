// Atlas as the use cases need it: a few calls that give results. Composes transport, credentials and version.

import type { AtlasCliProfile, Credentials } from '../config/credentials.ts';
import { createAdminApi, type AdminApi, type ApiCall, type ApiReply } from './admin-api.ts';
import { chooseVersion, type ApiVersion } from './api-version.ts';
import type { Authenticator } from './authenticator.ts';
import { atlasCli } from './atlas-cli.ts';
import { bearerAuthenticator } from './bearer.ts';
import { deferredTransport } from './deferred.ts';
import { digestAuthenticator } from './digest.ts';
import { describeCredentialCall, readCredentialReply, type CredentialDescription } from './credential.ts';
import { failed, protocolFailure, type AtlasResult } from './failure.ts';
import { listAll, LONGEST_LISTING_MS, readSlice } from './listing.ts';
import { missingCredentials } from './missing-credentials.ts';
import {
  createKeyCall,
  deleteKeyCall,
  getKeyCall,
  keyList,
  readCreateReply,
  readKeyReply,
  renameKeyCall,
  type ListedKey,
  type ModelKey,
  type NewKey,
} from './model-keys.ts';
import type { List, Position, Slice } from './page.ts';
import { projectList, type Project } from './projects.ts';
import {
  rateLimitList,
  readRateLimitReply,
  readResetReply,
  resetRateLimitsCall,
  updateRateLimitCall,
  type LimitPlace,
  type Limits,
  type RateLimit,
  type ResetPlace,
} from './rate-limits.ts';
import type { Scope } from './scope.ts';
import { secretSource } from './secret-source.ts';
import { serviceAccountAuthenticator } from './service-account.ts';
import { createTransport, type Transport, type TransportOptions } from './transport.ts';
import type { Secret } from '../secret/secret.ts';

export interface AtlasSettings extends TransportOptions {
  readonly credentials: Credentials;
  readonly apiVersion: 'auto' | ApiVersion;
}

/** A key was made. Key and secret are absent where the reply did not have them. */
export interface CreatedKey {
  readonly key?: ModelKey;
  readonly secret?: Secret;
  readonly warnings: readonly string[];
}

export interface Atlas {
  /**
   * Every key of the project, page by page, those without an id included, since their names are taken too. To compare a
   * name, use `isNamed` with the listed object.
   *
   * @param role that the caller needs in the end, for the advice in an error
   */
  listKeys(groupId: string, signal?: AbortSignal, role?: string): Promise<AtlasResult<readonly ListedKey[]>>;
  /**
   * The rows of one page: those from position `from` on, up to the end of the page in which it lies.
   * A key of an organization's list has its `groupId`, where Atlas gives it.
   */
  readKeys(scope: Scope, from: Position, signal?: AbortSignal): Promise<AtlasResult<Slice<ListedKey>>>;
  /** ATLAS_NOT_FOUND may also be a proxy's word: `saysNoSuchKey` tells. */
  getKey(scope: Scope, apiKeyId: string, signal?: AbortSignal): Promise<AtlasResult<ModelKey>>;
  /**
   * Sent once, and again only after a definite refusal that has nothing to do with the key. A failure says whether the key
   * may exist.
   *
   * @param signal gives up waiting for the reply, after which nobody knows
   */
  createKey(key: NewKey, signal?: AbortSignal): Promise<AtlasResult<CreatedKey>>;
  /** Sent once. A failure says whether the key may have the new name. */
  renameKey(groupId: string, apiKeyId: string, name: string): Promise<AtlasResult<ModelKey>>;
  /** Sent until it is answered. That the key is not there is a failure too: a read says whether it is gone. */
  deleteKey(groupId: string, apiKeyId: string): Promise<AtlasResult<undefined>>;
  /** Every project that the credential sees, or of one organization. */
  listProjects(orgId: string | undefined, signal?: AbortSignal): Promise<AtlasResult<readonly Project[]>>;
  /** Of the same list, one page as {@link readKeys} gives it. */
  readProjects(orgId: string | undefined, from: Position, signal?: AbortSignal): Promise<AtlasResult<Slice<Project>>>;
  listRateLimits(scope: Scope, signal?: AbortSignal): Promise<AtlasResult<readonly RateLimit[]>>;
  /** Sent once, like the next. A failure says whether limits may have changed. */
  updateRateLimit(place: LimitPlace, limits: Limits): Promise<AtlasResult<RateLimit>>;
  /** One limit, or all of the project. */
  resetRateLimits(place: ResetPlace): Promise<AtlasResult<readonly RateLimit[]>>;
  describeCredential(signal?: AbortSignal): Promise<AtlasResult<CredentialDescription>>;
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
    getKey: (scope, apiKeyId, signal) =>
      ask(api, getKeyCall(scope, apiKeyId), (reply) => readKeyReply(reply, { ...scope, apiKeyId }), signal),
    createKey: (key, signal) => createKey(api, key, signal),
    renameKey: (groupId, apiKeyId, name) =>
      ask(api, renameKeyCall(groupId, apiKeyId, name), (reply) => readKeyReply(reply, { groupId, apiKeyId })),
    deleteKey: (groupId, apiKeyId) => deleteKey(api, groupId, apiKeyId),
    listProjects: (orgId, signal) => all(projectList(orgId), signal),
    readProjects: (orgId, from, signal) => readSlice(api, projectList(orgId), from, signal),
    listRateLimits: (scope, signal) => all(rateLimitList(scope), signal),
    updateRateLimit: (place, limits) =>
      ask(api, updateRateLimitCall(place, limits), (reply) => readRateLimitReply(reply, place)),
    resetRateLimits: (place) => resetRateLimits(api, place, limitMs),
    describeCredential: (signal) => ask(api, describeCredentialCall, readCredentialReply, signal),
    async close() {
      await authenticator.close?.();
      await api.close();
    },
  };
}

interface Connection {
  readonly transport: Transport;
  readonly authenticator: Authenticator;
}

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

async function ask<Value>(
  api: AdminApi,
  call: ApiCall,
  read: (reply: ApiReply) => AtlasResult<Value>,
  signal?: AbortSignal,
): Promise<AtlasResult<Value>> {
  const reply = await api.call(call, signal);
  return reply.ok ? read(reply.value) : reply;
}

async function createKey(api: AdminApi, key: NewKey, signal?: AbortSignal): Promise<AtlasResult<CreatedKey>> {
  const reply = await api.call(createKeyCall(key), signal);
  if (!reply.ok) return reply;
  return { ok: true, value: { ...readCreateReply(reply.value, key), warnings: reply.value.warnings } };
}

/** The reply of a reset may be the first of several pages. */
async function resetRateLimits(
  api: AdminApi,
  place: ResetPlace,
  limitMs: number,
): Promise<AtlasResult<readonly RateLimit[]>> {
  const reset = await ask(api, resetRateLimitsCall(place), (reply) => readResetReply(reply, place));
  if (!reset.ok) return reset;
  const { rows, next } = reset.value;
  const all = next && (await listAll(api, rateLimitList({ groupId: place.groupId }), { signal: undefined, limitMs }));
  return all?.ok ? all : { ok: true, value: rows };
}

async function deleteKey(api: AdminApi, groupId: string, apiKeyId: string): Promise<AtlasResult<undefined>> {
  const reply = await api.call(deleteKeyCall(groupId, apiKeyId));
  if (!reply.ok) return reply;
  return reply.value.status === 204
    ? { ok: true, value: undefined }
    : failed(protocolFailure('a reply to a delete that is not 204'));
}
