// A server in which every step of a create goes wrong in its own way, and the search for secrets in all that it leaves.

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Fault } from '../atlas-simulator/faults.ts';
import type { Simulator } from '../atlas-simulator/simulator.ts';
import { leaksIn } from '../canary.ts';
import { atlasAndHome, credentialsFor, filesBelow, startHost, type Host } from './host.ts';
import { structuredOf } from './result.ts';

export const GROUP = '69681d39c9e8cfd375386316';

interface Scenario {
  readonly title: string;
  readonly faults?: readonly Fault[];
  /** The sink, given a folder that only it uses. */
  readonly sink?: (folder: string) => string;
  readonly expected: { readonly code?: string; readonly keyState?: string };
}

const echoes: Scenario[] = (['token', 'list_keys', 'create_key'] as const).flatMap((operation) =>
  (['before', 'after'] as const).flatMap((when) =>
    [400, 401, 403, 404, 409, 429, 500].map((status): Scenario => ({
      title: `${operation} echoes everything it knows with status ${status}, ${when} acting`,
      faults: [{ operation, when, kind: 'echo', status, times: 5 }],
      expected: {},
    })),
  ),
);

const scenarios: Scenario[] = [
  { title: 'success', expected: {} },
  ...echoes,
  ...(['truncate', 'garbage', 'reset'] as const).map((kind): Scenario => ({
    title: `the reply to create: ${kind}`,
    faults: [{ operation: 'create_key', when: 'after', kind }],
    expected: { keyState: 'rolled_back' },
  })),
  {
    title: 'a created key without an id, which its name tells',
    faults: [{ operation: 'create_key', when: 'after', kind: 'omit', fields: ['apiKeyId'] }],
    expected: {},
  },
  {
    title: 'a created key whose every field repeats the secret',
    faults: [
      {
        operation: 'create_key',
        when: 'after',
        kind: 'replace',
        fields: repeated('al-sandbox-0123456789abcdefghijklmnopqrstuvwxyz'),
      },
    ],
    expected: {},
  },
  {
    title: 'a redirect of the create',
    faults: [
      { operation: 'create_key', when: 'after', kind: 'redirect', status: 307, location: '/api/atlas/v2/groups' },
    ],
    expected: { keyState: 'rolled_back' },
  },
  {
    title: 'a command that prints the secret to stdout and stderr and fails',
    sink: (folder) => script(folder, 'tee /dev/stderr; exit 3'),
    expected: { code: 'SINK_WRITE_FAILED', keyState: 'rolled_back' },
  },
  {
    title: 'a command that prints the secret and succeeds',
    sink: (folder) => script(folder, 'tee /dev/stderr'),
    expected: {},
  },
  {
    title: 'a failing sink, and a failing roll-back',
    sink: (folder) => script(folder, 'cat; exit 3'),
    faults: [{ operation: 'delete_key', when: 'before', kind: 'status', status: 500, times: 9 }],
    expected: { code: 'SINK_WRITE_FAILED', keyState: 'orphaned' },
  },
  {
    title: 'a failing sink, and a roll-back that echoes',
    sink: (folder) => script(folder, 'cat; exit 3'),
    faults: [{ operation: 'delete_key', when: 'before', kind: 'echo', times: 9 }],
    expected: { code: 'SINK_WRITE_FAILED', keyState: 'orphaned' },
  },
];

/** Declares a test for each scenario, of that build of the server. */
export function testEachScenario(bundle: () => string): void {
  test.each(scenarios)(
    'no byte of a secret comes out: $title',
    { timeout: 60_000 },
    async ({ faults = [], sink, expected }) => {
      const { sandbox, host, home, sinkFolder } = await startIn(bundle(), sink);
      for (const fault of faults) sandbox.inject(fault);

      const { error } = structuredOf(
        await host.call('create_ai_model_api_key', { groupId: GROUP, name: 'canary key' }),
      );
      if (Object.keys(expected).length > 0) expect(error).toMatchObject(expected);
      const secrets = secretsOf(sandbox);
      host.endInput();
      await host.ended;

      const { stdout, stderr } = host.output();
      expect(leaksIn(stdout, secrets)).toEqual([]);
      expect(leaksIn(stderr, secrets)).toEqual([]);
      const elsewhere = [...filesBelow(home)].filter(([path]) => !path.startsWith(sinkFolder));
      expect(elsewhere.filter(([, content]) => leaksIn(content, secrets).length > 0).map(([path]) => path)).toEqual([]);
    },
  );
}

export async function startIn(
  bundle: string,
  sink?: Scenario['sink'],
  flags: string[] = [],
): Promise<{ sandbox: Simulator; host: Host; home: string; sinkFolder: string }> {
  const { sandbox, home } = await atlasAndHome();
  const sinkFolder = join(home, 'sink');
  mkdirSync(sinkFolder, { mode: 0o700 });
  const uri = sink?.(sinkFolder) ?? `file:${sinkFolder}/{entry}`;
  const host = await startHost({
    home,
    bundle,
    args: ['--log-level', 'debug', '--sink', `place=${uri}`, '--default-sink', 'place', ...flags],
    env: credentialsFor(sandbox),
  });
  return { sandbox, host, home, sinkFolder };
}

/** What no output may hold: the start of every secret that the sandbox makes, those that live, and the credentials. */
export function secretsOf(sandbox: Simulator): string[] {
  const tokens = sandbox.requests
    .map(({ headers }) => headers.authorization?.replace('Bearer ', '') ?? '')
    .filter((header) => header !== '');
  return [
    'al-sandbox-',
    ...sandbox.keys().map(({ secret }) => secret),
    sandbox.credentials.clientSecret,
    ...new Set(tokens),
  ];
}

function repeated(secret: string): Record<string, unknown> {
  const fields = [
    'secret',
    'name',
    'status',
    'createdAt',
    'createdBy',
    'maskedSecret',
    'cloud',
    'geography',
    'endpoint',
    'lastUsedAt',
  ];
  return Object.fromEntries(fields.map((field) => [field, secret]));
}

function script(folder: string, body: string): string {
  const path = join(folder, 'command');
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o700);
  return `command:${JSON.stringify([path])}`;
}
