// The command `apply` and the tool for several keys, as they ship: child processes, a simulated Atlas, sinks in a home.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import * as z from 'zod/v4';
import { leaksIn } from '../canary.ts';
import { fileIn, startServer } from './host.ts';
import { expectNoLeaks, forgotten, GROUP, holds, openScene, unfinishedIn, type Scene } from './scene.ts';
import { textOf } from './result.ts';

interface Wanted {
  readonly name: string;
  readonly groupId?: string;
  readonly sink?: string;
  readonly entry?: string;
}

const documented = z.strictObject({
  ok: z.boolean(),
  keys: z.array(z.looseObject({ name: z.string(), outcome: z.string() })),
  warnings: z.array(z.string()),
});

const several = (count: number, sink = 'file') =>
  Array.from({ length: count }, (_none, index) => ({ name: `key-${index}`, entry: `KEY_${index}`, sink }));

function start(scene: Scene, wanted: readonly Wanted[] | string, args: readonly string[] = []) {
  const text =
    typeof wanted === 'string' ? wanted : JSON.stringify({ keys: wanted.map((key) => ({ groupId: GROUP, ...key })) });
  const file = fileIn(scene.home, 'wanted.json', text);
  return startServer({ home: scene.home, args: ['apply', file, ...args], env: scene.env });
}

async function apply(...given: Parameters<typeof start>) {
  const server = start(...given);
  server.endInput();
  const { code } = await server.ended;
  const output = server.output();
  const [scene] = given;
  const secrets = [scene.sandbox.credentials.clientSecret, ...scene.sandbox.keys().map(({ secret }) => secret)];
  expect(leaksIn(output.stdout + output.stderr, secrets)).toEqual([]);
  return { code, ...output };
}

function auditOf(scene: Scene): unknown[] {
  const path = join(scene.stateDir, 'audit.jsonl');
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line): unknown => JSON.parse(line));
}

test('a file is made true, and then is true', async () => {
  const scene = await openScene();
  const wanted = [
    { name: 'a', sink: 'file' },
    { name: 'b', sink: 'env', entry: 'B' },
    { name: 'c', sink: 'vault' },
  ];
  const dry = await apply(scene, wanted, ['--dry-run']);
  expect(dry).toMatchObject({ code: 1, stderr: '' });
  expect(dry.stdout).toContain('Not all is as written: 3 keys, 3 to do.');
  expect(scene.sandbox.keys()).toEqual([]);
  const first = await apply(scene, wanted);
  expect(first).toMatchObject({ code: 0, stderr: '' });
  expect(first.stdout).toContain('All is as written: 3 keys, 3 made.');
  expect(scene.sandbox.keys().filter((key) => !holds(scene, key))).toEqual([]);
  expect(auditOf(scene)).toHaveLength(3);
  expect(auditOf(scene)[0]).toMatchObject({ tool: 'apply', groupId: GROUP, outcome: 'delivered' });
  const second = await apply(scene, wanted, ['--json']);
  expect(second.code).toBe(0);
  const { ok, keys } = documented.parse(JSON.parse(second.stdout));
  expect(ok).toBe(true);
  expect(keys.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual(['a exists', 'b exists', 'c exists']);
  expect(auditOf(scene)).toHaveLength(3);
  expectNoLeaks(scene);
});

test('what is wrong with a file is said by its index, one line each, and nothing is asked of Atlas', async () => {
  const scene = await openScene();
  const keys = [
    { groupId: 'x', name: 'a' },
    { groupId: GROUP, nam: 'b' },
    { groupId: GROUP, name: 'c', rotateAfterDays: 0 },
  ];
  const { code, stdout, stderr } = await apply(scene, JSON.stringify({ keys }));
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain('keys.0.groupId: must be 24 lower-case hexadecimal digits');
  expect(stderr).toContain('keys.1.name: is required');
  expect(stderr).toContain('keys.2.rotateAfterDays: must be at least 1');
  expect(scene.sandbox.requests).toEqual([]);
});

test.each([
  [
    'two of one name',
    '{"keys":[{"groupId":"GROUP","name":"a"},{"groupId":"GROUP","name":"a"}]}',
    /keys\.1: has the name of keys\.0/,
  ],
  ['no JSON', '{"keys":\n [}', /FILE: is not JSON/],
  ['nothing', '', /FILE: is empty/],
  ['another member', '{"keys":[],"al-0123456789abcdefghijklmn":1}', /the file|is not known here/],
  [
    'a name that a schema drops',
    '{"keys":[{"__proto__":{},"groupId":"GROUP","name":"a"}]}',
    /cannot be used as a name/,
  ],
  ['a list', '[]', /the file: must be an object/],
])('a file with %s is refused, and not quoted', async (_what, text, message) => {
  const scene = await openScene();
  const { code, stderr } = await apply(scene, text.replaceAll('GROUP', GROUP));
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
  expect(stderr).not.toContain('al-0123');
});

test('a file that is not there, a wrong setting, and --help', async () => {
  const scene = await openScene();
  const run = async (args: readonly string[], env = {}) => {
    const server = startServer({ home: scene.home, args, env: { ...scene.env, ...env } });
    server.endInput();
    const { code } = await server.ended;
    return [code, server.output().stderr];
  };
  expect(await run(['apply', 'nowhere.json'])).toEqual([2, expect.stringContaining('FILE: cannot be read')]);
  const file = fileIn(scene.home, 'wanted.json', '{"keys":[]}');
  const wrong = { ATLAS_MODEL_KEYS_CONFIRM: 'always' };
  expect(await run(['apply', file], wrong)).toEqual([2, expect.stringContaining('ATLAS_MODEL_KEYS_CONFIRM')]);
  expect(await run(['apply', file, '--help'])).toEqual([0, '']);
  expect(await run(['apply', file])).toEqual([0, '']);
});

test('the file may come from standard input, with the mark that Windows puts before a text', async () => {
  const scene = await openScene();
  const server = startServer({ home: scene.home, args: ['apply', '-'], env: scene.env });
  server.write(`\ufeff${JSON.stringify({ keys: [{ groupId: GROUP, name: 'a', sink: 'file' }] })}`);
  server.endInput();
  expect(await server.ended).toMatchObject({ code: 0 });
  expect(scene.sandbox.keys().map(({ name }) => name)).toEqual(['a']);
});

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s: what was begun is finished, and nothing else is begun',
  async (signal) => {
    const scene = await openScene();
    scene.slowDown();
    const server = start(scene, several(40), ['--json']);
    await scene.arrived('create_key');
    server.kill(signal);
    // A terminal and npm may both send one.
    server.kill(signal);
    expect(await server.ended).toEqual({ code: signal === 'SIGINT' ? 130 : 143, signal: null });
    const { keys } = documented.parse(JSON.parse(server.output().stdout));
    const made = keys.filter(({ outcome }) => outcome === 'delivered');
    expect(made.length).toBeGreaterThan(0);
    expect(made.length).toBeLessThan(40);
    expect(
      scene.sandbox
        .keys()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(made.map(({ name }) => name).sort());
    expect(unfinishedIn(scene)).toEqual([]);
    scene.sandbox.clearFaults();
    expect(await apply(scene, several(40))).toMatchObject({ code: 0 });
    expect(scene.sandbox.keys()).toHaveLength(40);
  },
);

test('killed, it leaves no key that nobody knows of, and the next run tells of what was left', async () => {
  const scene = await openScene();
  scene.slowDown();
  const server = start(scene, several(40));
  await scene.arrived('create_key', true);
  server.kill('SIGKILL');
  await server.ended;
  expect(forgotten(scene)).toEqual([]);
  scene.sandbox.clearFaults();
  const { code, stdout } = await apply(scene, several(40));
  const left = unfinishedIn(scene);
  if (left.length > 0) expect(stdout).toContain('reconcile_ai_model_api_keys');
  expect(forgotten(scene)).toEqual([]);
  expect(code === 0 || left.length > 0).toBe(true);
});

test('two at once of one machine make each key once', async () => {
  const scene = await openScene();
  const runs = [start(scene, several(10)), start(scene, several(10))];
  for (const run of runs) {
    run.endInput();
    await run.ended;
  }
  expect(await apply(scene, several(10))).toMatchObject({ code: 0 });
  expect(scene.sandbox.keys()).toHaveLength(10);
});

test('the tool: one result a key, the same in the text, a line a key in the audit log', async () => {
  const scene = await openScene();
  const host = await scene.start();
  const keys = [
    { groupId: GROUP, name: 'dev', sink: 'file', entry: null },
    { groupId: GROUP, name: 'prod', sink: 'env', entry: 'PROD' },
  ];
  const called = await host.call('create_ai_model_api_keys', { keys });
  expect(called.isError).toBeUndefined();
  expect(called.structuredContent).toMatchObject({
    outcome: 'completed',
    results: [
      { outcome: 'delivered', key: { name: 'dev' } },
      { outcome: 'delivered', key: { name: 'prod' } },
    ],
  });
  const text = textOf(called);
  expect(text).toContain('2 of 2 delivered.');
  for (const { apiKeyId, name } of scene.sandbox.keys()) {
    const line = text.split('\n').find((each) => each.includes(apiKeyId)) ?? '';
    expect(line).toContain(`"${name}"`);
    expect(line).toMatch(/sha256:[0-9a-f]{12}/);
  }
  await vi.waitUntil(() => auditOf(scene).length === 2);
  expect(auditOf(scene)).toMatchObject([
    { tool: 'create_ai_model_api_keys', groupId: GROUP, sink: 'file', outcome: 'delivered' },
    { tool: 'create_ai_model_api_keys', groupId: GROUP, sink: 'env', outcome: 'delivered' },
  ]);
  const again = await host.call('create_ai_model_api_keys', { keys: [...keys, { groupId: GROUP, name: 'staging' }] });
  expect(again.isError).toBe(true);
  expect(again.structuredContent).toMatchObject({ outcome: 'failed', results: [{}, {}, { outcome: 'failed' }] });
  expect(textOf(again)).toContain('NAME_IN_USE');
  expect(scene.sandbox.keys()).toHaveLength(2);
  expect(await host.call('create_ai_model_api_keys', { keys: [{ groupId: GROUP }] })).toMatchObject({
    structuredContent: { error: { code: 'INVALID_INPUT', message: 'keys.0.name: is required.' } },
  });
  expectNoLeaks(scene);
});
