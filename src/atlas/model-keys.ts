// AI model API keys: for each call one function that makes it and a pure one that reads its reply.
// Source: https://www.mongodb.com/docs/api/doc/atlas-admin-api-v2/group/endpoint-ai-model-api-keys

import { Secret } from '../secret/secret.ts';
import { type ApiCall, type ApiReply } from './admin-api.ts';
import { apiPath } from './api-path.ts';
import { failed, protocolFailure, type AtlasFailure, type AtlasResult } from './failure.ts';
import { parseJson } from '../text/json.ts';
import { isObject, textField, type JsonObject } from './json.ts';
import { LARGEST_PAGE_REPLY, pageOf, type Page } from './page.ts';

/**
 * A key as Atlas shows it in lists. No field but the id is promised. All text is cleaned, so that a name is for reading
 * only; {@link isNamed} compares.
 */
export interface ModelKey {
  readonly apiKeyId: string;
  readonly name: string;
  readonly groupId?: string;
  /** Such as `al-****odu2`. */
  readonly maskedSecret?: string;
  readonly status?: string;
  readonly createdAt?: string;
  readonly createdBy?: string;
  /** Null only where Atlas says that the key was never used; `unknown` where it does not say when. */
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
/** Longer than any form below allows: none fits because it was cut. */
const LONGEST_FORMED = 300;
const API_KEY_ID = /^[A-Za-z0-9_-]{1,128}$/;
/** Fits a header, a line of a .env file, a command's input and a JSON text, without anything to escape. */
const SECRET = /^[A-Za-z0-9_.~+/=-]{16,1024}$/;

/** Fields that are no prose: a text that does not look so counts as absent, since it could be an instruction. */
const GROUP_ID = /^[a-f0-9]{24}$/;
const WORD = /^[A-Za-z0-9_-]{1,40}$/;
const TIMESTAMP = /^[0-9T:.+Z-]{10,40}$/;
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9-]+(?:\.[a-z0-9-]+)+$/i;
const MASK = /^(?:al-(?:[a-z]{2,10}-)?)?\*{2,}[A-Za-z0-9_-]{0,4}$/;

/** Names as Atlas sent them. They may be hostile or hold a secret, so that they are in no field. */
const rawNames = new WeakMap<ModelKey, string>();

const READ = 'Project Read Only';
const WRITE = 'Project Model Owner';

export function listKeysCall(groupId: string, page: Page): ApiCall {
  return {
    method: 'GET',
    path: `${apiPath`/groups/${groupId}/aiModelApiKeys`}?${page.query}`,
    role: READ,
    largestReply: LARGEST_PAGE_REPLY,
  };
}

/**
 * Whether the key has this name, as Atlas has it or as it is shown.
 *
 * @param key the object itself that a list or a create gave: a copy is known by its shown name alone
 */
export function isNamed(key: ModelKey, name: string): boolean {
  return sameName(rawNames.get(key) ?? key.name, name) || sameName(key.name, name);
}

/** Unicode has several spellings of one text, of which Atlas may keep another than it was sent. */
function sameName(one: string, other: string): boolean {
  return one.normalize('NFC') === other.normalize('NFC');
}

/** Fails as a whole where one row has no id: a key that cannot be named cannot be told from another. */
export function readKeysReply(
  reply: ApiReply,
  page: Page,
): AtlasResult<{ keys: readonly ModelKey[]; next: Page | undefined }> {
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
    refusal: (version) =>
      version === 'preview' && (cloud !== 'ANY' || geography !== 'ANY') ? scopeUnknown : undefined,
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
 *
 * @param asked what was to be created; the id in a reply about another key is not passed on, since it might be deleted
 */
export function readCreateReply(
  reply: ApiReply,
  asked: NewKey,
): AtlasResult<{ key: ModelKey; secret: Secret }> & { readonly apiKeyId?: string } {
  const body = parseJson(reply.body ?? '');
  if (!isObject(body)) return failed(protocolFailure('an unreadable reply to a create'));
  const secret = typeof body.secret === 'string' && SECRET.test(body.secret) ? new Secret(body.secret) : undefined;
  if (!isAbout(body, asked)) return failed(protocolFailure('a reply to a create that is about another key'));
  const key = modelKey(body);
  if (key && secret) return { ok: true, value: { key, secret } };
  return {
    ...failed(protocolFailure(secret ? 'a created key without an id' : 'a created key without a secret')),
    ...(key && { apiKeyId: key.apiKeyId }),
  };
}

function isAbout({ name, groupId }: JsonObject, asked: NewKey): boolean {
  return (
    (typeof name !== 'string' || sameName(name, asked.name)) &&
    (typeof groupId !== 'string' || groupId === asked.groupId)
  );
}

export function deleteKeyCall(groupId: string, apiKeyId: string): ApiCall {
  return { method: 'DELETE', path: apiPath`/groups/${groupId}/aiModelApiKeys/${apiKeyId}`, role: WRITE };
}

function modelKey(row: unknown): ModelKey | undefined {
  if (!isObject(row)) return undefined;
  // An id is shown and kept: what redaction would touch is none.
  const apiKeyId = textField(row, 'apiKeyId', LONGEST_NAME);
  if (apiKeyId === undefined || apiKeyId !== row.apiKeyId || !API_KEY_ID.test(apiKeyId)) return undefined;
  const key: ModelKey = {
    apiKeyId,
    name: textField(row, 'name', LONGEST_NAME) ?? '',
    lastUsedAt: lastUsedAt(row),
    ...optional(row, 'groupId', GROUP_ID),
    ...optional(row, 'maskedSecret', MASK),
    ...optional(row, 'status', WORD),
    ...optional(row, 'createdAt', TIMESTAMP),
    ...optional(row, 'createdBy'),
    ...optional(row, 'cloud', WORD),
    ...optional(row, 'geography', WORD),
    ...optional(row, 'endpoint', HOST_NAME),
  };
  if (typeof row.name === 'string') rawNames.set(key, row.name);
  return key;
}

/** A key that was never used may be deleted: only a plain null says so. */
function lastUsedAt(row: JsonObject): string | null {
  if (row.lastUsedAt === null) return null;
  return optional(row, 'lastUsedAt', TIMESTAMP).lastUsedAt ?? 'unknown';
}

/** @param form what the field must look like; else it counts as absent. Prose where not given */
function optional<Name extends string>(row: JsonObject, name: Name, form?: RegExp): Partial<Record<Name, string>> {
  const value = textField(row, name, form ? LONGEST_FORMED : LONGEST_FIELD);
  // The compiler widens a computed key to string.
  const field: Partial<Record<string, string>> =
    value === undefined || form?.test(value) === false ? {} : { [name]: value };
  return field;
}
