// An independent judge of the two schemes that are easily got wrong: curl's own digest and basic.

import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Simulator } from '../atlas-simulator/simulator.ts';
import { FIRST_PROJECT, KEYS, sandboxFor } from './client.ts';

const installed = spawnSync('curl', ['--version']).status === 0;
const reason = installed ? '' : ' (needs curl, which is not installed)';
const MEDIA = 'application/vnd.atlas.2025-03-12+json';

/** What curl prints: the statuses of its final replies. */
async function curl(...args: string[]): Promise<string[]> {
  const { stdout } = await promisify(execFile)('curl', ['--silent', '--write-out', '|%{http_code}\n', ...args]);
  return [...stdout.matchAll(/\|(\d{3})$/gm)].map(([, status = '']) => status);
}

function byDigest(sandbox: Simulator, password = sandbox.credentials.privateKey): string[] {
  return ['--digest', '--user', `${sandbox.credentials.publicKey}:${password}`, '--header', `Accept: ${MEDIA}`];
}

describe.skipIf(!installed && !process.env.CI)(`curl${reason}`, () => {
  test('--digest lists and creates', async () => {
    const sandbox = await sandboxFor();
    const url = `${sandbox.baseUrl}/api/atlas/v2${KEYS}`;
    expect(await curl(...byDigest(sandbox), `${url}?itemsPerPage=3&pageNum=1`)).toEqual(['200']);
    const body = '{"name":"by curl","cloud":"ANY","geography":"ANY"}';
    const post = ['--header', `Content-Type: ${MEDIA}`, '--data', body];
    expect(await curl(...byDigest(sandbox), ...post, url)).toEqual(['201']);
    expect(sandbox.keys(FIRST_PROJECT)).toMatchObject([{ name: 'by curl' }]);
    expect(sandbox.requests.map(({ status }) => status)).toEqual([401, 200, 401, 201]);
  });

  test('--digest reuses a nonce, and takes a new one when it is stale', async () => {
    // curl keeps a nonce within one transfer only, so a redirect to the same host makes it use one twice.
    for (const [nonceUses, statuses] of [
      [2, [401, 307, 200]],
      [1, [401, 307, 401, 200]],
    ] as const) {
      const sandbox = await sandboxFor({ nonceUses });
      const location = `${sandbox.baseUrl}/api/atlas/v2/groups?pageNum=1`;
      sandbox.inject({ operation: 'list_keys', when: 'before', kind: 'redirect', status: 307, location });
      const url = `${sandbox.baseUrl}/api/atlas/v2${KEYS}`;
      expect(await curl('--location', ...byDigest(sandbox), url)).toEqual(['200']);
      expect(sandbox.requests.map(({ status }) => status)).toEqual(statuses);
    }
  });

  test('--digest with a wrong key is refused', async () => {
    const sandbox = await sandboxFor();
    expect(await curl(...byDigest(sandbox, 'wrong'), `${sandbox.baseUrl}/api/atlas/v2/groups`)).toEqual(['401']);
  });

  test('--user gets a token, and no token for a wrong secret', async () => {
    const sandbox = await sandboxFor();
    const { clientId, clientSecret } = sandbox.credentials;
    const url = `${sandbox.baseUrl}/api/oauth/token`;
    const form = ['--data', 'grant_type=client_credentials'];
    expect(await curl('--user', `${clientId}:${clientSecret}`, ...form, url)).toEqual(['200']);
    expect(await curl('--user', `${clientId}:wrong`, ...form, url)).toEqual(['401']);
    const encoded = clientId.replaceAll('_', '%5F');
    expect(await curl('--user', `${encoded}:${clientSecret}`, ...form, url)).toEqual(['401']);
  });
});
