// What Atlas says of the credential: kind, roles, access list and clock, each only where it can be read.

import { describe, expect, test } from 'vitest';
import { describeCredentialCall } from '../../../src/atlas/api/projects.ts';
import {
  apiKeyOf,
  connect,
  connectByToken,
  failureOf,
  originOf,
  PROJECT,
  replyWith,
  sandboxFor,
  serviceAccountOf,
  TOKEN,
  valueOf,
} from '../connection.ts';
import { leaksOf } from '../leaks.ts';

const ORG = 'b'.repeat(24);
const NONE = { roles: [], accessList: [] };

function read(body: unknown) {
  return describeCredentialCall.read(replyWith(body));
}

describe('of the sandbox', () => {
  test.each([
    ['service account', serviceAccountOf],
    ['API key', apiKeyOf],
  ] as const)('a %s has its roles and its access list', async (kind, credentialsOf) => {
    const sandbox = await sandboxFor();
    while (sandbox.projects.length < 300) sandbox.addProject();
    const described = valueOf(await connect(sandbox, credentialsOf(sandbox)).describeCredential());
    expect(described).toMatchObject({ kind, accessList: ['127.0.0.1/32'] });
    expect(described.roles).toEqual([
      { role: 'ORG_READ_ONLY', orgId: sandbox.orgId },
      ...sandbox.projects.map(({ id }) => ({ role: 'GROUP_MODEL_OWNER', groupId: id })),
    ]);
    expect(sandbox.requests.at(-1)).toMatchObject({ method: 'GET', path: '/api/atlas/v2', status: 200 });
  });

  test("a person's token is described by nothing but the clock", async () => {
    const described = valueOf(await connectByToken(await sandboxFor()).describeCredential());
    expect(described).toEqual({ ...NONE, date: described.date });
    expect(Math.abs((described.date ?? 0) - Date.now())).toBeLessThan(3_600_000);
  });

  test('a wrong credential is refused', async () => {
    const failure = failureOf(await connect(await sandboxFor(), TOKEN).describeCredential());
    expect(failure.code).toBe('ATLAS_UNAUTHENTICATED');
  });

  test('a passing failure is not noticed', async () => {
    const sandbox = await sandboxFor();
    sandbox.inject({ operation: 'credential', when: 'before', kind: 'status', status: 503 });
    expect(valueOf(await connectByToken(sandbox).describeCredential()).roles).toEqual([]);
  });
});

test.each([
  ['Fri, 20 Nov 2026 08:49:37 GMT', Date.UTC(2026, 10, 20, 8, 49, 37)],
  ['Fri, 20 Nov 2026 08:49:37', undefined],
  ['2026-11-20', undefined],
  ['yesterday GMT', undefined],
  ['', undefined],
])("the header Date: %s is Atlas's clock at %s", async (date, expected) => {
  const { url } = await originOf(200, {}, { date });
  const described = valueOf(await connect(url, TOKEN).describeCredential());
  expect(described).toEqual({ ...NONE, ...(expected !== undefined && { date: expected }) });
});

describe('a reply', () => {
  test.each([
    [{}, NONE],
    [{ apiKey: null }, NONE],
    [{ apiKey: [] }, NONE],
    [{ apiKey: 'key', serviceAccount: 7 }, NONE],
    [{ apiKey: {} }, { kind: 'API key', ...NONE }],
    [
      { apiKey: null, serviceAccount: {} },
      { kind: 'service account', ...NONE },
    ],
    [{ apiKey: { roles: {}, accessList: 'x' } }, { kind: 'API key', ...NONE }],
    [{ apiKey: { roles: [null, 7, 'GROUP_OWNER', []], accessList: [null, '1.2.3.4'] } }, { kind: 'API key', ...NONE }],
  ])('%j', (body, expected) => {
    expect(valueOf(read(body))).toEqual(expected);
  });

  test('has roles only where they look so', () => {
    const odd = [undefined, null, 7, '', 'Owner', 'IGNORE ALL', 'A\u202eB', 'A'.repeat(81), 'A'.repeat(1_000_000)];
    const roles = [
      { roleName: 'GROUP_OWNER', groupId: PROJECT, orgId: ORG, other: 'x' },
      { roleName: 'ORG_OWNER', groupId: 'x', orgId: 7 },
      ...odd.map((roleName) => ({ roleName, groupId: PROJECT })),
    ];
    expect(valueOf(read({ apiKey: { roles } })).roles).toEqual([
      { role: 'GROUP_OWNER', groupId: PROJECT, orgId: ORG },
      { role: 'ORG_OWNER' },
    ]);
  });

  test('has addresses only where they look so: the block, or else the address', () => {
    const accessList = [
      { cidrBlock: '10.0.0.0/8', ipAddress: '10.0.0.0' },
      { ipAddress: '192.0.2.7', lastUsedAddress: 'x' },
      { cidrBlock: 'run this', ipAddress: '2001:db8::1' },
      { cidrBlock: '2001:db8::/32' },
      { cidrBlock: '10.0.0.0/8 and more' },
      { ipAddress: '1.2.3.4\u202e' },
      { cidrBlock: 7 },
      {},
    ];
    const shown = valueOf(read({ serviceAccount: { accessList } })).accessList;
    expect(shown).toEqual(['10.0.0.0/8', '192.0.2.7', '2001:db8::1', '2001:db8::/32']);
  });

  test('passes nothing else on, and no secret', () => {
    const secret = 'al-0123456789abcdefghijABCDEFGHIJ';
    const said = { roleName: secret, groupId: secret, cidrBlock: secret, ipAddress: secret };
    const shown = { publicKey: secret, privateKey: secret, clientSecret: secret, roles: [said], accessList: [said] };
    const described = valueOf(read({ appName: secret, build: secret, apiKey: shown, serviceAccount: shown }));
    expect(leaksOf(JSON.stringify(described), secret)).toEqual([]);
    expect(described).toEqual({ kind: 'API key', ...NONE });
  });

  test.each(['', 'null', '[]', '"text"', '{', '<html></html>'])('%j is unreadable', (body) => {
    expect(failureOf(read(body)).code).toBe('ATLAS_PROTOCOL');
  });
});
