// The calls that the sandbox answers: which of them a request is, what it asks of its sender, and how it is carried out.

import type { IncomingHttpHeaders } from 'node:http';
import { authenticate, refuseAccess } from './authentication.ts';
import type { Call, Handler } from './call.ts';
import { embed } from './embeddings.ts';
import { inVersion, negotiate, refuseContentType, type Span } from './media-types.ts';
import { keyHandlers as keys } from './model-keys.ts';
import { projectHandlers as projects } from './projects.ts';
import { limitHandlers as limits } from './rate-limits.ts';
import { refusal, type Reply } from './replies.ts';
import { tokenHandlers as tokens } from './token-endpoint.ts';
import type { World } from './world.ts';

/** A request that has arrived whole. */
export interface HttpRequest {
  readonly method: string;
  /** With the query, exactly as it was sent. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface AtlasRequest extends HttpRequest {
  /** `unknown` for a path or method that the API does not have. */
  readonly operation: Operation | 'unknown';
  /** The variable parts of the path, decoded. */
  readonly segments: Readonly<Record<string, string>>;
  /** Whether it is a call of the API, from a sender whose credentials were accepted. Others are only refused. */
  readonly isAdmitted: boolean;
  /** Carries it out, or refuses it, each time that it is called. */
  carryOut(): Reply;
}

export const OPERATIONS = [
  'token',
  'revoke',
  'embed',
  'credential',
  'list_projects',
  'list_orgs',
  'list_org_projects',
  'get_project',
  'get_project_by_name',
  'get_org',
  'list_keys',
  'create_key',
  'get_key',
  'update_key',
  'delete_key',
  'list_org_keys',
  'get_org_key',
  'list_rate_limits',
  'list_org_rate_limits',
  'get_rate_limit',
  'get_org_rate_limit',
  'update_rate_limit',
  'reset_rate_limit',
  'reset_rate_limits',
] as const;

export type Operation = (typeof OPERATIONS)[number];

interface Route {
  readonly operation: Operation;
  readonly method: string;
  readonly path: readonly string[];
  readonly handle: Handler;
  /** What is not of the Admin API checks its own credentials and knows no versions: OAuth, and the use of a key. */
  readonly isApart: boolean;
  /** Needs the role that may change things. */
  readonly writes: boolean;
  /** Needs a JSON body. */
  readonly takesBody: boolean;
  readonly span: Span;
}

type Match =
  | { readonly route: Route; readonly segments: Readonly<Record<string, string>> }
  /** No such path (404), or none for this method (405). */
  | { readonly route?: undefined; readonly segments?: undefined; readonly status: 404 | 405 };

const GROUP = '/api/atlas/v2/groups/{groupId}';
const ORG = '/api/atlas/v2/orgs/{orgId}';
const KEY = '/aiModelApiKeys/{apiKeyId}';
const LIMIT = '/aiModelApiClouds/{cloud}/geographies/{geography}/modelGroupNames/{modelGroupName}/rateLimits';

const PREVIEW_LIMIT = '/aiModelApiRateLimits/{modelGroupName}';

const writes = { writes: true };
const takesBody = { writes: true, takesBody: true };
/** What there was before model keys was never changed since. */
const first = { span: 'first' } as const;
/** A path with a scope in it came with the first dated version; the preview knows no scopes. */
const dated = { span: 'dated' } as const;
const preview = { span: 'preview' } as const;

const ROUTES: readonly Route[] = [
  route('token', 'POST', '/api/oauth/token', tokens.issueToken, { isApart: true }),
  route('revoke', 'POST', '/api/oauth/revoke', tokens.revokeToken, { isApart: true }),
  route('embed', 'POST', '/v1/embeddings', embed, { isApart: true }),
  route('credential', 'GET', '/api/atlas/v2', projects.describeCredential, first),
  route('list_projects', 'GET', '/api/atlas/v2/groups', projects.listProjects, first),
  route('list_orgs', 'GET', '/api/atlas/v2/orgs', projects.listOrgs, first),
  route('list_org_projects', 'GET', `${ORG}/groups`, projects.listProjects, first),
  route('get_project_by_name', 'GET', '/api/atlas/v2/groups/byName/{groupName}', projects.getProjectByName, first),
  route('get_project', 'GET', GROUP, projects.getProject, first),
  route('get_org', 'GET', ORG, projects.getOrg, first),
  route('list_keys', 'GET', `${GROUP}/aiModelApiKeys`, keys.listKeys),
  route('create_key', 'POST', `${GROUP}/aiModelApiKeys`, keys.createKey, takesBody),
  route('get_key', 'GET', GROUP + KEY, keys.getKey),
  route('update_key', 'PATCH', GROUP + KEY, keys.updateKey, takesBody),
  route('delete_key', 'DELETE', GROUP + KEY, keys.deleteKey, writes),
  route('list_org_keys', 'GET', `${ORG}/aiModelApiKeys`, keys.listOrgKeys),
  route('get_org_key', 'GET', ORG + KEY, keys.getKey),
  route('list_rate_limits', 'GET', `${GROUP}/aiModelApiRateLimits`, limits.listRateLimits),
  route('list_org_rate_limits', 'GET', `${ORG}/aiModelApiRateLimits`, limits.listOrgRateLimits),
  route('reset_rate_limits', 'POST', `${GROUP}/aiModelApiRateLimits:reset`, limits.resetRateLimits, writes),
  route('get_rate_limit', 'GET', GROUP + LIMIT, limits.getRateLimit, dated),
  route('get_org_rate_limit', 'GET', ORG + LIMIT, limits.getOrgRateLimit, dated),
  route('update_rate_limit', 'PATCH', GROUP + LIMIT, limits.updateRateLimit, { ...dated, ...takesBody }),
  route('reset_rate_limit', 'POST', `${GROUP}${LIMIT}:reset`, limits.resetRateLimit, { ...dated, ...writes }),
  route('update_rate_limit', 'PATCH', GROUP + PREVIEW_LIMIT, limits.updateRateLimit, { ...preview, ...takesBody }),
  route('reset_rate_limit', 'POST', `${GROUP}${PREVIEW_LIMIT}:reset`, limits.resetRateLimit, { ...preview, ...writes }),
];

/** Without credentials not even a wrong path is told from a right one. */
export function understand(world: World, request: HttpRequest): AtlasRequest {
  const matched = match(request.method, request.path);
  const { route, segments = {} } = matched;
  const operation = route?.operation ?? 'unknown';
  const refuse = (refused: Reply): AtlasRequest => ({
    ...request,
    operation,
    segments,
    isAdmitted: false,
    carryOut: () => refused,
  });
  const admission = route?.isApart ? ({ caller: { kind: 'nobody', name: '' } } as const) : authenticate(world, request);
  if ('refused' in admission) return refuse(admission.refused);
  if (route === undefined) {
    return refuse(refusal(matched.status, { errorCode: 'RESOURCE_NOT_FOUND', detail: 'Cannot find resource.' }));
  }
  const [path = '', ...query] = request.path.split('?');
  const { headers, body } = request;
  const call = { path, segments, query: new URLSearchParams(query.join('?')), headers, body, ...admission };
  return { ...request, operation, segments, isAdmitted: true, carryOut: () => carryOut(world, route, call) };
}

function carryOut(world: World, route: Route, call: Omit<Call, 'version'>): Reply {
  if (route.isApart) return route.handle(world, { ...call, version: '' });
  const negotiated = negotiate(call.headers.accept, world.rules, route.span);
  if ('refused' in negotiated) return negotiated.refused;
  const { version } = negotiated;
  const refused =
    refuseAccess(world, call.segments, route.writes) ??
    (route.takesBody ? refuseContentType(call.headers['content-type'], version) : undefined);
  return inVersion(version, world.rules, refused ?? route.handle(world, { ...call, version }));
}

/** Nothing is normalised: `..` is a name like any. */
function match(method: string, path: string): Match {
  const given = (path.split('?', 1)[0] ?? '').split('/').map(decoded);
  const here = ROUTES.flatMap((each) => {
    const segments = segmentsOf(each.path, given);
    return segments === undefined ? [] : [{ route: each, segments }];
  });
  return here.find((each) => each.route.method === method) ?? { status: here.length > 0 ? 405 : 404 };
}

type Demands = Partial<Pick<Route, 'isApart' | 'writes' | 'takesBody' | 'span'>>;

function route(operation: Operation, method: string, path: string, handle: Handler, demands: Demands = {}): Route {
  const none = { isApart: false, writes: false, takesBody: false, span: 'all' } as const;
  return { operation, method, path: path.split('/'), handle, ...none, ...demands };
}

function segmentsOf(pattern: readonly string[], given: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== given.length) return undefined;
  const segments: Record<string, string> = {};
  for (const [index, part] of pattern.entries()) {
    const value = given[index] ?? '';
    const [, name, tail = ''] = /^\{(\w+)\}(:\w+)?$/.exec(part) ?? [];
    if (name === undefined ? value !== part : !value.endsWith(tail) || value === tail) return undefined;
    if (name !== undefined) segments[name] = value.slice(0, value.length - tail.length);
  }
  return segments;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
