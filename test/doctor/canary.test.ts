// No piece of a secret is in what the doctor prints, whatever is wrong with the credential or with Atlas.

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Fault } from '../atlas-simulator/faults.ts';
import { leaksIn } from '../canary.ts';
import { fileIn } from '../e2e/host.ts';
import { openWard } from './examination.ts';

const WRONG = 'mdb_sa_sk_canary0W1r2o3n4g5S6e7c8r9e0t';

type Ward = Awaited<ReturnType<typeof openWard>>;

/** Both forms of the report, and what went to stderr. */
async function everythingSaid({ run }: Ward, env: Record<string, string> = {}): Promise<string> {
  const [table, json] = [await run([], env), await run(['--json'], env)];
  expect(json.code).toBe(table.code);
  expect([1, 2]).toContain(table.code);
  return [table, json].map(({ stdout, stderr }) => stdout + stderr).join('');
}

describe('a credential that is not accepted', () => {
  test.each<[string, (ward: Ward) => Record<string, string>]>([
    ['a wrong secret', () => ({ MONGODB_ATLAS_CLIENT_SECRET: WRONG })],
    [
      'one from a file',
      ({ home }) => ({
        MONGODB_ATLAS_CLIENT_SECRET: '',
        MONGODB_ATLAS_CLIENT_SECRET_FILE: fileIn(home, 'secret', WRONG),
      }),
    ],
    ['a wrong token', () => ({ MONGODB_ATLAS_ACCESS_TOKEN: WRONG })],
    [
      'an expired token',
      ({ sandbox }) => {
        sandbox.expireTokens();
        return { MONGODB_ATLAS_ACCESS_TOKEN: sandbox.credentials.accessToken };
      },
    ],
    [
      'a wrong private key',
      ({ sandbox }) => ({
        MONGODB_ATLAS_CLIENT_SECRET: '',
        MONGODB_ATLAS_PUBLIC_API_KEY: sandbox.credentials.publicKey,
        MONGODB_ATLAS_PRIVATE_API_KEY: WRONG,
      }),
    ],
    ['one in the place of another setting', () => ({ ATLAS_MODEL_KEYS_LOG_LEVEL: WRONG })],
    ['one in the place of a URL', () => ({ MONGODB_ATLAS_BASE_URL: `https://${WRONG}@host` })],
  ])('%s', async (_what, envOf) => {
    const ward = await openWard();
    const env = envOf(ward);
    const said = await everythingSaid(ward, env);
    const { clientSecret, accessToken, privateKey } = ward.sandbox.credentials;
    expect(leaksIn(said, [WRONG, clientSecret, accessToken, privateKey])).toEqual([]);
  });
});

describe('an Atlas that repeats what it was sent', () => {
  test.each<[string, Fault]>([
    ['to the token request', { operation: 'token', kind: 'echo', status: 401, when: 'before', times: 9 }],
    ['to the first question', { operation: 'credential', kind: 'echo', status: 403, when: 'before', times: 9 }],
    ['to the list of projects', { operation: 'list_projects', kind: 'echo', status: 400, when: 'before', times: 9 }],
  ])('%s', async (_what, fault) => {
    const ward = await openWard();
    ward.sandbox.inject(fault);
    const said = await everythingSaid(ward);
    const sent = ward.sandbox.requests.map(({ headers }) => headers.authorization ?? '').map((each) => each.slice(7));
    expect(sent.length).toBeGreaterThan(1);
    expect(leaksIn(said, [ward.sandbox.credentials.clientSecret, ...sent])).toEqual([]);
  });
});

test('a secret in a path that is told is taken out', async () => {
  const ward = await openWard();
  const { clientSecret } = ward.sandbox.credentials;
  const said = await everythingSaid(ward, {
    ATLAS_MODEL_KEYS_STATE_DIR: fileIn(ward.home, clientSecret, ''),
    ATLAS_MODEL_KEYS_SINKS: `a=file:${join(ward.home, clientSecret)}/{entry}`,
  });
  expect(said).toContain('[redacted]');
  expect(leaksIn(said, [clientSecret])).toEqual([]);
});
