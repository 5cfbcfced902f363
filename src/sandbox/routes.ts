// The calls that the sandbox answers: which of them a request is, what it asks of its sender, in which version of the API it
// is answered, and how it is carried out.

import type { IncomingHttpHeaders } from 'node:http';
import { authenticate, refuseAccess, tokenHandlers as tokens } from './authentication.ts';
import { refusedReply, type Call, type Handler, type Refused, type Reply } from './call.ts';
import { embed } from './embeddings.ts';
import { keyHandlers as keys } from './model-keys.ts';
import { projectHandlers as projects } from './projects.ts';
import { limitHandlers as limits } from './rate-limits.ts';
import type { Rules, World } from './world.ts';

/** A request that has arrived whole. */
interface HttpRequest {
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

const FIRST_VERSION = '2023-01-01';

const DATE = /^\d{4}-\d{2}-\d{2}$/;

const VERSIONED = /^application\/vnd\.atlas\.([0-9a-z-]+)\+json$/;

const DEPRECATED_SINCE = 'Thu, 16 Jul 2026 00:00:00 GMT';
const SUNSET = 'Fri, 16 Jul 2027 00:00:00 GMT';

/**
 * In which versions a path exists: all that are offered, the dated ones of them, the preview of them; or only the first
 * version there was, to which any later date resolves.
 */
type Span = 'all' | 'dated' | 'preview' | 'first';

interface Route<Name extends string = string> {
  readonly operation: Name;
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
  | { readonly route: Route<Operation>; readonly segments: Readonly<Record<string, string>> }
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

const ROUTES = [
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

export type Operation = (typeof ROUTES)[number]['operation'];

export const OPERATIONS: ReadonlySet<Operation> = new Set(ROUTES.map(({ operation }) => operation));

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
    return refuse(refusedReply(matched.status, { errorCode: 'RESOURCE_NOT_FOUND', detail: 'Cannot find resource.' }));
  }
  const [path = '', ...query] = request.path.split('?');
  const { headers, body } = request;
  const call = { path, segments, query: new URLSearchParams(query.join('?')), headers, body, ...admission };
  return { ...request, operation, segments, isAdmitted: true, carryOut: () => carryOut(world, route, call) };
}

function carryOut(world: World, route: Route, call: Omit<Call, 'isPreview'>): Reply {
  if (route.isApart) return route.handle(world, { ...call, isPreview: false });
  const negotiated = negotiate(call.headers.accept, world.rules, route.span);
  if ('refused' in negotiated) return negotiated.refused;
  const { version } = negotiated;
  const refused =
    refuseAccess(world, call.segments, route.writes) ??
    (route.takesBody ? refuseContentType(call.headers['content-type'], version) : undefined);
  return inVersion(version, world.rules, refused ?? route.handle(world, { ...call, isPreview: version === 'preview' }));
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

function route<const Name extends string>(
  operation: Name,
  method: string,
  path: string,
  handle: Handler,
  demands: Partial<Pick<Route, 'isApart' | 'writes' | 'takesBody' | 'span'>> = {},
): Route<Name> {
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

/** The version in which a request is answered. */
function negotiate(accept: string | undefined, rules: Rules, span: Span): { readonly version: string } | Refused {
  const asked = versionsIn(accept);
  const [version] = asked.flatMap((each) => resolved(each, rules, span) ?? []);
  if (version !== undefined) return { version };
  const gone = asked.find((each) => rules.withdrawn.includes(each));
  if (gone !== undefined) {
    const detail = `Version ${gone} was withdrawn.`;
    return { refused: refusedReply(410, { errorCode: 'VERSION_GONE', detail, parameters: [gone] }) };
  }
  const detail = 'The Accept header names no version of this resource.';
  return { refused: refusedReply(406, { errorCode: 'INVALID_VERSION_DATE', detail, parameters: asked }) };
}

function resolved(asked: string, { versions }: Rules, span: Span): string | undefined {
  if (span === 'first') return DATE.test(asked) && asked >= FIRST_VERSION ? FIRST_VERSION : undefined;
  const within = span === 'all' || (span === 'preview') === (asked === 'preview');
  return within && versions.includes(asked) ? asked : undefined;
}

/** A body must be of the version that the reply will be of. */
function refuseContentType(contentType: string | undefined, version: string): Reply | undefined {
  if (versionsIn(contentType)[0] === version) return undefined;
  return refusedReply(415, {
    errorCode: 'UNSUPPORTED_MEDIA_TYPE',
    detail: `The Content-Type of this body must be ${mediaType(version)}.`,
  });
}

/** The reply with the headers of its version; those that it has itself stay. */
function inVersion(version: string, rules: Rules, reply: Reply): Reply {
  const type = reply.content === undefined ? {} : { 'content-type': `${mediaType(version)};charset=utf-8` };
  const end = rules.deprecated.includes(version) ? { deprecation: DEPRECATED_SINCE, sunset: SUNSET } : {};
  return { ...reply, headers: { ...type, ...end, ...reply.headers } };
}

function mediaType(version: string): string {
  return `application/vnd.atlas.${version}+json`;
}

function versionsIn(header: string | undefined): string[] {
  return (header ?? '').split(',').flatMap((item) => {
    const type = (item.split(';')[0] ?? '').trim().toLowerCase();
    return VERSIONED.exec(type)?.slice(1) ?? [];
  });
}
