// The credential as Atlas describes it: its roles, its access list, and Atlas's clock. For people; nothing is decided
// by it.

import { parseJson } from '../text/json.ts';
import type { ApiCall, ApiReply } from './admin-api.ts';
import { apiPath } from './api-path.ts';
import { failed, protocolFailure, type AtlasResult } from './failure.ts';
import { ADDRESS, idField, OBJECT_ID, optionalFields } from './field.ts';
import { isObject, listField, type JsonObject } from './json.ts';
import { LARGEST_PAGE_REPLY } from './page.ts';
import { PROJECT_READER } from './scope.ts';

export interface CredentialDescription {
  /** Absent where Atlas describes none, as for a person's token. */
  readonly kind?: 'service account' | 'API key';
  readonly roles: readonly CredentialRole[];
  /** Addresses or CIDR blocks from which Atlas takes it. */
  readonly accessList: readonly string[];
  /** Atlas's clock, in milliseconds since the epoch. */
  readonly date?: number;
}

export interface CredentialRole {
  /** Such as `GROUP_MODEL_OWNER`. */
  readonly role: string;
  readonly groupId?: string;
  readonly orgId?: string;
}

const ROLE = /^[A-Z][A-Z0-9_]{0,79}$/;

/** A credential of many projects has a role in each. */
export const describeCredentialCall: ApiCall = {
  method: 'GET',
  path: apiPath``,
  role: PROJECT_READER,
  largestReply: LARGEST_PAGE_REPLY,
};

/** Only `apiKey` is published, and is null for a credential that is none. */
export function readCredentialReply({ body, date }: ApiReply): AtlasResult<CredentialDescription> {
  const content = parseJson(body ?? '');
  if (!isObject(content)) return failed(protocolFailure('an unreadable description of the credential'));
  const { apiKey, serviceAccount } = content;
  const shown = isObject(apiKey) ? apiKey : isObject(serviceAccount) ? serviceAccount : undefined;
  return {
    ok: true,
    value: {
      ...(shown && { kind: shown === apiKey ? 'API key' : 'service account' }),
      roles: entries(shown, 'roles').flatMap(credentialRole),
      accessList: entries(shown, 'accessList').flatMap(address),
      ...(date !== undefined && { date }),
    },
  };
}

function entries(shown: JsonObject | undefined, name: string): readonly JsonObject[] {
  return shown ? listField(shown, name).filter(isObject) : [];
}

function credentialRole(entry: JsonObject): CredentialRole[] {
  const role = idField(entry, 'roleName', ROLE);
  if (role === undefined) return [];
  return [{ role, ...optionalFields(entry, { groupId: OBJECT_ID, orgId: OBJECT_ID }) }];
}

/** An entry for one address has its block too. */
function address(entry: JsonObject): string[] {
  const block = idField(entry, 'cidrBlock', ADDRESS) ?? idField(entry, 'ipAddress', ADDRESS);
  return block === undefined ? [] : [block];
}
