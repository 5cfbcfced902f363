// Replies that are behind: lists of an earlier state, reads that do not find a new key yet.

import { describe, expect, test } from 'vitest';
import type { Simulator } from './simulator.ts';
import { call, create, FIRST_PROJECT, KEYS, sandboxFor } from '../sandbox/client.ts';

const SCOPE = { cloud: 'ANY', geography: 'ANY' };

async function listed(sandbox: Simulator, path = KEYS): Promise<unknown[]> {
  return (await call(sandbox, 'GET', path)).rows.map(({ name }) => name);
}

describe('a lagging list', () => {
  test('does not show a new key at first; reading it by its id does', async () => {
    const sandbox = await sandboxFor({ listLag: 2 });
    sandbox.addKey(FIRST_PROJECT, { name: 'seeded' });
    await call(sandbox, 'GET', KEYS);
    const { json } = await create(sandbox, { name: 'new', ...SCOPE });
    expect((await call(sandbox, 'GET', `${KEYS}/${String(json.apiKeyId)}`)).status).toBe(200);
    const seen = [];
    for (const path of [KEYS, `${KEYS}?pageNum=2&itemsPerPage=1`, KEYS, KEYS]) {
      seen.push(await listed(sandbox, path));
    }
    expect(seen).toEqual([['seeded'], [], ['seeded'], ['seeded', 'new']]);
  });

  test('counts no list of another project, but one of the organization', async () => {
    const sandbox = await sandboxFor({ listLag: 1 });
    await create(sandbox, { name: 'new', ...SCOPE });
    await call(sandbox, 'GET', `/groups/${sandbox.projects[1]?.id ?? ''}/aiModelApiKeys`);
    const org = `/orgs/${sandbox.orgId}/aiModelApiKeys`;
    expect((await call(sandbox, 'GET', org)).rows).toEqual([]);
    expect(await listed(sandbox)).toEqual(['new']);
  });

  test('shows a new name and a deletion late too, in the order of creation', async () => {
    const sandbox = await sandboxFor({ listLag: 1 });
    const [one, two, three] = ['one', 'two', 'three'].map((name) => sandbox.addKey(FIRST_PROJECT, { name }).apiKeyId);
    expect(await listed(sandbox)).toEqual(['one', 'two', 'three']);
    await call(sandbox, 'PATCH', `${KEYS}/${three ?? ''}`, { body: { name: 'renamed' } });
    await call(sandbox, 'DELETE', `${KEYS}/${one ?? ''}`);
    sandbox.markUsed(two ?? '');
    const late = await call(sandbox, 'GET', KEYS);
    expect(late.rows).toMatchObject([{ name: 'one' }, { name: 'two', lastUsedAt: null }, { name: 'three' }]);
    expect(late.json.totalCount).toBe(3);
    const now = await call(sandbox, 'GET', KEYS);
    expect(now.rows).toMatchObject([{ name: 'two', lastUsedAt: sandbox.keys()[0]?.lastUsedAt }, { name: 'renamed' }]);
    expect(now.json.totalCount).toBe(2);
  });

  test('lags from when it is told, as far back as it is told, and no longer', async () => {
    const sandbox = await sandboxFor();
    for (const name of ['a', 'b', 'c']) {
      await create(sandbox, { name, ...SCOPE });
      await listed(sandbox);
    }
    const seen = [];
    // The lists so far showed a; a and b; all three.
    for (const lag of [0, 4, 4, 4, 9, 0]) {
      sandbox.setListLag(lag);
      seen.push((await listed(sandbox)).join(''));
    }
    expect(seen).toEqual(['abc', 'a', 'ab', 'abc', '', 'abc']);
  });

  test('shows on a further page what it showed on the first', async () => {
    const sandbox = await sandboxFor({ listLag: 1 });
    const { apiKeyId } = sandbox.addKey(FIRST_PROJECT, { name: 'a' });
    sandbox.addKey(FIRST_PROJECT, { name: 'b' });
    expect(await listed(sandbox, `${KEYS}?itemsPerPage=1`)).toEqual(['a']);
    sandbox.removeKey(apiKeyId);
    expect(await listed(sandbox, `${KEYS}?itemsPerPage=1&pageNum=2`)).toEqual(['b']);
  });

  test('of one project does not change that of another, or the real state', async () => {
    const sandbox = await sandboxFor({ listLag: 1 });
    const other = sandbox.projects[1]?.id ?? '';
    await call(sandbox, 'POST', `/groups/${other}/aiModelApiKeys`, { body: { name: 'theirs', ...SCOPE } });
    await listed(sandbox, `/groups/${other}/aiModelApiKeys`);
    await create(sandbox, { name: 'ours', ...SCOPE });
    expect(sandbox.keys().map(({ name }) => name)).toEqual(['theirs', 'ours']);
    expect(await listed(sandbox, `/orgs/${sandbox.orgId}/aiModelApiKeys`)).toEqual(['theirs']);
    expect(await listed(sandbox, `/orgs/${sandbox.orgId}/aiModelApiKeys`)).toEqual(['theirs', 'ours']);
  });
});

describe('a lagging read', () => {
  test('does not find a key that lives, so many times, whether it is read or deleted', async () => {
    const sandbox = await sandboxFor({ readLag: 2 });
    const { apiKeyId } = (await create(sandbox)).json;
    const path = `${KEYS}/${String(apiKeyId)}`;
    const early = await call(sandbox, 'DELETE', path);
    expect(early).toMatchObject({ status: 404, json: { errorCode: 'RESOURCE_NOT_FOUND', parameters: [apiKeyId] } });
    expect((await call(sandbox, 'GET', `/orgs/${sandbox.orgId}/aiModelApiKeys/${String(apiKeyId)}`)).status).toBe(404);
    expect(sandbox.keys()).toHaveLength(1);
    expect([(await call(sandbox, 'GET', path)).status, (await call(sandbox, 'DELETE', path)).status]).toEqual([
      200, 204,
    ]);
  });

  test('hides no key from lists and renames, none that was there before, and none when it is over', async () => {
    const sandbox = await sandboxFor();
    const old = String((await create(sandbox, { name: 'old', ...SCOPE })).json.apiKeyId);
    const seeded = sandbox.addKey(FIRST_PROJECT, { name: 'seeded' }).apiKeyId;
    sandbox.setReadLag(1);
    const young = String((await create(sandbox, { name: 'young', ...SCOPE })).json.apiKeyId);
    sandbox.setReadLag(0);
    expect(await listed(sandbox)).toEqual(['old', 'seeded', 'young']);
    expect((await call(sandbox, 'PATCH', `${KEYS}/${young}`, { body: { name: 'renamed' } })).status).toBe(200);
    const seen = [];
    for (const id of [old, seeded, young, young]) seen.push((await call(sandbox, 'GET', `${KEYS}/${id}`)).status);
    expect(seen).toEqual([200, 200, 404, 200]);
    await create(sandbox, { name: 'later', ...SCOPE });
    expect((await call(sandbox, 'GET', `${KEYS}/${sandbox.keys().at(-1)?.apiKeyId ?? ''}`)).status).toBe(200);
  });
});
