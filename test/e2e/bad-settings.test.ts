// Settings that cannot be used: hosts show nobody stderr, so the server stays and says to every call what is wrong. The
// commands end with exit code 2.

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { toolDefinitions } from '../../src/tools/tool-definitions.ts';
import { BUNDLE, atlasAndHome, credentialsFor, fileIn, filesBelow, startHost, temporaryHome } from './host.ts';
import { structuredOf, textOf } from './result.ts';

interface Broken {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const CASES: [string, Broken, RegExp][] = [
  ['a flag that there is not', { args: ['--sinkk', 'a=inline'] }, /^--sinkk: is not understood; see --help$/],
  ['a word that is not a flag', { args: ['sandbox'] }, /^command line: is not understood; see --help$/],
  ['a flag without its value', { args: ['--sink'] }, /^command line: a flag has no value/],
  ['a variable that there is not', { env: { ATLAS_MODEL_KEYS_READONLY: '1' } }, /^ATLAS_MODEL_KEYS_READONLY: is not/],
  ['a value of the wrong kind', { env: { ATLAS_MODEL_KEYS_TIMEOUT_MS: 'soon' } }, /^ATLAS_MODEL_KEYS_TIMEOUT_MS: must/],
  ['a tool that there is not', { env: { ATLAS_MODEL_KEYS_TOOLS: 'list_project' } }, /^tools: .*list_projects$/],
  ['no such file', { args: ['--config', '/nonexistent/config.json'] }, /^--config: names a file that does not exist$/],
  [
    'certificate checks turned off',
    { env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } },
    /^NODE_TLS_REJECT_UNAUTHORIZED: turns/,
  ],
  [
    'a base URL without https',
    { env: { MONGODB_ATLAS_BASE_URL: 'http://example.com' } },
    /^MONGODB_ATLAS_BASE_URL: plain/,
  ],
  ['a sink that shows the secret', { args: ['--sink', 'a=inline'] }, /^sink a: shows the secret to the model/],
  ['a default sink that there is not', { args: ['--default-sink', 'b'] }, /^--default-sink: names no configured sink/],
];

async function openWard({ args = [], env = {} }: Broken) {
  const { sandbox, home } = await atlasAndHome();
  const server = await startHost({ home, args, env: { ...credentialsFor(sandbox), ...env } });
  return { sandbox, home, ...server };
}

describe.each(CASES)('%s', (_what, broken, sentence) => {
  test('every tool is listed, and every call answers the sentence, which stderr has too', async () => {
    const { client, call, output, sandbox, home, endInput, ended } = await openWard(broken);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(toolDefinitions.map(({ name }) => name));
    for (const { name, keyState } of toolDefinitions.map(({ name }) => ({ name, keyState: stateOf(name) }))) {
      const called = await call(name, { groupId: '69681d39c9e8cfd375386316', name: 'new' });
      const { error } = structuredOf(called);
      expect(error).toMatchObject({ code: 'CONFIG_INVALID', retryable: false, keyState });
      const [, said = ''] =
        /^This server can do nothing before its settings are corrected\. (.*)\.$/.exec(error?.message ?? '') ?? [];
      expect(said).toMatch(sentence);
      expect(textOf(called)).toContain(said);
      expect(output().stderr).toContain(`atlas-model-keys-mcp: ${said}\n`);
    }
    expect(sandbox.requests).toEqual([]);
    expect([...filesBelow(home).keys()]).toEqual([]);
    endInput();
    expect((await ended).code).toBe(2);
  });
});

test('the sinks are not known, and none is offered', async () => {
  const { client } = await openWard({ env: { ATLAS_MODEL_KEYS_SINKS: 'app=file:relative' } });
  const { tools } = await client.listTools();
  const create = tools.find(({ name }) => name === 'create_ai_model_api_key');
  expect(create?.inputSchema.properties?.sink).toEqual({ type: 'string', description: 'Where the secret goes' });
});

test('prompts are listed, filled in, and completed with nothing', async () => {
  const { client } = await openWard({ args: ['--bogus'] });
  const { prompts } = await client.listPrompts();
  expect(prompts).toHaveLength(3);
  const ref = { type: 'ref/prompt' as const, name: 'rotate_model_key' };
  const { completion } = await client.complete({ ref, argument: { name: 'project', value: 'a' } });
  expect(completion.values).toEqual([]);
});

test('a sentence never has the value of a setting', async () => {
  const { call, output } = await openWard({ env: { ATLAS_MODEL_KEYS_CONFIRM: 'al-canary-canary-canary-0123' } });
  const called = await call('list_projects');
  expect(`${textOf(called)}${output().stderr}${output().stdout}`).not.toContain('canary');
});

describe('the commands end with exit code 2 and one line', () => {
  const run = (args: string[], env: Record<string, string> = {}) =>
    spawnSync(process.execPath, [BUNDLE, ...args], {
      env: { HOME: temporaryHome(), ...env },
      encoding: 'utf8',
      input: '',
    });

  test.each([
    [['doctor', '--bogus']],
    [['--help', '--bogus']],
    [['--version', '--bogus']],
    [['--config', '/x', 'doctor', '--bogus']],
  ])('%j', (args) => {
    const { status, stdout, stderr } = run(args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toBe('atlas-model-keys-mcp: --bogus: is not understood; see --help\n');
  });

  test('doctor with a setting that cannot be used', () => {
    const { status, stdout } = run(['doctor'], { ATLAS_MODEL_KEYS_CONFIRM: 'always' });
    expect(status).toBe(2);
    expect(stdout).toContain('ATLAS_MODEL_KEYS_CONFIRM: must be one of never, if-supported, required');
  });

  test('--help and --version answer whatever the settings are', () => {
    const env = { ATLAS_MODEL_KEYS_CONFIRM: 'always', NODE_TLS_REJECT_UNAUTHORIZED: '0' };
    expect(run(['--help'], env)).toMatchObject({ status: 0, stderr: '' });
    expect(run(['--version'], env)).toMatchObject({ status: 0, stderr: '' });
  });
});

test.skipIf(!existsSync('/usr/bin/script'))('a person at a terminal reads the line, and gets the prompt back', () => {
  const home = temporaryHome();
  const shell = fileIn(home, 'start.sh', `exec '${process.execPath}' '${BUNDLE}' --bogus\n`);
  chmodSync(shell, 0o700);
  const { status, stdout } = spawnSync('/usr/bin/script', ['-qec', `sh ${shell}`, '/dev/null'], {
    env: { HOME: home, PATH: process.env.PATH ?? '', SHELL: '/bin/sh' },
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect(stdout).toContain('--bogus: is not understood');
  expect(status).toBe(2);
});

/** As each tool's own refusals say. */
function stateOf(name: string): string {
  return /^(?:create|rotate)_/.test(name) ? 'not_created' : 'not_applicable';
}
