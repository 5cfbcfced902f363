// AI model API keys: for each call one function that makes it and a pure one that reads its reply.
// Source: https://www.mongodb.com/docs/api/doc/atlas-admin-api-v2/group/endpoint-ai-model-api-keys

import { Secret } from '../secret/secret.ts';
import { type ApiCall, type ApiReply } from './admin-api.ts';
import { apiPath } from './api-path.ts';
import { failed, protocolFailure, type AtlasFailure, type AtlasResult } from './failure.ts';
import { isObject, parseJson, textField, type JsonObject } from './json.ts';
import { pageOf, type Page } from './page.ts';

/** A key as Atlas shows it in lists. All text is cleaned. No field but the id is promised. */
export interface ModelKey {
  readonly apiKeyId: string;
  readonly name: string;
  readonly groupId?: string;
  /** Such as `al-****odu2`. */
  readonly maskedSecret?: string;
  readonly status?: string;
  readonly createdAt?: string;
  readonly createdBy?: string;
  /** Null until the key was used. */
  readonly lastUsedAt: string | null;
  readonly cloud?: string;
  readonly geography?: string;
  /** The host to which this key belongs, such as `ai.mongodb.com`. */
  readonly endpoint?: string;
}

export interface NewKey {
  readonly groupId: string;
  readonly name: string;
  readonly cloud: string;
  readonly geography: string;
}

const LONGEST_NAME = 250;
const LONGEST_FIELD = 100;
const API_KEY_ID = /^[A-Za-z0-9_-]{1,128}$/;
/** Visible ASCII, so that it fits a header, a line of a .env file and a command's input. */
const SECRET = /^[\x21-\x7e]{16,1024}$/;

const READ = 'Project Read Only';
const WRITE = 'Project Model Owner';

export function listKeysCall(groupId: string, page: Page): ApiCall {
  return { method: 'GET', path: `${apiPath`/groups/${groupId}/aiModelApiKeys`}?${page.query}`, role: READ };
}

/** Fails as a whole where one row has no id: a key that cannot be named cannot be told from another. */
export function readKeysReply(reply: ApiReply, page: Page): AtlasResult<{ keys: readonly ModelKey[]; next: Page | undefined }> {
  const content = pageOf(reply.body, page);
  const keys = content?.results.map(modelKey).filter((key) => key !== undefined);
  if (!content || keys?.length !== content.results.length) return failed(protocolFailure('an unreadable list of keys'));
  return { ok: true, value: { keys, next: content.next } };
}

/** The body of version 2025-03-12; the preview knows the name alone. */
export function createKeyCall({ groupId, name, cloud, geography }: NewKey): ApiCall {
  return {
    method: 'POST',
    path: apiPath`/groups/${groupId}/aiModelApiKeys`,
    role: WRITE,
    body: (version) => (version === 'preview' ? { name } : { name, cloud, geography }),
    refusal: (version) => (version === 'preview' && (cloud !== 'ANY' || geography !== 'ANY') ? scopeUnknown : undefined),
  };
}

/** A key whose scope was asked for is never made with another scope. */
const scopeUnknown: AtlasFailure = {
  code: 'INVALID_INPUT',
  message: 'cloud and geography cannot be chosen: the API version in use is the preview, which does not know them.',
  hint: 'Leave out cloud and geography, or the operator sets ATLAS_MODEL_KEYS_API_VERSION to 2025-03-12.',
  retryable: false,
  maybeCarriedOut: false,
};

/**
 * The only reply that ever has a secret. Without secret or id it is a protocol failure: the key may exist.
 * The secret is taken first, so that whatever else repeats it is redacted.
 */
export function readCreateReply(reply: ApiReply): AtlasResult<{ key: ModelKey; secret: Secret }> & { readonly apiKeyId?: string } {
  const body = parseJson(reply.body ?? '');
  if (!isObject(body)) return failed(protocolFailure('an unreadable reply to a create'));
  const secret = typeof body.secret === 'string' && SECRET.test(body.secret) ? new Secret(body.secret) : undefined;
  const key = modelKey(body);
  if (key && secret) return { ok: true, value: { key, secret } };
  return {
    ...failed(protocolFailure(secret ? 'a created key without an id' : 'a created key without a secret')),
    ...(key && { apiKeyId: key.apiKeyId }),
  };
}

export function deleteKeyCall(groupId: string, apiKeyId: string): ApiCall {
  return { method: 'DELETE', path: apiPath`/groups/${groupId}/aiModelApiKeys/${apiKeyId}`, role: WRITE };
}

function modelKey(row: unknown): ModelKey | undefined {
  if (!isObject(row)) return undefined;
  // An id is shown and kept: what redaction would touch is none.
  const apiKeyId = textField(row, 'apiKeyId', LONGEST_NAME);
  if (apiKeyId === undefined || apiKeyId !== row.apiKeyId || !API_KEY_ID.test(apiKeyId)) return undefined;
  return {
    apiKeyId,
    name: textField(row, 'name', LONGEST_NAME) ?? '',
    lastUsedAt: textField(row, 'lastUsedAt', LONGEST_FIELD) ?? null,
    ...maskedSecret(row),
    ...optional(row, 'groupId'),
    ...optional(row, 'status'),
    ...optional(row, 'createdAt'),
    ...optional(row, 'createdBy'),
    ...optional(row, 'cloud'),
    ...optional(row, 'geography'),
    ...optional(row, 'endpoint'),
  };
}

function optional<Name extends string>(row: JsonObject, name: Name): Partial<Record<Name, string>> {
  const value = textField(row, name, LONGEST_FIELD);
  // The compiler widens a computed key to string.
  const field: Partial<Record<string, string>> = value === undefined ? {} : { [name]: value };
  return field;
}

/** Only what has the look of a mask: a whole secret in this field is not passed on. */
function maskedSecret(row: JsonObject): { maskedSecret?: string } {
  const mask = textField(row, 'maskedSecret', LONGEST_FIELD);
  return mask !== undefined && /^[A-Za-z0-9_-]{0,8}\*{2,}[A-Za-z0-9_-]{0,4}$/.test(mask) ? { maskedSecret: mask } : {};
}
