import { beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod/v4';
import type { Simulator } from '../atlas-simulator/simulator.ts';
import { expectTheSameInText, rowsIn } from './content.ts';
import { atlasAndHome, startHost, type Host } from './host.ts';
import { structuredOf, textOf } from './result.ts';

const project = z.object({ groupId: z.string(), name: z.string(), orgId: z.string() });
const list = z.object({
  outcome: z.literal('listed'),
  projects: z.array(project),
  nearest: z.array(project).optional(),
  remaining: z.number(),
  nextCursor: z.string().optional(),
});

let sandbox: Simulator;
let home: string;
let env: Record<string, string>;

beforeEach(async () => {
  ({ sandbox, home, env } = await atlasAndHome());
});

const start = (more: Record<string, string> = {}) => startHost({ home, env: { ...env, ...more } });
const listed = async (host: Host, args: Record<string, unknown> = {}) =>
  list.parse((await host.call('list_projects', args)).structuredContent);
const names = async (host: Host, args: Record<string, unknown> = {}) =>
  (await listed(host, args)).projects.map(({ name }) => name);

test('every project, with id and organization', async () => {
  const called = await (await start()).call('list_projects');
  expect(called.structuredContent).toEqual({
    outcome: 'listed',
    projects: sandbox.projects.map(({ id, name }) => ({ groupId: id, name, orgId: sandbox.orgId })),
    remaining: 0,
  });
  expectTheSameInText(called);
  expect(rowsIn(called)).toHaveLength(3);
});

test("of one organization, which may be the operator's default", async () => {
  const host = await start({ MONGODB_ATLAS_ORG_ID: sandbox.orgId });
  expect(await names(host)).toHaveLength(3);
  expect(sandbox.requests.at(-1)?.operation).toBe('list_org_projects');
  const { error } = structuredOf(await host.call('list_projects', { orgId: '0123456789abcdef01234567' }));
  expect(error?.code).toMatch(/^ATLAS_/);
});

test('by a part of the name, whatever its case', async () => {
  expect(await names(await start(), { nameContains: 'STAG' })).toEqual(['Staging']);
});

test('where no name has the text, those most like it', async () => {
  const called = await (await start()).call('list_projects', { nameContains: 'Stagign' });
  const { projects, nearest } = list.parse(called.structuredContent);
  expect(projects).toEqual([]);
  expect(nearest?.[0]?.name).toBe('Staging');
  expect(textOf(called)).toContain('The nearest: "Staging"');
  expectTheSameInText(called);
});

test('only those that the operator allows, in the nearest too', async () => {
  const host = await start({ ATLAS_MODEL_KEYS_ALLOWED_PROJECTS: sandbox.projects[2]?.id ?? '' });
  expect(await names(host)).toEqual(['Development']);
  expect((await listed(host, { nameContains: 'Stagign' })).nearest?.map(({ name }) => name)).toEqual(['Development']);
});

describe('of 300 projects', () => {
  beforeEach(() => {
    for (let index = 3; index < 300; index += 1) sandbox.addProject({ name: `Team ${index % 5} of ${index}` });
  });

  test('is one call of modest size, with a count of what is left', async () => {
    const called = await (await start()).call('list_projects');
    const { projects, remaining, nextCursor } = list.parse(called.structuredContent);
    expect({ projects: projects.length, remaining }).toEqual({ projects: 50, remaining: 250 });
    expect(nextCursor).toBeDefined();
    expect(textOf(called).length + JSON.stringify(called.structuredContent).length).toBeLessThan(12_000);
    expect(sandbox.requests.filter(({ operation }) => operation === 'list_projects')).toHaveLength(1);
  });

  test.each([{ limit: 7 }, { limit: 500 }, { limit: 11, nameContains: 'Team 2' }])(
    'the cursor goes through all once and in order: %j',
    async (args) => {
      const host = await start();
      const wanted = sandbox.projects.filter(({ name }) => name.includes(args.nameContains ?? ''));
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const part = await listed(host, { ...args, ...(cursor !== undefined && { cursor }) });
        seen.push(...part.projects.map(({ groupId }) => groupId));
        expect(part.remaining).toBe(wanted.length - seen.length);
        cursor = part.nextCursor;
      } while (cursor !== undefined);
      expect(seen).toEqual(wanted.map(({ id }) => id));
    },
  );

  test("an organization's keys have the names of their projects, however many there are", async () => {
    const last = sandbox.projects.at(-1);
    sandbox.addKey(last?.id ?? '', { name: 'a key' });
    const called = await (await start()).call('list_ai_model_api_keys', { orgId: sandbox.orgId });
    expect(called.structuredContent).toMatchObject({ keys: [{ groupId: last?.id, projectName: last?.name }] });
  });
});
