// What a call is about: one project or one organization. The paths of both are built alike.

export type Scope = { readonly groupId: string } | { readonly orgId: string };

export interface ScopePlace {
  /** The first segment of the path. */
  readonly collection: 'groups' | 'orgs';
  readonly id: string;
  /** The role with which it can be read. */
  readonly reader: string;
}

export const PROJECT_READER = 'Project Read Only';
export const ORGANIZATION_READER = 'Organization Read Only';
/** The role with which keys and limits of a project can be changed. No organization's can. */
export const PROJECT_WRITER = 'Project Model Owner';

export function placeOf(scope: Scope): ScopePlace {
  return 'groupId' in scope
    ? { collection: 'groups', id: scope.groupId, reader: PROJECT_READER }
    : { collection: 'orgs', id: scope.orgId, reader: ORGANIZATION_READER };
}
