// The credential as Atlas describes it, for people (nothing is decided by it), and the projects that it can see.
// Source: https://www.mongodb.com/docs/api/doc/atlas-admin-api-v2/group/endpoint-projects

import { failed, ok, type FailureAfterSend, type Result } from '../../failure.ts';
import { apiPath, PROJECT_READER, scopePath, type ApiCall, type ApiReply } from './admin-api.ts';
import { protocolFailure } from './errors.ts';
import { LARGEST_PAGE_REPLY, type List } from './pages.ts';
import { isObject, parseObject, type JsonObject } from '../../text/text.ts';
import { ADDRESS, idField, listField, nameField, OBJECT_ID, optionalFields } from './untrusted-text.ts';

/** No field is promised. The name is cleaned: for reading only. */
export interface Project {
  readonly groupId?: string;
  readonly name: string;
  readonly orgId?: string;
}

/** Of one organization, or all that the credential sees. */
export function projectList(orgId: string | undefined): List<Project> {
  const { path, role } =
    orgId === undefined
      ? { path: apiPath`/groups`, role: PROJECT_READER }
      : { path: apiPath`/orgs/${orgId}/groups`, role: scopePath({ orgId }).reader };
  return { path, role, rowsAre: 'projects', readRow: project, identityOf: ({ groupId }) => groupId };
}

function project(row: JsonObject): Project {
  const groupId = idField(row, 'id', OBJECT_ID);
  return {
    ...(groupId !== undefined && { groupId }),
    name: nameField(row),
    ...optionalFields(row, { orgId: OBJECT_ID }),
  };
}

export interface CredentialDescription {
  /** Absent where Atlas describes none, as for a person's token. */
  readonly kind?: 'service account' | 'API key';
  readonly roles: readonly CredentialRole[];
  /** Addresses or CIDR blocks from which Atlas takes it. */
  readonly accessList: readonly string[];
  /** Atlas's clock, in milliseconds since the epoch. */
  readonly date?: number;
}

interface CredentialRole {
  /** Such as `GROUP_MODEL_OWNER`. */
  readonly role: string;
  readonly groupId?: string;
  readonly orgId?: string;
}

const ROLE = /^[A-Z][A-Z0-9_]{0,79}$/;

/** A credential of many projects has a role in each. */
export const describeCredentialCall: ApiCall<CredentialDescription> = {
  method: 'GET',
  path: apiPath``,
  role: PROJECT_READER,
  largestReply: LARGEST_PAGE_REPLY,
  read: readCredential,
};

/** Only `apiKey` is published; it is null for a credential that is not an API key. */
function readCredential({ body, date }: ApiReply): Result<CredentialDescription, FailureAfterSend> {
  const content = parseObject(body);
  if (!content) return failed(protocolFailure('an unreadable description of the credential'));
  const { apiKey, serviceAccount } = content;
  const shown = isObject(apiKey) ? apiKey : isObject(serviceAccount) ? serviceAccount : undefined;
  return ok({
    ...(shown && { kind: shown === apiKey ? 'API key' : 'service account' }),
    roles: entries(shown, 'roles').flatMap(credentialRole),
    accessList: entries(shown, 'accessList').flatMap(address),
    ...(date !== undefined && { date }),
  });
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
