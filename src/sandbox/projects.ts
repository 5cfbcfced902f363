// The calls that tell a credential what it can see: projects, organizations, and itself.

import type { Caller } from './authentication.ts';
import { pageOf, refusedReply, reply, type Handler, type Json, type Reply } from './call.ts';
import { ownProjects, type Project, type World } from './world.ts';

export const projectHandlers = {
  /** Of all projects, and of those of one organization: the sandbox's credentials see one organization. */
  listProjects: (world, call) =>
    pageOf(world, call, { rows: ownProjects(world), show: shownProject, countIsOptional: true }),

  listOrgs: (world, call) => pageOf(world, call, { rows: [world.organization], show: shownOrg, countIsOptional: true }),

  getProject: (world, { segments: { groupId = '' } }) => projectOrRefusal(world.projects.get(groupId), groupId),

  getProjectByName: (world, { segments: { groupName = '' } }) =>
    projectOrRefusal(
      ownProjects(world).find(({ name }) => name === groupName),
      groupName,
    ),

  /** Access to it was checked before, and there is one organization to which it is given. */
  getOrg: (world) => reply(200, shownOrg(world.organization)),

  /** `apiKey` is published as null for a credential that is none; what describes the others is not published. */
  describeCredential: (world, call) =>
    reply(200, {
      appName: 'MongoDB Atlas',
      build: '0000000000000000000000000000000000000000',
      throttling: false,
      links: [],
      ...described(world, call.caller),
    }),
} satisfies Record<string, Handler>;

function described(world: World, caller: Caller): Json {
  const roleName = world.rules.role === 'model_owner' ? 'GROUP_MODEL_OWNER' : 'GROUP_READ_ONLY';
  const grants = {
    accessList: [{ cidrBlock: '127.0.0.1/32', ipAddress: '127.0.0.1' }],
    roles: [
      { orgId: world.organization.id, roleName: 'ORG_READ_ONLY' },
      ...ownProjects(world).map(({ id }) => ({ groupId: id, roleName })),
    ],
  };
  switch (caller.kind) {
    case 'api_key':
      return { apiKey: { id: world.organization.id, publicKey: world.credentials.publicKey, ...grants } };
    case 'service_account':
      return { apiKey: null, serviceAccount: { clientId: world.credentials.clientId, name: caller.name, ...grants } };
    case 'person':
    case 'nobody':
      return { apiKey: null };
  }
}

function shownProject({ id, name, orgId, created }: Project): Json {
  return { id, name, orgId, created, clusterCount: 0, links: [] };
}

function shownOrg({ id, name }: World['organization']): Json {
  return { id, name, isDeleted: false, links: [] };
}

function projectOrRefusal(project: Project | undefined, idOrName: string): Reply {
  if (project) return reply(200, shownProject(project));
  const detail = `The group ${idOrName} could not be found.`;
  return refusedReply(404, { errorCode: 'GROUP_NOT_FOUND', detail, parameters: [idOrName] });
}
