// Versions: which are answered, which are refused how, and which announce their end.

import { describe, expect, test } from 'vitest';
import { call, FIRST_PROJECT, KEYS, sandboxFor } from './client.ts';

const DATED = 'application/vnd.atlas.2025-03-12+json';
const PREVIEW = 'application/vnd.atlas.preview+json';
const BODY = { name: 'n', cloud: 'ANY', geography: 'ANY' };

describe('Accept', () => {
  test.each([
    '*/*',
    'application/json',
    'application/vnd.atlas.2024-01-01+json',
    'application/vnd.atlas.preview+json',
    'application/vnd.atlas.+json',
    'application/vnd.atlas.2025-03-12+csv',
    'text/html, application/vnd.other.2025-03-12+json',
  ])('%s is refused with 406', async (accept) => {
    const reply = await call(await sandboxFor(), 'GET', KEYS, { accept });
    expect(reply).toMatchObject({ status: 406, json: { error: 406, errorCode: 'INVALID_VERSION_DATE' } });
    expect(reply.headers.get('content-type')).toBe('application/json');
  });

  test.each([DATED, `${DATED};charset=utf-8`, `text/html, ${DATED};q=0.9`, DATED.toUpperCase()])(
    '%s is answered',
    async (accept) => {
      const reply = await call(await sandboxFor(), 'GET', KEYS, { accept });
      expect(reply.status).toBe(200);
      expect(reply.headers.get('content-type')).toBe(`${DATED};charset=utf-8`);
    },
  );

  test('each offered version is answered as itself, and a withdrawn one is gone', async () => {
    const sandbox = await sandboxFor({ versions: ['2025-03-12', '2026-05-05'], withdrawn: ['preview'] });
    const newer = await call(sandbox, 'GET', KEYS, { accept: 'application/vnd.atlas.2026-05-05+json' });
    expect(newer.headers.get('content-type')).toBe('application/vnd.atlas.2026-05-05+json;charset=utf-8');
    expect((await call(sandbox, 'GET', KEYS)).status).toBe(200);
    const gone = await call(sandbox, 'GET', KEYS, { accept: PREVIEW });
    expect(gone).toMatchObject({ status: 410, json: { errorCode: 'VERSION_GONE', parameters: ['preview'] } });
  });

  test('a refused create makes no key', async () => {
    const sandbox = await sandboxFor();
    expect((await call(sandbox, 'POST', KEYS, { accept: PREVIEW, body: BODY })).status).toBe(406);
    expect(sandbox.keys()).toEqual([]);
    expect(sandbox.requests.map(({ carriedOut }) => carriedOut)).toEqual([false]);
  });
});

test.each([null, 'application/json', 'text/plain', PREVIEW])('a body as %s is refused', async (contentType) => {
  const sandbox = await sandboxFor({ versions: ['2025-03-12', 'preview'] });
  expect((await call(sandbox, 'POST', KEYS, { body: BODY, contentType })).status).toBe(415);
  expect(sandbox.keys()).toEqual([]);
});

test('a deprecated version announces its end, another one does not', async () => {
  const sandbox = await sandboxFor({ versions: ['2025-03-12', 'preview'], deprecated: ['preview'] });
  const old = await call(sandbox, 'GET', KEYS, { accept: PREVIEW });
  expect(Date.parse(old.headers.get('sunset') ?? '')).toBeGreaterThan(Date.parse(old.headers.get('deprecation') ?? ''));
  const { headers } = await call(sandbox, 'GET', KEYS);
  expect([headers.get('deprecation'), headers.get('sunset')]).toEqual([null, null]);
});

test('every reply of the API tells of the rate limit', async () => {
  const sandbox = await sandboxFor();
  for (const authorization of [undefined, null, 'Bearer nonsense']) {
    const { headers } = await call(sandbox, 'GET', KEYS, { ...(authorization !== undefined && { authorization }) });
    expect(Number(headers.get('ratelimit-limit'))).toBeGreaterThan(0);
    expect(Number(headers.get('ratelimit-remaining'))).toBeGreaterThan(0);
  }
});

describe('what is older than model keys', () => {
  const paths = async (versions: readonly string[]) => {
    const sandbox = await sandboxFor({ versions });
    const { orgId } = sandbox;
    const all = ['', '/groups', '/orgs', `/orgs/${orgId}/groups`, `/orgs/${orgId}`, `/groups/${FIRST_PROJECT}`];
    return { sandbox, all: [...all, '/groups/byName/Production'] };
  };

  test.each(['2023-01-01', '2023-02-01', '2025-03-12', '2026-11-24'])(
    '%s is answered in the first version, whatever keys are answered in',
    async (version) => {
      for (const versions of [['2025-03-12'], ['preview']]) {
        const { sandbox, all } = await paths(versions);
        for (const path of all) {
          const reply = await call(sandbox, 'GET', path, { accept: `application/vnd.atlas.${version}+json` });
          const type = reply.headers.get('content-type');
          expect([path, reply.status, type]).toEqual([
            path,
            200,
            'application/vnd.atlas.2023-01-01+json;charset=utf-8',
          ]);
        }
      }
    },
  );

  test.each(['preview', '2022-12-31', 'latest'])('%s is refused', async (version) => {
    const { sandbox, all } = await paths(['2025-03-12', 'preview']);
    for (const path of all) {
      const reply = await call(sandbox, 'GET', path, { accept: `application/vnd.atlas.${version}+json` });
      expect([path, reply.status, reply.json.errorCode]).toEqual([path, 406, 'INVALID_VERSION_DATE']);
    }
  });

  test('the first version is none of model keys', async () => {
    const accept = 'application/vnd.atlas.2023-01-01+json';
    expect((await call(await sandboxFor(), 'GET', KEYS, { accept })).status).toBe(406);
  });
});
