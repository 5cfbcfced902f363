// The sandbox's replies and this server's own requests, held against schemas that were written from the facts.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Atlas } from '../../src/atlas/atlas.ts';
import { START } from '../../src/atlas/api/pages.ts';
import { OPERATIONS } from '../../src/sandbox/routes.ts';
import type { Simulator } from '../atlas-simulator/simulator.ts';
import { FACTS, mediaType, type AdminOperation, type Version } from '../atlas-schemas.ts';
import { apiKeyOf, connect, serviceAccountOf, tokenOf } from '../atlas/connection.ts';
import { faultsOfReply, faultsOfRequest } from './atlas-facts.ts';
import { askToken, basic, call, digestHeader, FIRST_PROJECT, nonceIn, sandboxFor, type Received } from './client.ts';

const GROUP = `/groups/${FIRST_PROJECT}`;
const SCOPED = '/aiModelApiClouds/ANY/geographies/ANY/modelGroupNames/rerank/rateLimits';
const LIMITS = { requestsPerMinuteLimit: 10, tokensPerMinuteLimit: 10 };

interface Scene {
  readonly sandbox: Simulator;
  readonly org: string;
  readonly key: string;
  readonly limit: string;
  readonly send: (method: string, path: string, body?: unknown) => Promise<Received>;
}

/** Each call once, as the facts have it. */
const CALLS: Readonly<Record<AdminOperation, (scene: Scene, version: Version) => Promise<Received>>> = {
  token: ({ sandbox }) => askToken(sandbox),
  revoke: ({ sandbox }) =>
    askToken(sandbox, { path: '/api/oauth/revoke', body: 'token=t&token_type_hint=access_token' }),
  credential: ({ send }) => send('GET', ''),
  list_projects: ({ send }) => send('GET', '/groups?itemsPerPage=2&includeCount=true'),
  list_orgs: ({ send }) => send('GET', '/orgs'),
  list_org_projects: ({ send, org }) => send('GET', `${org}/groups?includeCount=false`),
  get_project: ({ send }) => send('GET', GROUP),
  get_project_by_name: ({ send }) => send('GET', '/groups/byName/Production'),
  get_org: ({ send, org }) => send('GET', org),
  list_keys: ({ send }) => send('GET', `${GROUP}/aiModelApiKeys?pageNum=2&itemsPerPage=1`),
  create_key: ({ send }, version) =>
    send('POST', `${GROUP}/aiModelApiKeys`, {
      name: 'new',
      ...(version === '2025-03-12' && { cloud: 'ANY', geography: 'eu' }),
    }),
  get_key: ({ send, key }) => send('GET', `${GROUP}${key}`),
  update_key: ({ send, key }) => send('PATCH', `${GROUP}${key}`, { name: 'renamed' }),
  delete_key: ({ send, key }) => send('DELETE', `${GROUP}${key}`),
  list_org_keys: ({ send, org }) => send('GET', `${org}/aiModelApiKeys`),
  get_org_key: ({ send, key, org }) => send('GET', `${org}${key}`),
  list_rate_limits: ({ send }) => send('GET', `${GROUP}/aiModelApiRateLimits`),
  list_org_rate_limits: ({ send, org }) => send('GET', `${org}/aiModelApiRateLimits`),
  get_rate_limit: ({ send, limit }) => send('GET', GROUP + limit),
  get_org_rate_limit: ({ send, limit, org }) => send('GET', org + limit),
  update_rate_limit: ({ send, limit }) => send('PATCH', GROUP + limit, LIMITS),
  reset_rate_limit: ({ send, limit }) => send('POST', `${GROUP}${limit}:reset`),
  reset_rate_limits: ({ send }) => send('POST', `${GROUP}/aiModelApiRateLimits:reset`),
};

async function sceneIn(version: Version): Promise<Scene> {
  const sandbox = await sandboxFor({ versions: ['2025-03-12', 'preview'] });
  const { apiKeyId } = sandbox.addKey(FIRST_PROJECT, { name: 'one' });
  sandbox.markUsed(sandbox.addKey(FIRST_PROJECT, { name: 'two', geography: 'us' }).apiKeyId);
  const media = mediaType(version);
  return {
    sandbox,
    org: `/orgs/${sandbox.orgId}`,
    key: `/aiModelApiKeys/${apiKeyId}`,
    limit: version === 'preview' ? '/aiModelApiRateLimits/rerank' : SCOPED,
    send: (method, path, body) => call(sandbox, method, path, { accept: media, contentType: media, body }),
  };
}

const everyCall = [...OPERATIONS]
  .filter((operation) => operation !== 'embed')
  .flatMap((operation) => {
    const { versions } = FACTS[operation];
    return (versions.length === 0 ? (['2025-03-12'] as const) : versions).map(
      (version) => [operation, version] as const,
    );
  });

describe("the sandbox's replies", () => {
  test.each(everyCall)('%s in %s', async (operation, version) => {
    const scene = await sceneIn(version);
    const reply = await CALLS[operation](scene, version);
    expect(scene.sandbox.requests).toMatchObject([{ operation, carriedOut: true }]);
    expect(faultsOfReply(operation, version, reply)).toEqual([]);
    expect(scene.sandbox.requests.flatMap(faultsOfRequest)).toEqual([]);
  });

  test('refusals of every kind', async () => {
    const { sandbox, key, send } = await sceneIn('2025-03-12');
    const unsigned = await call(sandbox, 'GET', GROUP, { authorization: null });
    const path = `${GROUP}/aiModelApiKeys`;
    const replies = [
      unsigned,
      await send('GET', '/'),
      await send('PUT', path),
      await send('POST', path, {}),
      await send('GET', `${path}?itemsPerPage=0`),
      await send('GET', `/groups/${sandbox.addProject({ foreign: true }).id}`),
      await send('PATCH', GROUP + SCOPED, {}),
      await call(sandbox, 'GET', GROUP + key, { accept: '*/*' }),
      await call(sandbox, 'PATCH', GROUP + key, { body: { name: 'n' }, contentType: 'application/json' }),
    ];
    const seen = replies.map(({ status }) => status);
    expect(seen).toEqual([401, 404, 405, 400, 400, 401, 400, 406, 415]);
    for (const reply of replies) expect(faultsOfReply('get_key', '2025-03-12', reply)).toEqual([]);
    const bad = await askToken(sandbox, { authorization: basic('x', 'y') });
    expect([bad.status, faultsOfReply('token', '2025-03-12', bad)]).toEqual([401, []]);
  });

  test('of a credential, whoever it is', async () => {
    const scene = await sceneIn('2023-01-01');
    const { sandbox } = scene;
    const nonce = nonceIn(await call(sandbox, 'GET', '', { authorization: null }));
    const token = String((await askToken(sandbox)).json.access_token);
    for (const authorization of [digestHeader(sandbox, { nonce, uri: '/api/atlas/v2' }), `Bearer ${token}`]) {
      const reply = await call(sandbox, 'GET', '', { authorization, accept: mediaType('2023-01-01') });
      expect([reply.status, faultsOfReply('credential', '2023-01-01', reply)]).toEqual([200, []]);
    }
  });
});

describe('the schemas', () => {
  test.each(['2025-03-12', 'preview'] as const)('take the documented samples of %s', (version) => {
    const sample = (name: string): unknown =>
      JSON.parse(
        readFileSync(join(import.meta.dirname, `../atlas/api/fixtures/create-${name}.${version}.json`), 'utf8'),
      );
    expect(FACTS.create_key.reply?.(version).safeParse(sample('reply')).error).toBeUndefined();
    expect(FACTS.create_key.body?.(version).safeParse(sample('request')).error).toBeUndefined();
  });

  test.each(everyCall)('see what is missing from, and what is strange in, %s in %s', async (operation, version) => {
    const reply = await CALLS[operation](await sceneIn(version), version);
    const faults = (json: unknown) => faultsOfReply(operation, version, { ...reply, json });
    if (FACTS[operation].reply === undefined) {
      expect(faultsOfReply(operation, version, { ...reply, text: '{}' })).toHaveLength(1);
      return;
    }
    expect(faults({ ...reply.json, strange: 1 })).toHaveLength(1);
    const optional = ['totalCount', 'serviceAccount'];
    for (const member of Object.keys(reply.json).filter((name) => !optional.includes(name))) {
      const rest = Object.fromEntries(Object.entries(reply.json).filter(([name]) => name !== member));
      expect([member, faults(rest).length]).toEqual([member, 1]);
    }
    for (const row of reply.rows) {
      expect(faults({ ...reply.json, results: [{ ...row, strange: 1 }] })).toHaveLength(1);
    }
    expect(faultsOfReply(operation, version, { ...reply, status: 299 })).toHaveLength(1);
  });

  test('see a request in a wrong version, to a wrong path, with a wrong query, body or type', async () => {
    const { sandbox, send, key } = await sceneIn('2025-03-12');
    const preview = mediaType('preview');
    const dated = mediaType('2025-03-12');
    const path = `${GROUP}/aiModelApiKeys`;
    await send('GET', '/');
    await send('GET', `${path}?envelope=true`);
    await send('GET', `${path}?includeCount=true`);
    await send('GET', `${GROUP}${key}?pretty=true`);
    await send('POST', path, { name: 'n' });
    await send('POST', path, { name: 'n'.repeat(251), cloud: 'ANY', geography: 'ANY' });
    await send('DELETE', GROUP + key, {});
    await call(sandbox, 'GET', '/groups', { accept: preview });
    await call(sandbox, 'GET', path, { accept: mediaType('2026-01-01') });
    await call(sandbox, 'GET', GROUP + SCOPED, { accept: preview });
    await call(sandbox, 'PATCH', `${GROUP}/aiModelApiRateLimits/rerank`, { accept: dated, body: LIMITS });
    await call(sandbox, 'PATCH', GROUP + key, { accept: dated, contentType: preview, body: { name: 'n' } });
    await askToken(sandbox, { contentType: 'application/json' });
    await askToken(sandbox, { body: 'grant_type=password' });
    expect(sandbox.requests.map((request) => [request.path, faultsOfRequest(request).length > 0])).toEqual(
      sandbox.requests.map((request) => [request.path, true]),
    );
  });
});

/** Every call that this server can make. */
async function makeEveryCall(atlas: Atlas, sandbox: Simulator): Promise<void> {
  const { orgId } = sandbox;
  const groupId = FIRST_PROJECT;
  const { apiKeyId } = sandbox.addKey(groupId, { name: 'old' });
  const place = { groupId, cloud: 'ANY', geography: 'ANY', modelGroupName: 'rerank' };
  await atlas.listKeys(groupId);
  await atlas.readKeys({ groupId }, START);
  await atlas.readKeys({ orgId }, START);
  await atlas.getKey({ groupId }, apiKeyId);
  await atlas.getKey({ orgId }, apiKeyId);
  await atlas.createKey({ groupId, name: '\u{1f511} new', cloud: 'ANY', geography: 'ANY' });
  await atlas.renameKey(groupId, apiKeyId, 'renamed');
  await atlas.deleteKey(groupId, apiKeyId);
  await atlas.listRateLimits({ groupId });
  await atlas.listRateLimits({ orgId });
  await atlas.updateRateLimit(place, LIMITS);
  await atlas.resetRateLimits(place);
  await atlas.resetRateLimits({ groupId });
  await atlas.listProjects(undefined);
  await atlas.listProjects(orgId);
  await atlas.readProjects(undefined, START);
  await atlas.describeCredential();
}

describe("this server's requests", () => {
  test.each([
    ['a token', '2025-03-12'],
    ['a token', 'preview'],
    ['a service account', '2025-03-12'],
    ['a service account', 'preview'],
    ['an API key', '2025-03-12'],
    ['an API key', 'preview'],
  ] as const)('by %s in %s', async (kind, version) => {
    const sandbox = await sandboxFor({ versions: [version] });
    const credentials = {
      'a token': tokenOf(sandbox.credentials.accessToken),
      'a service account': serviceAccountOf(sandbox),
      'an API key': apiKeyOf(sandbox),
    };
    const atlas = connect(sandbox, credentials[kind], { apiVersion: version });
    await makeEveryCall(atlas, sandbox);
    await atlas.close();
    const seen = new Set(sandbox.requests.filter(({ carriedOut }) => carriedOut).map(({ operation }) => operation));
    expect([...seen]).toEqual(
      expect.arrayContaining([
        ...['list_keys', 'list_org_keys', 'get_key', 'get_org_key', 'create_key', 'update_key', 'delete_key'],
        ...['list_rate_limits', 'list_org_rate_limits', 'reset_rate_limits'],
        ...(kind === 'a service account' ? ['token'] : []),
        ...(version === 'preview' ? [] : ['update_rate_limit', 'reset_rate_limit', 'list_projects']),
        ...(version === 'preview' ? [] : ['list_org_projects', 'credential']),
      ]),
    );
    expect(sandbox.requests.flatMap(faultsOfRequest)).toEqual([]);
  });
});
