// AI model API keys: the calls, and what their replies say.
// Source: https://www.mongodb.com/docs/api/doc/atlas-admin-api-v2/group/endpoint-ai-model-api-keys

import { failed, ok, refusal, type Failure, type FailureAfterSend, type Result } from '../../failure.ts';
import { hasSecretForm } from '../../secret/redaction.ts';
import { Secret } from '../../secret/secret.ts';
import { apiPath, scopePath, PROJECT_WRITER, type ApiCall, type ApiReply, type Scope } from './admin-api.ts';
import { protocolFailure } from './errors.ts';
import type { List } from './pages.ts';
import { parseObject, type JsonObject } from '../../text/text.ts';
import { ENDPOINT, idField, nameField, OBJECT_ID, optionalFields, textField } from './untrusted-text.ts';

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
  /** Null where the key was never used. Else the time as Atlas wrote it, whatever its form. */
  readonly lastUsedAt: string | null;
  readonly cloud?: string;
  readonly geography?: string;
  /** The host to which this key belongs, such as `ai.mongodb.com`. */
  readonly endpoint?: string;
}

/** A key was made. Key and secret are absent where the reply did not have them. */
export interface CreatedKey {
  readonly key?: ModelKey;
  readonly secret?: Secret;
  readonly warnings: readonly string[];
}

/** A row of a list. Atlas promises no field, not even the id: without one, nothing can be done about the key. */
export type ListedKey = Omit<ModelKey, 'apiKeyId'> & Partial<Pick<ModelKey, 'apiKeyId'>>;

export interface NewKey {
  readonly groupId: string;
  readonly name: string;
  readonly cloud: string;
  readonly geography: string;
}

const API_KEY_ID = /^[A-Za-z0-9_-]{1,128}$/;
/** Fits a header, a line of a .env file, a command's input and a JSON text, without anything to escape. */
const SECRET = /^[A-Za-z0-9_.~+/=-]{16,1024}$/;

/** What hides must be seen to hide, and what is shown be too little to be of use. */
const MASK = /^(?:[a-z]{2,10}-){0,3}[*\u2022.\u2026]{2,64}[A-Za-z0-9_-]{0,4}$/;

/** Free text but what is an id, a mask, or a host to which a secret may be sent. */
const FORMS = {
  groupId: OBJECT_ID,
  maskedSecret: MASK,
  status: 'prose',
  createdAt: 'prose',
  createdBy: 'prose',
  cloud: 'prose',
  geography: 'prose',
  endpoint: ENDPOINT,
} as const;

/**
 * Names as Atlas sent them. They may be hostile or hold a secret, so that they are in no field. One that is longer than
 * any name is not kept: 50,000 of them would fill the memory.
 */
const rawNames = new WeakMap<ListedKey, string>();
/** In UTF-16 units. Atlas allows 250 code points, of which normalization can make more. */
const LONGEST_RAW_NAME = 1_000;
const LONGEST_TIME = 60;

/** @param role that the caller needs in the end, for the advice in an error; by default the one that may read */
export function keyList(scope: Scope, role?: string): List<ListedKey> {
  const { collection, id, reader } = scopePath(scope);
  return {
    path: apiPath`/${collection}/${id}/aiModelApiKeys`,
    role: role ?? reader,
    rowsAre: 'keys',
    readRow: listedKey,
    identityOf: ({ apiKeyId }) => apiKeyId,
  };
}

/**
 * What to warn of where a key has another scope than was asked for; undefined where it has the same, or the reply (as in
 * the preview) does not say. The case of the words does not matter.
 */
export function scopeDifference(
  asked: Pick<NewKey, 'cloud' | 'geography'>,
  got: Pick<ListedKey, 'cloud' | 'geography'>,
): string | undefined {
  const differences = (['cloud', 'geography'] as const).flatMap((name) => {
    const has = got[name];
    if (has === undefined || has.toLowerCase() === asked[name].toLowerCase()) return [];
    return [`${name} ${JSON.stringify(asked[name])} was asked for, and Atlas says ${JSON.stringify(has)}`];
  });
  if (differences.length === 0) return undefined;
  return `The key has another scope than was asked for: ${differences.join('; ')}. It cannot be changed: delete the key if that matters.`;
}

/** Whether a listed key can be read, renamed or deleted. */
export function hasId(key: ListedKey): key is ModelKey {
  return key.apiKeyId !== undefined;
}

/**
 * Whether the key has this name, as Atlas has it or as it is shown.
 *
 * @param key the object itself that a list or a create gave: a copy is known only by its shown name
 */
export function isNamed(key: ListedKey, name: string): boolean {
  return sameName(rawNames.get(key) ?? key.name, name) || sameName(key.name, name);
}

/** The name as Atlas has it, fit for nothing but being sent back to Atlas. */
export function originalName(key: ListedKey): string {
  return rawNames.get(key) ?? key.name;
}

/** Unicode has several spellings of one text, of which Atlas may keep another than it was sent. */
export function sameName(one: string, other: string): boolean {
  return one.normalize('NFC') === other.normalize('NFC');
}

export function getKeyCall(scope: Scope, apiKeyId: string): ApiCall<ModelKey> {
  const { collection, id, reader } = scopePath(scope);
  return {
    method: 'GET',
    path: apiPath`/${collection}/${id}/aiModelApiKeys/${apiKeyId}`,
    role: reader,
    read: (reply) => readKey(reply, { ...scope, apiKeyId }),
  };
}

/**
 * Of a read or a rename. A reply about another key is a protocol failure; its name may be spelled otherwise than it was sent,
 * so that only the ids tell.
 */
function readKey(
  reply: ApiReply,
  asked: { readonly apiKeyId: string; readonly groupId?: string; readonly orgId?: string },
): Result<ModelKey, FailureAfterSend> {
  const body = parseObject(reply.body);
  const key = body && modelKey(body);
  if (!key) return failed(protocolFailure('an unreadable key'));
  if (key.apiKeyId !== asked.apiKeyId || !isOfProject(body, asked.groupId))
    return failed(protocolFailure('a reply about another key'));
  return ok(key);
}

export function renameKeyCall(groupId: string, apiKeyId: string, name: string): ApiCall<ModelKey> {
  return {
    method: 'PATCH',
    path: apiPath`/groups/${groupId}/aiModelApiKeys/${apiKeyId}`,
    role: PROJECT_WRITER,
    body: () => ({ name }),
    read: (reply) => readKey(reply, { groupId, apiKeyId }),
  };
}

/** The body of version 2025-03-12; the preview knows only the name. */
export function createKeyCall({ groupId, name, cloud, geography }: NewKey): ApiCall<CreatedKey> {
  return {
    method: 'POST',
    path: apiPath`/groups/${groupId}/aiModelApiKeys`,
    role: PROJECT_WRITER,
    body: (version) => (version === 'preview' ? { name } : { name, cloud, geography }),
    refusal: (version) =>
      version === 'preview' && (cloud !== 'ANY' || geography !== 'ANY') ? scopeUnknown : undefined,
    read: (reply) => ok(readCreated(reply, groupId)),
  };
}

/** A key whose scope was asked for is never made with another scope. */
const scopeUnknown = refusal(
  'INVALID_INPUT',
  'cloud and geography cannot be chosen: the API version in use is the preview, which does not know them.',
  'Leave out cloud and geography, or the operator sets ATLAS_MODEL_KEYS_API_VERSION to 2025-03-12.',
);

/**
 * The only reply that ever has a secret. A success status always means that a key was made, whatever the reply lacks: then
 * the name of the key tells which it is. The secret is taken first, so that whatever else repeats it is redacted.
 */
function readCreated({ body: text, warnings }: ApiReply, groupId: string): CreatedKey {
  const body = parseObject(text);
  if (!body) return { warnings };
  const secret = isSecret(body) ? new Secret(body.secret) : undefined;
  const key = isOfProject(body, groupId) ? modelKey(body) : undefined;
  return { ...(key && { key }), ...(secret && { secret }), warnings };
}

/** A word that an answer or the journal may hold anyway does not count as a secret: it could not be kept out of them. */
function isSecret(body: JsonObject): body is JsonObject & { readonly secret: string } {
  const { secret } = body;
  return typeof secret === 'string' && SECRET.test(secret) && hasSecretForm(secret);
}

/** As far as both say it. */
function isOfProject({ groupId }: JsonObject, asked: string | undefined): boolean {
  return typeof groupId !== 'string' || asked === undefined || groupId === asked;
}

export function deleteKeyCall(groupId: string, apiKeyId: string): ApiCall<undefined> {
  return {
    method: 'DELETE',
    path: apiPath`/groups/${groupId}/aiModelApiKeys/${apiKeyId}`,
    role: PROJECT_WRITER,
    read: ({ status }) =>
      status === 204 ? ok(undefined) : failed(protocolFailure('a reply to a delete that is not 204')),
  };
}

/** Whether Atlas itself says that the key is not there. A page from a proxy says nothing of it, nor does an unknown project. */
export function saysNoSuchKey({ code, atlas }: Failure): boolean {
  return code === 'ATLAS_NOT_FOUND' && atlas?.errorCode === 'RESOURCE_NOT_FOUND';
}

function modelKey(row: JsonObject): ModelKey | undefined {
  const key = listedKey(row);
  return hasId(key) ? key : undefined;
}

function listedKey(row: JsonObject): ListedKey {
  const apiKeyId = idField(row, 'apiKeyId', API_KEY_ID);
  const key: ListedKey = {
    ...(apiKeyId !== undefined && { apiKeyId }),
    name: nameField(row),
    lastUsedAt: lastUsedAt(row),
    ...optionalFields(row, FORMS),
  };
  if (typeof row.name === 'string' && row.name.length <= LONGEST_RAW_NAME) rawNames.set(key, row.name);
  return key;
}

/** Null and absent say the same: never used. A key whose time cannot be read was used. */
function lastUsedAt(row: JsonObject): string | null {
  if (row.lastUsedAt === null || row.lastUsedAt === undefined) return null;
  return textField(row, 'lastUsedAt', LONGEST_TIME) ?? 'at a time of unknown form';
}
