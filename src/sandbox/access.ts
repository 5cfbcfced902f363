// What a known caller may do: the project or organization of the path must exist and be its own, and a
// write needs the role for it.

import { refusal, refusedId } from './errors.ts';
import type { Reply } from './reply.ts';
import type { World } from './world.ts';

export function refuseAccess(
  world: World,
  { groupId, orgId }: Readonly<Record<string, string>>,
  writes: boolean,
): Reply | undefined {
  const scope = (groupId === undefined ? undefined : refuseProject(world, groupId)) ?? refuseOrganization(world, orgId);
  if (scope !== undefined) return scope;
  if (!writes || world.rules.role === 'model_owner') return undefined;
  return refusal(401, {
    errorCode: 'USER_UNAUTHORIZED',
    detail: 'The current user is not authorized to perform this action.',
  });
}

function refuseProject(world: World, groupId: string): Reply | undefined {
  const project = world.projects.get(groupId);
  if (project === undefined) {
    return refusedId(404, 'GROUP_NOT_FOUND', groupId, `The group ${groupId} could not be found.`);
  }
  if (project.orgId === world.organization.id) return undefined;
  return refusedId(401, 'USER_CANNOT_ACCESS_GROUP', groupId, `The credential has no access to the group ${groupId}.`);
}

function refuseOrganization(world: World, orgId: string | undefined): Reply | undefined {
  if (orgId === undefined) return undefined;
  const organization = world.organizations.get(orgId);
  if (organization === undefined) {
    return refusedId(404, 'ORG_NOT_FOUND', orgId, `The organization ${orgId} could not be found.`);
  }
  if (!organization.foreign) return undefined;
  return refusedId(401, 'USER_CANNOT_ACCESS_ORG', orgId, `The credential has no access to the organization ${orgId}.`);
}
