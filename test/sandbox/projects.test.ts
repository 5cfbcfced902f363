// What a credential can see: projects, its organization, itself.

import { expect, test } from 'vitest';
import { OBJECT, TEXT, askToken, call, digestHeader, FIRST_PROJECT, nonceIn, sandboxFor } from './client.ts';

test('there are three projects at least, the published example first', async () => {
  const sandbox = await sandboxFor();
  expect(sandbox.projects[0]?.id).toBe(FIRST_PROJECT);
  expect(sandbox.projects.length).toBeGreaterThanOrEqual(3);
  for (const path of ['/groups', `/orgs/${sandbox.orgId}/groups`]) {
    const { rows, json } = await call(sandbox, 'GET', path);
    expect(rows.map(({ id, name }) => ({ id, name }))).toEqual(sandbox.projects);
    expect(rows.map(({ orgId }) => orgId)).toEqual(sandbox.projects.map(() => sandbox.orgId));
    expect(json.totalCount).toBe(sandbox.projects.length);
  }
});

test('one organization', async () => {
  const sandbox = await sandboxFor();
  const { rows } = await call(sandbox, 'GET', '/orgs');
  expect(rows).toMatchObject([{ id: sandbox.orgId, name: TEXT, isDeleted: false }]);
});

test('includeCount=false takes the count away, of projects and organizations but not of keys', async () => {
  const sandbox = await sandboxFor();
  const counted = async (path: string) => {
    const { json } = await call(sandbox, 'GET', `${path}?includeCount=false`);
    return 'totalCount' in json;
  };
  expect(await counted('/groups')).toBe(false);
  expect(await counted('/orgs')).toBe(false);
  expect(await counted(`/groups/${FIRST_PROJECT}/aiModelApiKeys`)).toBe(true);
});

test('a new project shows at once', async () => {
  const sandbox = await sandboxFor();
  const added = sandbox.addProject({ name: 'Added' });
  expect(sandbox.projects).toContainEqual(added);
  expect((await call(sandbox, 'GET', '/groups')).rows.at(-1)).toMatchObject(added);
});

test('the credential describes itself: roles and access list', async () => {
  const sandbox = await sandboxFor();
  const nonce = nonceIn(await call(sandbox, 'GET', '', { authorization: null }));
  const byDigest = digestHeader(sandbox, { nonce, uri: '/api/atlas/v2' });
  const role = { groupId: FIRST_PROJECT, roleName: 'GROUP_MODEL_OWNER' };
  const roles: unknown = expect.arrayContaining([role]);
  const grants = { roles, accessList: [OBJECT] };
  const { json } = await call(sandbox, 'GET', '', { authorization: byDigest });
  expect(json.apiKey).toMatchObject({ publicKey: sandbox.credentials.publicKey, ...grants });

  const token = String((await askToken(sandbox)).json.access_token);
  const own = await call(sandbox, 'GET', '', { authorization: `Bearer ${token}` });
  const { clientId } = sandbox.credentials;
  expect(own.json).toMatchObject({ apiKey: null, serviceAccount: { clientId, ...grants } });
  expect((await call(sandbox, 'GET', '')).json).toMatchObject({ appName: 'MongoDB Atlas', apiKey: null });
});

test('one project by its id or its name, one organization by its id', async () => {
  const sandbox = await sandboxFor();
  const added = sandbox.addProject({ name: 'Über uns / 2' });
  sandbox.addProject({ name: 'Theirs', foreign: true });
  for (const path of [`/groups/${added.id}`, `/groups/byName/${encodeURIComponent(added.name)}`]) {
    expect(await call(sandbox, 'GET', path)).toMatchObject({ status: 200, json: { ...added, orgId: sandbox.orgId } });
  }
  expect((await call(sandbox, 'GET', '/groups/byName/Theirs')).status).toBe(404);
  const { rows } = await call(sandbox, 'GET', '/orgs');
  expect((await call(sandbox, 'GET', `/orgs/${sandbox.orgId}`)).json).toEqual(rows[0]);
});
