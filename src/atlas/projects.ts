// Projects that a credential can see: where they are listed, and how a row is read.
// Source: https://www.mongodb.com/docs/api/doc/atlas-admin-api-v2/group/endpoint-projects

import { apiPath } from './api-path.ts';
import { idField, nameField, OBJECT_ID, optionalFields } from './field.ts';
import type { JsonObject } from './json.ts';
import type { List } from './page.ts';
import { ORGANIZATION_READER, PROJECT_READER } from './scope.ts';

/** No field is promised. The name is cleaned: for reading only. */
export interface Project {
  readonly groupId?: string;
  readonly name: string;
  readonly orgId?: string;
}

/** Of one organization, or all that the credential sees. */
export function projectList(orgId: string | undefined): List<Project> {
  const of =
    orgId === undefined
      ? { path: apiPath`/groups`, role: PROJECT_READER }
      : { path: apiPath`/orgs/${orgId}/groups`, role: ORGANIZATION_READER };
  return { ...of, rowsAre: 'projects', readRow: project, identityOf: ({ groupId }) => groupId };
}

function project(row: JsonObject): Project {
  const groupId = idField(row, 'id', OBJECT_ID);
  return {
    ...(groupId !== undefined && { groupId }),
    name: nameField(row),
    ...optionalFields(row, { orgId: OBJECT_ID }),
  };
}
