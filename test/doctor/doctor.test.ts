// The doctor over a real child process: what it finds, what it advises, how it ends, and that it changes nothing.

import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openJournal } from '../../src/keys/journal/journal.ts';
import { fileIn } from '../e2e/host.ts';
import { GROUP, openWard, pictureOf, runDoctor } from './examination.ts';

const OTHER = 'f'.repeat(24);

describe('where all is well', () => {
  test('it ends with 0, as a table for people', async () => {
    const { run, home } = await openWard();
    const { code, stdout, stderr } = await run([]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^ok {7}configuration {5}no file at /);
    expect(stdout).toMatch(/^ok {7}roles .* GROUP_MODEL_OWNER in 69681d39c9e8cfd375386316/m);
    expect(stdout).toContain(`file, ${home}/sink/{entry}.key: ready; verified by read-back`);
    expect(stdout).toMatch(/\n\nAll is well\.\n$/);
    expect(stdout.split('\n').filter((line) => !/^(?:ok {7}|$|All is well)/.test(line))).toEqual([]);
  });

  test('it looks at these things, and at no other', async () => {
    const { examine } = await openWard();
    const { ok, code, checks } = await examine();
    expect([ok, code]).toEqual([true, 0]);
    expect(checks.map(({ check, status }) => `${check}: ${status}`)).toEqual([
      'configuration: ok',
      'settings: ok',
      'credential: ok',
      'Atlas: ok',
      'roles: ok',
      'access list: ok',
      'projects: ok',
      'undelivered keys: ok',
      'clock: ok',
      'sink app: ok',
      'state directory: ok',
      'journal: ok',
    ]);
  });

  test('it changes nothing, neither here nor in Atlas', async () => {
    const { run, sandbox, home } = await openWard();
    fileIn(home, 'env', 'OTHER=1\n');
    const sinks = JSON.stringify({
      file: `file:${home}/new/{groupId}/{entry}.key`,
      taken: `file:${home}/env`,
      env: `dotenv:${home}/env#KEY`,
    });
    const before = pictureOf(join(home, '..'));
    const { code } = await run([], { ATLAS_MODEL_KEYS_SINKS: sinks });
    expect(code).toBe(0);
    expect(pictureOf(join(home, '..'))).toEqual(before);
    expect(sandbox.requests.map(({ method, operation }) => `${method} ${operation}`)).toEqual([
      'POST token',
      'GET credential',
      'GET list_projects',
      // Its own token.
      'POST revoke',
    ]);
  });

  test('in the sandbox too, which leaves nothing behind', async () => {
    const { home } = await openWard();
    const before = pictureOf(join(home, '..'));
    const { code, stdout } = await runDoctor(home, ['--sandbox'], {});
    expect(code).toBe(0);
    expect(stdout).toContain('that of the embedded sandbox');
    expect(pictureOf(join(home, '..'))).toEqual(before);
  });
});

describe('the configuration', () => {
  test('is told with its file, and the origin of each setting', async () => {
    const { examine, home } = await openWard();
    const path = fileIn(home, 'config.json', '{"readOnly":false,"logLevel":"info"}');
    const { checks } = await examine({ ATLAS_MODEL_KEYS_CONFIG: path }, ['--log-level', 'error']);
    expect(checks.slice(0, 3).map(({ finding }) => finding)).toEqual([
      `read from ${path}`,
      `sinks from variable ATLAS_MODEL_KEYS_SINKS; readOnly from file ${path}; logLevel from flag --log-level; all others by default`,
      'a service account, from MONGODB_ATLAS_CLIENT_ID and MONGODB_ATLAS_CLIENT_SECRET',
    ]);
  });

  test.each<[string, Record<string, string>]>([
    ['ATLAS_MODEL_KEYS_TIMEOUT_MS: must be a number', { ATLAS_MODEL_KEYS_TIMEOUT_MS: 'soon' }],
    ['ATLAS_MODEL_KEYS_READONLY: is not known here', { ATLAS_MODEL_KEYS_READONLY: '1' }],
    ['tools: names a tool that this server does not have', { ATLAS_MODEL_KEYS_TOOLS: '-no_such_tool' }],
    ['NODE_TLS_REJECT_UNAUTHORIZED: turns certificate checks off', { NODE_TLS_REJECT_UNAUTHORIZED: '0' }],
  ])('that is broken is a failing line: %s', async (message, env) => {
    const { examine, sandbox } = await openWard();
    const { code, ok, checks } = await examine(env);
    expect([code, ok, checks.length]).toEqual([2, false, 1]);
    expect(checks[0]).toMatchObject({ check: 'configuration', status: 'failed' });
    expect(checks[0]?.finding).toContain(message);
    expect(sandbox.requests).toEqual([]);
  });

  test('that others could have written is one', async () => {
    const { examine, home } = await openWard();
    const path = fileIn(home, 'config.json', '{}');
    chmodSync(path, 0o666);
    const { checks } = await examine({}, ['--config', path]);
    expect(checks[0]?.finding).toBe(`${path}: can be written by others; run: chmod go-w '${path}'`);
  });

  test('may not be refused in a command line: that is not health either', async () => {
    const { run } = await openWard();
    const { code, stdout, stderr } = await run(['--jsno']);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toBe('atlas-model-keys-mcp: --jsno: is not understood; see --help\n');
  });
});

describe('the credential', () => {
  test('that is missing', async () => {
    const { examine, sandbox } = await openWard();
    const { code, checks, failed } = await examine({ MONGODB_ATLAS_CLIENT_ID: '', MONGODB_ATLAS_CLIENT_SECRET: '' });
    expect([code, failed]).toEqual([1, ['credential']]);
    expect(checks.map(({ check }) => check)).not.toContain('Atlas');
    expect(sandbox.requests).toEqual([]);
  });

  test('of which one half is missing', async () => {
    const { examine } = await openWard();
    const { checks } = await examine({ MONGODB_ATLAS_CLIENT_SECRET: '' });
    expect(checks.find(({ check }) => check === 'credential')).toEqual({
      check: 'credential',
      status: 'failed',
      finding: 'incomplete: MONGODB_ATLAS_CLIENT_SECRET is not set',
      advice: 'Set MONGODB_ATLAS_CLIENT_SECRET too in the environment.',
    });
  });

  test('by API key', async () => {
    const { examine, sandbox } = await openWard();
    const { publicKey, privateKey } = sandbox.credentials;
    const { code, checks } = await examine({
      MONGODB_ATLAS_CLIENT_SECRET: '',
      MONGODB_ATLAS_PUBLIC_KEY: publicKey,
      MONGODB_ATLAS_PRIVATE_API_KEY: privateKey,
    });
    expect(code).toBe(0);
    expect(checks[2]?.finding).toBe('an API key, from MONGODB_ATLAS_PUBLIC_KEY and MONGODB_ATLAS_PRIVATE_API_KEY');
    expect(checks[3]?.finding).toBe(`${sandbox.baseUrl} answers and accepts the credential (API key)`);
  });

  test('whose roles Atlas does not tell: unknown, which is not a failure', async () => {
    const { examine, sandbox } = await openWard();
    const { code, checks, warnings } = await examine({ MONGODB_ATLAS_ACCESS_TOKEN: sandbox.credentials.accessToken });
    expect([code, warnings]).toEqual([0, ['roles', 'access list']]);
    expect(checks.find(({ check }) => check === 'roles')?.finding).toMatch(/^unknown/);
  });

  test.each(['{"errorCode":"RESOURCE_NOT_FOUND"}', '<h1>Not Found</h1>'])(
    'that nothing describes (404 %s) does not keep the doctor from looking at the rest',
    async (body) => {
      const { examine, sandbox } = await openWard();
      sandbox.inject({ operation: 'credential', when: 'before', times: 9, kind: 'status', status: 404, body });
      const { checks, failed, warnings } = await examine();
      expect(failed).toEqual([]);
      expect(warnings).toEqual(expect.arrayContaining(['Atlas', 'roles', 'access list']));
      expect(checks.find(({ check }) => check === 'projects')).toMatchObject({ status: 'ok' });
    },
  );

  test('that may only read is a failure, but where the server is read-only', async () => {
    const { examine } = await openWard({ role: 'read_only' });
    const { code, checks, failed } = await examine();
    expect([code, failed]).toEqual([1, ['roles']]);
    const roles = checks.find(({ check }) => check === 'roles');
    expect(roles?.finding).toMatch(/GROUP_READ_ONLY.*: none that may create keys$/);
    expect(roles?.advice).toContain('Project Model Owner');
    expect((await examine({}, ['--read-only'])).code).toBe(0);
  });

  test('that cannot see a project which it is to be used for', async () => {
    const { examine } = await openWard();
    const { code, checks, failed, warnings } = await examine({
      ATLAS_MODEL_KEYS_ALLOWED_PROJECTS: `${GROUP},${OTHER}`,
      MONGODB_ATLAS_PROJECT_ID: 'e'.repeat(24),
    });
    expect([code, failed, warnings]).toEqual([1, ['projects'], ['default project', 'roles', 'undelivered keys']]);
    expect(checks.find(({ check }) => check === 'projects')?.finding).toBe(
      `the credential cannot see ${OTHER}, ${'e'.repeat(24)}`,
    );
    expect((await examine({ ATLAS_MODEL_KEYS_ALLOWED_PROJECTS: GROUP })).code).toBe(0);
  });
});

test('a host where nothing answers is a failure of Atlas only', async () => {
  const { examine, sandbox } = await openWard();
  await sandbox.close();
  const { code, failed, checks } = await examine();
  expect([code, failed]).toEqual([1, ['Atlas']]);
  expect(checks.map(({ check }) => check)).not.toContain('projects');
});

describe('sinks', () => {
  test('each one is looked at, and what is wrong is told with advice', async () => {
    const { examine, home } = await openWard();
    mkdirSync(join(home, 'open'));
    chmodSync(join(home, 'open'), 0o777);
    symlinkSync(join(home, 'sink'), join(home, 'link'));
    fileIn(home, 'held', 'al-a-secret');
    const sinks = JSON.stringify({
      open: `file:${home}/open/{entry}`,
      linked: `dotenv:${home}/link/.env`,
      gone: { type: 'command', argv: ['no-such-program-here'] },
      held: `file:${home}/held`,
      chat: 'inline',
    });
    const { code, failed, warnings, checks } = await examine({ ATLAS_MODEL_KEYS_SINKS: sinks }, [
      '--allow-inline-secret',
    ]);
    expect([code, failed, warnings]).toEqual([1, ['sink open', 'sink linked', 'sink gone'], ['sink chat']]);
    expect(checks.find(({ check }) => check === 'sink open')?.advice).toBe(`Run: chmod go-w ${home}/open`);
    expect(checks.find(({ check }) => check === 'sink held')).toEqual({
      check: 'sink held',
      status: 'ok',
      finding: `file, ${home}/held: ready; holds a value already`,
    });
  });
});

test('a preset is told of with the command that it stands for, but no value of its variables', async () => {
  const { examine, home } = await openWard();
  const team = { type: 'preset', uri: `age:${home}/{entry}.age?recipient=age1x`, env: { TOKEN: 'value-canary' } };
  const { checks, stdout } = await examine({ ATLAS_MODEL_KEYS_SINKS: JSON.stringify({ team }) });
  const finding = checks.find(({ check }) => check === 'sink team')?.finding ?? '';
  expect(finding).toMatch(/a preset, tested with age \d/);
  expect(finding).toContain(`"argv":["age","-r","age1x","-o","${home}/{entry}.age"],"exists":["/bin/sh",`);
  expect(finding).toContain('"env":["TOKEN"]');
  expect(stdout).not.toContain('canary');
});

test('what the operator trusts is not judged, and named each time', async () => {
  const { examine, home } = await openWard();
  chmodSync(join(home, 'sink'), 0o777);
  expect((await examine()).failed).toEqual(['sink app']);
  const { failed, warnings, checks } = await examine({ ATLAS_MODEL_KEYS_TRUST_PATHS: join(home, 'sink') });
  expect([failed, warnings]).toEqual([[], ['trusted paths']]);
  expect(checks.find(({ check }) => check === 'trusted paths')?.finding).toBe(
    `the owners and modes of ${home}/sink and of what is below are not checked (variable ATLAS_MODEL_KEYS_TRUST_PATHS)`,
  );
});

describe('the state directory', () => {
  test('that others can write to', async () => {
    const { examine, stateDir } = await openWard();
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    chmodSync(stateDir, 0o777);
    const { code, failed, checks } = await examine();
    expect([code, failed]).toEqual([1, ['state directory']]);
    expect(checks.at(-1)?.advice).toContain(`chmod go-w ${stateDir}`);
  });

  test('that is a file, and one whose journal is', async () => {
    const { examine, home, stateDir } = await openWard();
    const path = fileIn(home, 'state', '');
    const { failed, checks } = await examine({ ATLAS_MODEL_KEYS_STATE_DIR: path });
    expect(failed).toEqual(['state directory']);
    // It is not a sink, and its advice does not speak of one.
    expect(checks.at(-1)?.advice).toMatch(/^Set ATLAS_MODEL_KEYS_STATE_DIR (?!.*sink)/);
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    writeFileSync(join(stateDir, 'intents'), '');
    expect((await examine()).failed).toEqual(['state directory']);
  });

  test('that is missing is fine, and stays missing', async () => {
    const { examine, stateDir } = await openWard();
    const { checks } = await examine();
    expect(checks.find(({ check }) => check === 'state directory')?.finding).toBe(
      `${stateDir}: will be made with the first create`,
    );
    expect(existsSync(stateDir)).toBe(false);
  });
});

test('keys that are not delivered are told of: those of this machine are a failure, others a warning', async () => {
  const { examine, sandbox, stateDir } = await openWard();
  const nonce = '0123456789ab';
  const { apiKeyId } = sandbox.addKey(GROUP, { name: 'other-undelivered-ffffffffffff' });
  const here = { ATLAS_MODEL_KEYS_ALLOWED_PROJECTS: GROUP };
  const others = await examine(here);
  expect([others.code, others.warnings]).toEqual([0, ['undelivered keys']]);
  expect(others.checks.find(({ check }) => check === 'undelivered keys')?.finding).toContain(apiKeyId);
  const plan = { groupId: GROUP, name: 'own', nonce, sink: 'app' };
  const opened = await openJournal(stateDir).open(plan, { since: 0, maxPerHour: 30, isOnePlace: true });
  if (!opened.ok) throw new Error(opened.failure.message);
  const intent = opened.value;
  await intent.release({ step: 'sending' });
  expect((await examine(here)).code).toBe(0);
  sandbox.addKey(GROUP, { name: `own-undelivered-${nonce}` });
  const own = await examine();
  expect([own.code, own.failed]).toEqual([1, ['undelivered keys']]);
});

describe('the journal', () => {
  const plan = { groupId: GROUP, name: 'left\u001b[31m over', nonce: '0123456789ab', sink: 'app' };

  test('with leftovers is a failure, until they are reconciled', async () => {
    const { examine, run, stateDir } = await openWard();
    const opened = await openJournal(stateDir).open(plan, { since: 0, maxPerHour: 30, isOnePlace: true });
    if (!opened.ok) throw new Error(opened.failure.message);
    const intent = opened.value;
    const underWay = await examine();
    expect([underWay.code, underWay.checks.at(-1)?.finding]).toEqual([0, '1 call under way']);
    await intent.release({ step: 'undelivered', apiKeyId: 'k1' });
    const { code, failed, checks } = await examine();
    expect([code, failed]).toEqual([1, ['journal']]);
    expect(checks.at(-1)?.finding).toContain(`in ${GROUP}`);
    expect(checks.at(-1)?.advice).toContain('reconcile_ai_model_api_keys');
    const { stdout } = await run([]);
    expect(stdout).toMatch(/^failed {3}journal .*"left\[31m over"/m);
    expect(stdout).toMatch(/^ +-> Have reconcile_ai_model_api_keys called/m);
    expect(stdout).toMatch(/\n1 check failed\.\n$/);
    await intent.release({ step: 'ended', outcome: 'gone' });
    expect((await examine()).code).toBe(0);
  });
});
