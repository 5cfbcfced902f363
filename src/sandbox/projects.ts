// The calls that tell a credential what it can see: projects, organizations, and itself.

import type { Caller } from './authentication.ts';
import { segment, type Handler } from './call.ts';
import { pageOf } from './pages.ts';
import { refusedId, success, type Json, type Reply } from './replies.ts';
import { ownProjects, type Organization, type Project, type World } from './world.ts';

export const projectHandlers = {
  /** Of all projects, and of those of one organization: the sandbox's credentials see one organization. */
  listProjects: (world, call) =>
    pageOf(world, call, { rows: ownProjects(world), show: shownProject, countIsOptional: true }),

  listOrgs: (world, call) =>
    pageOf(world, call, {
      rows: [world.organization],
      show: shownOrg,
      countIsOptional: true,
    }),

  getProject: (world, call) => {
    const project = world.projects.get(segment(call, 'groupId'));
    return project ? success(shownProject(project)) : noSuchProject(segment(call, 'groupId'));
  },

  getProjectByName: (world, call) => {
    const name = segment(call, 'groupName');
    const project = ownProjects(world).find((each) => each.name === name);
    return project ? success(shownProject(project)) : noSuchProject(name);
  },

  /** Access to it was checked before, and there is one organization to which it is given. */
  getOrg: (world) => success(shownOrg(world.organization)),

  /** `apiKey` is published as null for a credential that is none; what describes the others is not published. */
  describeCredential: (world, call) =>
    success({
      appName: 'MongoDB Atlas',
      build: '0000000000000000000000000000000000000000',
      throttling: false,
      links: [],
      ...described(world, call.caller),
    }),
} satisfies Record<string, Handler>;

function described(world: World, caller: Caller): Json {
  const grants = {
    accessList: [{ cidrBlock: '127.0.0.1/32', ipAddress: '127.0.0.1' }],
    roles: [
      { orgId: world.organization.id, roleName: 'ORG_READ_ONLY' },
      ...ownProjects(world).map(({ id }) => ({ groupId: id, roleName: projectRole(world) })),
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

function projectRole(world: World): string {
  return world.rules.role === 'model_owner' ? 'GROUP_MODEL_OWNER' : 'GROUP_READ_ONLY';
}

function shownProject({ id, name, orgId, created }: Project): Json {
  return { id, name, orgId, created, clusterCount: 0, links: [] };
}

function shownOrg({ id, name }: Organization): Json {
  return { id, name, isDeleted: false, links: [] };
}

function noSuchProject(idOrName: string): Reply {
  return refusedId(404, 'GROUP_NOT_FOUND', idOrName, `The group ${idOrName} could not be found.`);
}
