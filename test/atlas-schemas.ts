// What requests to the Atlas Admin API and replies of it look like, written from the published facts and from nothing in
// src/: both the sandbox and this server are judged by it. Objects are strict: they have the published members and no
// others.

import * as z from 'zod/v4';
import type { Operation } from '../src/sandbox/routes.ts';

/** The first date there was; the first with model keys, out of preview; the preview. */
export type Version = '2023-01-01' | '2025-03-12' | 'preview';

export interface OperationFacts {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: (version: Version) => RegExp;
  /** Those in which the call exists; none for OAuth. A request may name a later date than the first. */
  readonly versions: readonly Version[];
  /** Of a request without a query: absent. */
  readonly query?: z.ZodType;
  readonly body?: (version: Version) => z.ZodType;
  readonly status: number;
  /** Absent where the reply has no body. */
  readonly reply?: (version: Version) => z.ZodType;
}

const OBJECT_ID = z.string().regex(/^[a-f0-9]{24}$/);
const KEY_ID = z.string().regex(/^(?![a-f0-9]{24}$)[A-Za-z0-9]{24}$/);
const TIMESTAMP = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);
/** A simulated one has the port of this machine on which it can be reached. */
const HOST = z.string().regex(/^[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[0-9]+)?$/);
const WORD = z.string().regex(/^[A-Za-z][A-Za-z0-9._-]*$/);
const LIMIT = z.int32().min(1);
const LINKS = z.array(z.strictObject({ rel: z.string().min(1), href: z.url() }));

/** Counted in code points. */
const KEY_NAME = z.string().refine((name) => name !== '' && Array.from(name).length <= 250, 'has 1 to 250 code points');

const scope = (version: Version) => (version === 'preview' ? {} : { cloud: WORD, geography: WORD });
const scopeAndEndpoint = (version: Version) =>
  version === 'preview' ? {} : { cloud: WORD, geography: WORD, endpoint: HOST };

const keyFields = (version: Version) => ({
  apiKeyId: KEY_ID,
  name: KEY_NAME,
  groupId: OBJECT_ID,
  status: z.string().min(1),
  createdAt: TIMESTAMP,
  createdBy: z.string(),
  lastUsedAt: TIMESTAMP.nullable(),
  maskedSecret: z.string().regex(/^al-(?:[a-z]{2,}-)?\*+.{4}$/),
  ...scopeAndEndpoint(version),
});

const key = (version: Version) => z.strictObject(keyFields(version));
const createdKey = (version: Version) =>
  z.strictObject({
    ...keyFields(version),
    secret: z.string().regex(/^al-(?:[a-z]{2,}-)?[A-Za-z0-9_-]{20,}$/),
  });
const limit = (version: Version) =>
  z.strictObject({
    modelGroupName: z.string().min(1),
    modelNames: z.array(z.string().min(1)).min(1),
    requestsPerMinuteLimit: LIMIT,
    tokensPerMinuteLimit: LIMIT,
    ...scopeAndEndpoint(version),
  });

const project = z.strictObject({
  id: OBJECT_ID,
  name: z.string().min(1),
  orgId: OBJECT_ID,
  created: z.iso.datetime(),
  clusterCount: z.int().min(0),
  links: LINKS,
});
const organization = z.strictObject({ id: OBJECT_ID, name: z.string().min(1), isDeleted: z.boolean(), links: LINKS });

const grants = {
  accessList: z.array(z.strictObject({ cidrBlock: z.string(), ipAddress: z.string() })),
  roles: z.array(
    z.union([
      z.strictObject({ groupId: OBJECT_ID, roleName: z.string() }),
      z.strictObject({ orgId: OBJECT_ID, roleName: z.string() }),
    ]),
  ),
};
const credential = z.strictObject({
  appName: z.string(),
  build: z.string(),
  throttling: z.boolean(),
  links: LINKS,
  apiKey: z.strictObject({ id: OBJECT_ID, publicKey: z.string(), ...grants }).nullable(),
  /** Not published; a service account is told by it. */
  serviceAccount: z.strictObject({ clientId: z.string(), name: z.string(), ...grants }).optional(),
});

const pageOf = (row: z.ZodType) =>
  z.strictObject({ links: LINKS, results: z.array(row).max(500), totalCount: z.int().min(0).optional() });

/** Of every status from 400 on, but the empty ones. */
export const ERROR = z.strictObject({
  error: z.int().min(400).max(599),
  errorCode: z
    .string()
    .regex(/^[A-Z][A-Z_]*$/)
    .optional(),
  reason: z.string().optional(),
  detail: z.string().optional(),
  parameters: z.array(z.union([z.string(), z.number()])).optional(),
  badRequestDetail: z
    .strictObject({ fields: z.array(z.strictObject({ field: z.string(), description: z.string() })) })
    .optional(),
});

export const OAUTH_ERROR = z.strictObject({ error: z.string().regex(/^[a-z_]+$/), error_description: z.string() });

const pageQuery = {
  itemsPerPage: z
    .string()
    .regex(/^(?:[1-9]\d?|[1-4]\d\d|500)$/)
    .optional(),
  pageNum: z
    .string()
    .regex(/^[1-9]\d*$/)
    .optional(),
};
const PAGE_QUERY = z.strictObject(pageQuery);
const COUNTED_PAGE_QUERY = z.strictObject({ ...pageQuery, includeCount: z.enum(['true', 'false']).optional() });

const createBody = (version: Version) => z.strictObject({ name: KEY_NAME, ...scope(version) });
const renameBody = () => z.strictObject({ name: KEY_NAME });
const limitsBody = () => z.strictObject({ requestsPerMinuteLimit: LIMIT, tokensPerMinuteLimit: LIMIT });

const ID = '[a-f0-9]{24}';
const SEGMENT = '[^/?:]+';
const GROUP = `/api/atlas/v2/groups/${ID}`;
const ORG = `/api/atlas/v2/orgs/${ID}`;
const SCOPED = `/aiModelApiClouds/${SEGMENT}/geographies/${SEGMENT}/modelGroupNames/${SEGMENT}/rateLimits`;

const at = (path: string) => () => new RegExp(`^${path}$`);
const limitAt =
  (call = '') =>
  (version: Version) =>
    new RegExp(`^${GROUP}${version === 'preview' ? `/aiModelApiRateLimits/${SEGMENT}` : SCOPED}${call}$`);

const FIRST = ['2023-01-01'] as const;
const BOTH = ['2025-03-12', 'preview'] as const;
const DATED = ['2025-03-12'] as const;

const list = (path: string, row: (version: Version) => z.ZodType): OperationFacts => ({
  ...{ method: 'GET', path: at(path), versions: BOTH, query: PAGE_QUERY, status: 200 },
  reply: (version) => pageOf(row(version)),
});
const firstList = (path: string, row: z.ZodType): OperationFacts => ({
  ...{ method: 'GET', path: at(path), versions: FIRST, query: COUNTED_PAGE_QUERY, status: 200 },
  reply: () => pageOf(row),
});
const firstRead = (path: string, reply: z.ZodType): OperationFacts => ({
  ...{ method: 'GET', path: at(path), versions: FIRST, status: 200 },
  reply: () => reply,
});
const read = (path: string, versions: readonly Version[], reply: (version: Version) => z.ZodType): OperationFacts => ({
  ...{ method: 'GET', path: at(path), versions, status: 200, reply },
});

/** The use of a key is not a call of the Admin API. */
export type AdminOperation = Exclude<Operation, 'embed'>;

export const FACTS: Readonly<Record<AdminOperation, OperationFacts>> = {
  token: {
    ...{ method: 'POST', path: at('/api/oauth/token'), versions: [], status: 200 },
    body: () => z.strictObject({ grant_type: z.literal('client_credentials') }),
    reply: () =>
      z.strictObject({
        access_token: z.string().min(1),
        expires_in: z.int().min(1),
        token_type: z.literal('Bearer'),
      }),
  },
  revoke: {
    ...{ method: 'POST', path: at('/api/oauth/revoke'), versions: [], status: 200 },
    body: () => z.strictObject({ token: z.string().min(1), token_type_hint: z.literal('access_token') }),
  },
  credential: firstRead('/api/atlas/v2', credential),
  list_projects: firstList('/api/atlas/v2/groups', project),
  list_orgs: firstList('/api/atlas/v2/orgs', organization),
  list_org_projects: firstList(`${ORG}/groups`, project),
  get_project: firstRead(GROUP, project),
  get_project_by_name: firstRead(`/api/atlas/v2/groups/byName/${SEGMENT}`, project),
  get_org: firstRead(ORG, organization),
  list_keys: list(`${GROUP}/aiModelApiKeys`, key),
  create_key: {
    ...{ method: 'POST', path: at(`${GROUP}/aiModelApiKeys`), versions: BOTH, status: 201 },
    ...{ body: createBody, reply: createdKey },
  },
  get_key: read(`${GROUP}/aiModelApiKeys/${SEGMENT}`, BOTH, key),
  update_key: {
    ...{ method: 'PATCH', path: at(`${GROUP}/aiModelApiKeys/${SEGMENT}`), versions: BOTH, status: 200 },
    ...{ body: renameBody, reply: key },
  },
  delete_key: { method: 'DELETE', path: at(`${GROUP}/aiModelApiKeys/${SEGMENT}`), versions: BOTH, status: 204 },
  list_org_keys: list(`${ORG}/aiModelApiKeys`, key),
  get_org_key: read(`${ORG}/aiModelApiKeys/${SEGMENT}`, BOTH, key),
  list_rate_limits: list(`${GROUP}/aiModelApiRateLimits`, limit),
  list_org_rate_limits: list(`${ORG}/aiModelApiRateLimits`, limit),
  get_rate_limit: read(GROUP + SCOPED, DATED, limit),
  get_org_rate_limit: read(ORG + SCOPED, DATED, limit),
  update_rate_limit: {
    ...{ method: 'PATCH', path: limitAt(), versions: BOTH, status: 200 },
    ...{ body: limitsBody, reply: limit },
  },
  reset_rate_limit: { method: 'POST', path: limitAt(':reset'), versions: BOTH, status: 200, reply: limit },
  reset_rate_limits: {
    ...{ method: 'POST', path: at(`${GROUP}/aiModelApiRateLimits:reset`), versions: BOTH, status: 200 },
    reply: (version) => pageOf(limit(version)),
  },
};

export function mediaType(version: string): string {
  return `application/vnd.atlas.${version}+json`;
}
