// `setup --yes`: what it keeps, what it runs, and that it writes over nothing that is not its own.

import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { leaksIn } from '../canary.ts';
import { filesBelow, startHost } from '../e2e/host.ts';
import { structuredOf } from '../e2e/result.ts';
import { CREATE } from '../e2e/scene.ts';
import { GROUP, openSetup, STARTED } from './session.ts';
import { HOST_FILES, hostFile, writeHostFile } from './stand-in-hosts.ts';

const [NODE = '', ENTRY = ''] = STARTED;
const GUARDS = { ATLAS_MODEL_KEYS_ALLOWED_PROJECTS: GROUP, ATLAS_MODEL_KEYS_CONFIRM: 'required' };

const SOME_SECRET = { MONGODB_ATLAS_CLIENT_SECRET: 'mdb_sa_sk_of_somebody_else_and_long_enough' };

const without = (env: Readonly<Record<string, string>>, name: string) =>
  Object.fromEntries(Object.entries(env).filter(([each]) => each !== name));

describe('from a clean home', () => {
  test('it keeps the secret in a file, the guards in the configuration, and adds the server to each host', async () => {
    const setup = await openSetup();
    const { credentials, baseUrl } = setup.sandbox;
    const { code, said, leaks } = await setup.run(['--yes', '--sink', 'app=dotenv:~/app/.env'], {
      ...setup.env,
      ...GUARDS,
    });
    expect([code, leaks], said).toEqual([0, []]);
    expect(setup.read('client-secret')).toBe(credentials.clientSecret);
    for (const name of ['client-secret', 'config.json', 'setup.json'])
      expect([name, statSync(setup.path(name)).mode & 0o7777]).toEqual([name, 0o600]);
    expect(JSON.parse(setup.read('config.json') ?? '')).toEqual({
      sinks: { app: 'dotenv:~/app/.env' },
      allowedProjects: [GROUP],
      confirm: 'required',
      atlas: { baseUrl, clientId: credentials.clientId, clientSecretFile: setup.path('client-secret') },
    });
    expect(setup.hosts.calls().map(({ host, argv }) => [host, ...argv].join(' '))).toEqual([
      `claude mcp add atlas-model-keys -s user -- ${NODE} ${ENTRY}`,
      `codex mcp add atlas-model-keys -- ${NODE} ${ENTRY}`,
      `gemini mcp add -s user atlas-model-keys ${NODE} -- ${ENTRY}`,
      `copilot mcp add atlas-model-keys -- ${NODE} ${ENTRY}`,
      `opencode mcp add atlas-model-keys -- ${NODE} ${ENTRY}`,
      `qwen mcp add -s user atlas-model-keys ${NODE} -- ${ENTRY}`,
      `code --add-mcp ${JSON.stringify({ name: 'atlas-model-keys', command: NODE, args: [ENTRY] })}`,
    ]);
  });

  test('a variable that sets nothing takes no guard out of the configuration', async () => {
    const setup = await openSetup([]);
    await setup.run(['--yes'], { ...setup.env, ...GUARDS });
    const { code, said } = await setup.run(['--yes'], { ...setup.env, ATLAS_MODEL_KEYS_CONFIRM: 'false' });
    expect(code, said).toBe(0);
    expect(JSON.parse(setup.read('config.json') ?? '')).toMatchObject({
      allowedProjects: [GROUP],
      confirm: 'required',
    });
  });

  test('no host is given a secret, in its arguments, its environment or its file', async () => {
    const setup = await openSetup();
    const secret = setup.sandbox.credentials.clientSecret;
    await setup.run(['--yes']);
    const calls = setup.hosts.calls();
    expect(calls).toHaveLength(7);
    for (const { host, argv, env, cwd } of calls) {
      expect([host, leaksIn(JSON.stringify([argv, env]), [secret]), cwd]).toEqual([host, [], '/']);
      expect(Object.keys(env).filter((name) => /ATLAS|MDB/.test(name))).toEqual([]);
    }
    const holders = [...filesBelow(setup.home)].filter(([, content]) => leaksIn(content, [secret]).length > 0);
    expect(holders.map(([path]) => path)).toEqual([setup.path('client-secret')]);
  });

  test('a host that then starts what it was given, with HOME and nothing else, creates a key', async () => {
    const setup = await openSetup(['claude']);
    await setup.run(['--yes'], { ...setup.env, ...GUARDS, ATLAS_MODEL_KEYS_CONFIRM: 'never' });
    const host = await startHost({ home: setup.home });
    const created = structuredOf(await host.call(CREATE, { groupId: GROUP, name: 'production' }));
    expect(created).toMatchObject({ outcome: 'delivered' });
    const [, other] = setup.sandbox.projects;
    const refused = structuredOf(await host.call(CREATE, { groupId: other?.id, name: 'production' }));
    expect(refused).toMatchObject({ error: { code: 'PROJECT_NOT_ALLOWED' } });
  });

  test('a dry run says every command, and writes and runs nothing', async () => {
    const setup = await openSetup();
    const before = [...filesBelow(setup.home)];
    const { code, said, leaks } = await setup.run(['--yes', '--dry-run']);
    expect([code, leaks]).toEqual([0, []]);
    for (const id of Object.keys(HOST_FILES)) expect(said).toMatch(new RegExp(`^host +${id} .*${ENTRY}`, 'm'));
    expect(setup.hosts.calls()).toEqual([]);
    expect([...filesBelow(setup.home)]).toEqual(before);
  });

  test('nothing is written where Atlas refuses the credential', async () => {
    const setup = await openSetup();
    const { code, said } = await setup.run(['--yes'], { ...setup.env, ...SOME_SECRET });
    expect([code, said]).toEqual([1, expect.stringContaining('Nothing was written, since a check failed.')]);
    expect(setup.hosts.calls()).toEqual([]);
    expect(existsSync(setup.folder)).toBe(false);
  });
});

describe('credentials that the user has already', () => {
  test('the file of a secret is named, not copied', async () => {
    const setup = await openSetup([]);
    const file = `${setup.home}/held-secret`;
    writeFileSync(file, setup.sandbox.credentials.clientSecret, { mode: 0o600 });
    const env = without(setup.env, 'MONGODB_ATLAS_CLIENT_SECRET');
    const { code, said } = await setup.run(['--yes'], { ...env, MONGODB_ATLAS_CLIENT_SECRET_FILE: file });
    expect(code, said).toBe(0);
    expect(JSON.parse(setup.read('config.json') ?? '')).toMatchObject({ atlas: { clientSecretFile: file } });
    expect(existsSync(setup.path('client-secret'))).toBe(false);
  });

  test('so is the program that prints it', async () => {
    const setup = await openSetup([]);
    const program = `${setup.home}/print-secret`;
    writeFileSync(program, `#!/bin/sh\necho '${setup.sandbox.credentials.clientSecret}'\n`);
    chmodSync(program, 0o700);
    const env = without(setup.env, 'MONGODB_ATLAS_CLIENT_SECRET');
    const { code, said } = await setup.run(['--yes'], {
      ...env,
      MONGODB_ATLAS_CLIENT_SECRET_COMMAND: `${program} now`,
    });
    expect(code, said).toBe(0);
    expect(JSON.parse(setup.read('config.json') ?? '')).toMatchObject({
      atlas: { clientSecretCommand: [program, 'now'] },
    });
    expect(existsSync(setup.path('client-secret'))).toBe(false);
  });

  test.each([
    [
      'an API key',
      (simulator: { publicKey: string; privateKey: string }) => ({
        MONGODB_ATLAS_PUBLIC_API_KEY: simulator.publicKey,
        MONGODB_ATLAS_PRIVATE_API_KEY: simulator.privateKey,
      }),
    ],
    ['nothing', () => ({})],
  ])('%s is not kept, and it says what is', async (_, variables) => {
    const setup = await openSetup([]);
    const { code, said } = await setup.run(['--yes'], {
      MONGODB_ATLAS_BASE_URL: setup.sandbox.baseUrl,
      ...variables(setup.sandbox.credentials),
    });
    expect([code, said]).toEqual([1, expect.stringContaining('MONGODB_ATLAS_CLIENT_ID')]);
    expect(existsSync(setup.folder)).toBe(false);
  });
});

describe('a secret in a wrong place', () => {
  test('in the arguments of a program, it does not get into the configuration', async () => {
    const setup = await openSetup([]);
    const { clientSecret } = setup.sandbox.credentials;
    const env = { ...without(setup.env, 'MONGODB_ATLAS_CLIENT_SECRET'), PATH: process.env.PATH ?? '' };
    const variables = { ...env, MONGODB_ATLAS_CLIENT_SECRET_COMMAND: `echo ${clientSecret}` };
    const { code, said, leaks } = await setup.run(['--yes'], variables);
    expect([code, leaks, said]).toEqual([1, [], expect.stringContaining('would hold a secret')]);
    expect(existsSync(setup.folder)).toBe(false);
  });

  test.each(['MONGODB_ATLAS_CLIENT_SECRET_FILE', 'MONGODB_ATLAS_CLIENT_ID'])('as %s, it is not shown', async (name) => {
    const setup = await openSetup([]);
    const env = {
      ...without(setup.env, 'MONGODB_ATLAS_CLIENT_SECRET'),
      [name]: setup.sandbox.credentials.clientSecret,
    };
    const { code, leaks } = await setup.run(['--yes', '--dry-run'], {
      ...env,
      ...(name.endsWith('ID') && SOME_SECRET),
    });
    expect([code, leaks]).toEqual([1, []]);
  });
});

describe('what setup did not write stays', () => {
  test('a configuration file: it says what that should hold', async () => {
    const setup = await openSetup();
    mkdirSync(setup.folder, { recursive: true, mode: 0o700 });
    writeFileSync(setup.path('config.json'), '{ "readOnly": true }', { mode: 0o600 });
    const { code, said } = await setup.run(['--yes']);
    expect([code, said]).toEqual([1, expect.stringContaining('clientSecretFile')]);
    expect(setup.read('config.json')).toBe('{ "readOnly": true }');
    expect(existsSync(setup.path('client-secret'))).toBe(false);
    expect(setup.hosts.calls()).toEqual([]);
  });

  test('a configuration file of its own that somebody has changed since', async () => {
    const setup = await openSetup([]);
    await setup.run(['--yes']);
    const changed = (setup.read('config.json') ?? '').replace('{', '{ "readOnly": true,');
    writeFileSync(setup.path('config.json'), changed);
    expect((await setup.run(['--yes'], { ...setup.env, ...GUARDS })).code).toBe(1);
    expect(setup.read('config.json')).toBe(changed);
    // What is asked for stands there already.
    expect((await setup.run(['--yes'])).code).toBe(0);
    expect(setup.read('config.json')).toBe(changed);
  });

  test('one that is complete is used as it is, with no variable at all', async () => {
    const setup = await openSetup(['codex']);
    await setup.run(['--yes', '--host', 'codex']);
    rmSync(setup.path('setup.json'));
    rmSync(hostFile(setup.home, 'codex'));
    const before = setup.read('config.json');
    const { code, said } = await setup.run(['--yes'], {});
    expect([code, setup.read('config.json')], said).toEqual([0, before]);
    expect(readFileSync(hostFile(setup.home, 'codex'), 'utf8')).toContain(ENTRY);
  });

  test('another secret in the place of its own', async () => {
    const setup = await openSetup();
    mkdirSync(setup.folder, { recursive: true, mode: 0o700 });
    writeFileSync(setup.path('client-secret'), 'of something else', { mode: 0o600 });
    const { code, said } = await setup.run(['--yes']);
    expect([code, said]).toEqual([1, expect.stringContaining('Setup did not write it.')]);
    expect(setup.read('client-secret')).toBe('of something else');
    expect(existsSync(setup.path('config.json'))).toBe(false);
  });

  test.each(Object.keys(HOST_FILES))('an entry of that name in %s', async (id) => {
    const setup = await openSetup([id]);
    const member = { opencode: 'mcp', code: 'servers' }[id] ?? 'mcpServers';
    const entry = { [member]: { 'atlas-model-keys': { command: '/usr/bin/other', args: [] } } };
    const text =
      id === 'codex' ? '[mcp_servers.atlas-model-keys]\ncommand = "/usr/bin/other"\n' : JSON.stringify(entry);
    writeHostFile(setup.home, id, text);
    const { code, said } = await setup.run(['--yes']);
    expect([code, said]).toEqual([1, expect.stringContaining('was not made by setup')]);
    const removed = await setup.run(['--remove', id]);
    expect([removed.code, removed.said]).toEqual([1, expect.stringContaining('was not made by setup')]);
    expect(readFileSync(hostFile(setup.home, id), 'utf8')).toBe(text);
    expect(setup.hosts.calls()).toEqual([]);
  });

  test.each([
    [
      'is broken',
      (path: string) => {
        writeFileSync(path, '{ "mcpServers": ');
      },
    ],
    [
      'is a directory',
      (path: string) => {
        mkdirSync(path);
      },
    ],
    [
      'is a loop of links',
      (path: string) => {
        symlinkSync(path, path);
      },
    ],
  ])('a host file that %s is not taken for empty', async (_, make) => {
    const setup = await openSetup(['claude']);
    make(hostFile(setup.home, 'claude'));
    const { code, said } = await setup.run(['--yes']);
    expect([code, said]).toEqual([1, expect.stringContaining('cannot be read, so it is not changed')]);
    expect(setup.hosts.calls()).toEqual([]);
  });
});

describe('again', () => {
  test('it changes nothing where all is as it was', async () => {
    const setup = await openSetup();
    await setup.run(['--yes']);
    const before = [...filesBelow(setup.home, false)];
    const { code, said } = await setup.run(['--yes']);
    expect(code, said).toBe(0);
    expect([...filesBelow(setup.home, false)]).toEqual(before);
  });

  test('a new secret takes the place of the one that setup wrote, and a new guard comes into the file', async () => {
    const setup = await openSetup(['qwen']);
    await setup.run(['--yes']);
    const old = setup.sandbox.credentials.clientSecret;
    setup.sandbox.renewSecret();
    const { clientSecret } = setup.sandbox.credentials;
    expect(clientSecret).not.toBe(old);
    const env = { ...setup.env, MONGODB_ATLAS_CLIENT_SECRET: clientSecret, ...GUARDS };
    const { code, said } = await setup.run(['--yes'], env);
    expect(code, said).toBe(0);
    expect(setup.read('client-secret')).toBe(clientSecret);
    expect(JSON.parse(setup.read('config.json') ?? '')).toMatchObject({ confirm: 'required' });
  });

  test.each(Object.keys(HOST_FILES))('its own entry in %s gives way to one that starts something else', async (id) => {
    const setup = await openSetup([id]);
    await setup.run(['--yes']);
    const named = await setup.run(['--yes', '--config', setup.path('config.json')], {});
    expect(named.code, named.said).toBe(0);
    expect(readFileSync(hostFile(setup.home, id), 'utf8')).toContain('--config');
  });
});

describe('--remove', () => {
  test.each(['claude', 'codex', 'gemini', 'copilot', 'qwen'])('takes its own entry out of %s', async (id) => {
    const setup = await openSetup([id]);
    writeHostFile(setup.home, id, id === 'codex' ? 'model = "m"\n' : '{ "other": 1 }');
    await setup.run(['--yes']);
    const dry = await setup.run(['--remove', id, '--dry-run'], {});
    expect([dry.code, dry.said]).toEqual([0, expect.stringContaining(`${id} mcp remove`)]);
    expect(readFileSync(hostFile(setup.home, id), 'utf8')).toContain(ENTRY);
    const { code, said } = await setup.run(['--remove', id], {});
    expect(code, said).toBe(0);
    const left = readFileSync(hostFile(setup.home, id), 'utf8');
    expect([left.includes('atlas-model-keys'), /model|other/.test(left)]).toEqual([false, true]);
    expect(JSON.parse(setup.read('setup.json') ?? '')).toMatchObject({ hosts: {} });
  });

  test.each(['opencode', 'code'])('says where the entry is in %s, which has no command for it', async (id) => {
    const setup = await openSetup([id]);
    await setup.run(['--yes']);
    const { code, said } = await setup.run(['--remove', id], {});
    expect([code, said]).toEqual([1, expect.stringContaining(hostFile(setup.home, id))]);
  });
});

describe('what cannot be done is said', () => {
  test('a host that fails, with the command to try', async () => {
    const setup = await openSetup(['claude', 'codex']);
    writeFileSync(`${setup.hosts.folder}/fail`, '');
    const { code, said } = await setup.run(['--yes']);
    expect([code, said]).toEqual([1, expect.stringContaining('Try it yourself: codex mcp add atlas-model-keys')]);
    expect(JSON.parse(setup.read('setup.json') ?? '')).toMatchObject({ hosts: {} });
  });

  test('a host that is named and not there', async () => {
    const setup = await openSetup([]);
    const { code, said } = await setup.run(['--yes', '--host', 'gemini']);
    expect([code, said]).toEqual([1, expect.stringContaining('"gemini" was not found')]);
    expect(existsSync(setup.folder)).toBe(false);
  });

  test('a host whose program others can change is not run', async () => {
    const setup = await openSetup(['codex']);
    chmodSync(`${setup.hosts.folder}/codex`, 0o777);
    const { code, said } = await setup.run(['--yes', '--host', 'codex']);
    expect([code, said]).toEqual([1, expect.stringContaining('can be changed by other users')]);
    expect(setup.hosts.calls()).toEqual([]);
  });

  test.each([
    [['--host', 'emacs', '--yes'], 'must be one of'],
    [['--remove', 'emacs'], 'must be one of'],
    [['--sandbox'], '--sandbox'],
    [[], 'asks in a terminal'],
  ])('setup %j ends with code 2', async (args, words) => {
    const setup = await openSetup([]);
    const { code, said } = await setup.run(args);
    expect([code, said]).toEqual([2, expect.stringContaining(words)]);
  });

  test('a record that is not one of setup, so that nobody knows what is its own', async () => {
    const setup = await openSetup(['codex']);
    await setup.run(['--yes']);
    writeFileSync(setup.path('setup.json'), '[]');
    const { code, said } = await setup.run(['--yes'], { ...setup.env, ...GUARDS });
    expect([code, said]).toEqual([1, expect.stringContaining('is not what setup writes')]);
  });
});
