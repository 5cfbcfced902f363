// The main paths of the built server on Windows: `node.exe test\windows\main-paths.js`, real or under Wine (.ci/windows).
// Prints one line of JSON for each: { name, passed, reason? }. Atlas is the simulated one, in this process.

import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync } from 'node:fs';
import { readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, parse } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { environmentOf, runCommand, startServer } from './host.js';
import {
  assertGone,
  assertSecretless,
  digestOf,
  entriesOf,
  heldOpen,
  isWine,
  pidsIn,
  until,
  variablesIn,
} from './observations.js';

const GROUP = '69681d39c9e8cfd375386316';
const CREATE = 'create_ai_model_api_key';
const ROTATE = 'rotate_ai_model_api_key';
const RECONCILE = 'reconcile_ai_model_api_keys';

const project = fileURLToPath(new URL('../..', import.meta.url));
const sinkProgram = join(project, 'test', 'windows', 'sink-program.js');
const scratch = mkdtempSync(join(realpathSync.native(tmpdir()), 'amk-'));
const server = join(scratch, 'built', 'atlas-model-keys-mcp.js');
const { startSimulator } = await simulator();
const servers = new Set();
// A server that ends rejects every call to it, also those that nobody waits for any more.
process.on('unhandledRejection', () => undefined);

/** Each sees a home, a folder and an Atlas of its own. */
const paths = {
  'node build.js makes the same files as elsewhere': async () => {
    const { code, stderr } = await runCommand(join(project, 'build.js'), {
      args: [join(scratch, 'built')],
      cwd: project,
    });
    assert.equal(code, 0, stderr);
    for (const name of readdirSync(join(project, 'dist')))
      assert.equal(digestOf(join(scratch, 'built', name)), digestOf(join(project, 'dist', name)), name);
  },

  'npm run demo shows a delivery': async ({ env }) => {
    const { code, stdout, stderr } = await runCommand(join(project, 'demo', 'demo.js'), {
      args: [],
      env,
      cwd: project,
    });
    assert.equal(code, 0, stdout + stderr);
    assert.ok(!stdout.includes('0600'), stdout);
  },

  'starts, and lists its tools': async ({ start }) => {
    const host = await start();
    const names = (await host.listTools()).map(({ name }) => name);
    for (const name of [CREATE, ROTATE, RECONCILE, 'list_secret_sinks']) assert.ok(names.includes(name), name);
    assert.deepEqual(await host.leave(), { code: 0, signal: null });
  },

  'starts with --sandbox, and delivers into the user’s temporary folder': async ({ start, home }) => {
    const host = await start({ args: ['--sandbox'] });
    const { outcome, delivery } = await host.call(CREATE, { name: 'a key' });
    assert.equal(outcome, 'delivered');
    assert.ok(delivery.location.startsWith(home), delivery.location);
    assert.equal(readFileSync(delivery.location, 'utf8').length, 54);
  },

  'creates into a file': async ({ start, atlas, folder }) => {
    const host = await start();
    const result = await host.call(CREATE, { groupId: GROUP, name: 'a key', sink: 'file', entry: 'a-key' });
    assert.equal(result.outcome, 'delivered', JSON.stringify(result));
    assert.equal(result.delivery.verification, 'read-back');
    assert.equal(readFileSync(join(folder, 'a-key.key'), 'utf8'), atlas.keys()[0].secret);
    assert.equal(result.delivery.fingerprint, `sha256:${digestOf(join(folder, 'a-key.key')).slice(0, 12)}`);
    assert.equal(result.delivery.location, realpathSync.native(join(folder, 'a-key.key')));
    assertSecretless(host, atlas);
  },

  'names the file as Windows does, however the sink spells it': async ({ start, folder }) => {
    const spelled = join(folder, '{entry}.key').toUpperCase().replace('{ENTRY}', '{entry}').replaceAll('\\', '/');
    const host = await start({ sinks: { loud: `file:${spelled}` } });
    const result = await host.call(CREATE, { groupId: GROUP, name: 'a key', sink: 'loud', entry: 'k' });
    assert.equal(result.outcome, 'delivered', JSON.stringify(result));
    assert.equal(result.delivery.location, realpathSync.native(join(folder, 'k.key')));
  },

  'keeps its own files in the profile, not in AppData, and closes what it makes': async ({ start, home, env }) => {
    const { ATLAS_MODEL_KEYS_SINKS, ...withoutSinks } = env;
    assert.ok(ATLAS_MODEL_KEYS_SINKS);
    const host = await start({ env: withoutSinks });
    const result = await host.call(CREATE, { groupId: GROUP, name: 'a key' });
    assert.equal(result.outcome, 'delivered', JSON.stringify(result));
    const own = join(realpathSync.native(home), '.atlas-model-keys');
    assert.equal(result.delivery.location, join(own, 'keys', GROUP, 'a-key.key'));
    assert.ok(existsSync(join(own, 'state', 'intents')));
    const kept = readdirSync(join(home, 'AppData'), { recursive: true, encoding: 'utf8' });
    assert.ok(!kept.some((name) => name.includes('atlas')), kept.join());
    // Wine's icacls does nothing, and that must not be silent.
    if (isWine) assert.match(result.warnings.join(), /may be able to read what is in .*See icacls/);
    else assert.deepEqual([result.warnings ?? [], entriesOf(own)], [[], 2]);
  },

  'refuses a path that names no drive, with what to write instead': async ({ start }) => {
    for (const path of ['/srv/x', 'file:///C:/x', '///C:/x']) {
      const host = await start({ args: ['--sink', `mine=file:${path}`] });
      const { error } = await host.call('list_secret_sinks');
      assert.equal(error.code, 'CONFIG_INVALID');
      assert.ok(error.message.includes(String.raw`must begin with a drive, such as C:\app\.env`), error.message);
      await host.leave();
    }
  },

  'creates into a .env with the line ends of Windows': async ({ start, atlas, folder }) => {
    const path = join(folder, '.env');
    writeFileSync(path, 'A=1\r\nB=2\r\n');
    const host = await start();
    const result = await host.call(CREATE, { groupId: GROUP, name: 'a key', sink: 'env', entry: 'KEY' });
    assert.equal(result.outcome, 'delivered', JSON.stringify(result));
    assert.match(readFileSync(path, 'utf8'), /^A=1\r\nB=2\r\n/);
    assert.deepEqual(variablesIn(path), { A: '1', B: '2', KEY: atlas.keys()[0].secret });
    assertSecretless(host, atlas);
  },

  'creates by a command': async ({ start, atlas, folder }) => {
    const host = await start();
    const result = await host.call(CREATE, { groupId: GROUP, name: 'a key', sink: 'command', entry: 'k' });
    assert.equal(result.outcome, 'delivered', JSON.stringify(result));
    assert.equal(result.delivery.verification, 'read-back');
    assert.equal(readFileSync(join(folder, 'k.stored'), 'utf8'), atlas.keys()[0].secret);
    assertSecretless(host, atlas);
  },

  'says of a batch file that it needs cmd.exe, and delivers to it by cmd.exe': async ({ start, atlas, folder }) => {
    const batch = join(folder, 'keep.cmd');
    writeFileSync(batch, `@"${process.execPath}" "${sinkProgram}" store "${join(folder, 'kept')}"\r\n`);
    const sinks = {
      plain: { type: 'command', argv: [batch] },
      shell: { type: 'command', argv: ['cmd.exe', '/d', '/c', batch] },
    };
    const host = await start({ sinks });
    const refused = await host.call(CREATE, { groupId: GROUP, name: 'a', sink: 'plain' });
    assert.match(refused.error.message, /batch file/);
    assert.match(refused.error.hint, /"cmd\.exe","\/d","\/c"/);
    assert.equal(refused.error.keyState, 'not_created');
    const delivered = await host.call(CREATE, { groupId: GROUP, name: 'b', sink: 'shell' });
    assert.equal(delivered.outcome, 'delivered', JSON.stringify(delivered));
    assert.equal(readFileSync(join(folder, 'kept'), 'utf8'), atlas.keys()[0].secret);
  },

  'finds a program in the Path that the sink adds, written PATH': async ({ start, folder }) => {
    copyFileSync(process.execPath, join(folder, 'tool.exe'));
    const env = { PATH: folder };
    const sinks = { added: { type: 'command', argv: ['tool.exe', sinkProgram, 'store', join(folder, 'kept')], env } };
    const host = await start({ sinks });
    const result = await host.call(CREATE, { groupId: GROUP, name: 'a key', sink: 'added' });
    assert.equal(result.outcome, 'delivered', JSON.stringify(result));
  },

  'rotates in a file, in a .env and by a command': async ({ start, atlas, folder }) => {
    const host = await start();
    for (const [sink, entry] of Object.entries({ file: 'a-key', env: 'KEY', command: 'k' })) {
      const created = await host.call(CREATE, { groupId: GROUP, name: `key ${sink}`, sink, entry });
      const { apiKeyId } = created.key;
      const rotated = await host.call(ROTATE, { groupId: GROUP, apiKeyId, confirmName: `key ${sink}`, sink, entry });
      assert.equal(rotated.outcome, 'rotated', JSON.stringify(rotated));
      assert.equal(rotated.oldKey.state, 'deleted');
    }
    const secrets = Object.fromEntries(atlas.keys().map(({ name, secret }) => [name, secret]));
    assert.equal(readFileSync(join(folder, 'a-key.key'), 'utf8'), secrets['key file']);
    assert.equal(variablesIn(join(folder, '.env')).KEY, secrets['key env']);
    assert.equal(readFileSync(join(folder, 'k.stored'), 'utf8'), secrets['key command']);
    assertSecretless(host, atlas);
  },

  'two servers on one .env lose nothing': async ({ start, atlas, folder }) => {
    const hosts = [await start(), await start()];
    const lanes = hosts.map(async (host, lane) => {
      const failures = [];
      for (let run = 0; run < 15; run += 1) {
        const name = `K${lane}_${run}`;
        const result = await host.call(CREATE, { groupId: GROUP, name, sink: 'env', entry: name });
        if (result.outcome !== 'delivered') failures.push(`${name}: ${result.error.message}`);
      }
      return failures;
    });
    assert.deepEqual((await Promise.all(lanes)).flat(), []);
    const secrets = Object.fromEntries(atlas.keys().map(({ name, secret }) => [name, secret]));
    assert.deepEqual(variablesIn(join(folder, '.env')), secrets);
    assert.equal(Object.keys(secrets).length, 30);
  },

  'waits for a program that has the .env open for a moment': async ({ start, atlas, folder }) => {
    const path = join(folder, '.env');
    writeFileSync(path, 'A=1\r\n');
    const host = await start();
    const release = await heldOpen(path);
    const call = host.call(CREATE, { groupId: GROUP, name: 'a key', sink: 'env', entry: 'KEY' });
    await until(() => atlas.keys().length === 1);
    await delay(400);
    release();
    const result = await call;
    assert.equal(result.outcome, 'delivered', JSON.stringify(result));
  },

  'reconciles what a killed server left': async ({ start, atlas }) => {
    atlas.inject({ operation: 'create_key', when: 'after', kind: 'delay', ms: 60_000 });
    const host = await start();
    void host.call(CREATE, { groupId: GROUP, name: 'a key', sink: 'file', entry: 'a-key' });
    await until(() => atlas.keys().length === 1);
    host.kill();
    await host.ended;
    const next = await start();
    const told = await next.call(RECONCILE);
    assert.equal(told.creates.length, 1, JSON.stringify(told));
    await next.call(RECONCILE, { apply: true });
    assert.deepEqual(atlas.keys(), []);
    const created = await next.call(CREATE, { groupId: GROUP, name: 'a key', sink: 'file', entry: 'a-key' });
    assert.equal(created.outcome, 'delivered', JSON.stringify(created));
  },

  'the doctor finds all well': async ({ home, env, folder }) => {
    const { code, stdout, stderr } = await runCommand(server, { args: ['doctor', '--json'], env, cwd: folder });
    const failed = JSON.parse(stdout).checks.filter(({ status }) => status === 'failed');
    assert.deepEqual([code, failed], [0, []], `${stderr} in ${home}`);
  },

  'ends what a command started when it takes too long': async ({ start, folder }) => {
    const file = join(folder, 'slow');
    const argv = [process.execPath, sinkProgram, 'slow', file, '5000'];
    const host = await start({ sinks: { slow: { type: 'command', argv, timeoutMs: 2_000 } } });
    const result = await host.call(CREATE, { groupId: GROUP, name: 'a key', sink: 'slow' });
    assert.equal(result.error.code, 'SINK_WRITE_FAILED');
    await assertGone(file);
  },

  'ends what runs for a call when the host leaves': async ({ start, folder }) => {
    const file = join(folder, 'slow');
    // Later than the server takes to end.
    const argv = [process.execPath, sinkProgram, 'slow', file, '13000'];
    const host = await start({ sinks: { slow: { type: 'command', argv, timeoutMs: 60_000 } } });
    void host.call(CREATE, { groupId: GROUP, name: 'a key', sink: 'slow' });
    await until(() => existsSync(`${file}.pids`) && pidsIn(file).length === 2);
    await host.leave();
    await assertGone(file);
  },

  'runs no git.exe of the drive’s root or of the current folder': async ({ start, folder, env }) => {
    mkdirSync(join(folder, '.git'));
    const planted = [join(parse(process.execPath).root, 'git.exe'), join(folder, 'git.exe')];
    // Any program will do: what counts is whether it is started.
    const hostname = join(process.env.SystemRoot, 'System32', 'hostname.exe');
    for (const path of planted) copyFileSync(hostname, path);
    try {
      const host = await start({ env: { ...env, Path: join(process.env.SystemRoot, 'System32') } });
      const result = await host.call(CREATE, { groupId: GROUP, name: 'a key', sink: 'file', entry: 'k' });
      assert.match(result.error.message, /The program "git" was not found/);
    } finally {
      for (const path of planted) rmSync(path);
    }
  },

  'refuses names that Windows reserves': async ({ start, atlas }) => {
    const host = await start();
    for (const entry of ['NUL', 'con', 'aux', 'COM1', 'nul.txt', 'prod.']) {
      const result = await host.call(CREATE, { groupId: GROUP, name: 'a key', sink: 'plain', entry });
      assert.equal(result.outcome, 'failed', `${entry}: ${JSON.stringify(result)}`);
      const byCommand = await host.call(CREATE, { groupId: GROUP, name: 'a key', sink: 'command', entry });
      assert.equal(byCommand.outcome, 'failed', `${entry}: ${JSON.stringify(byCommand)}`);
    }
    assert.deepEqual(atlas.keys(), []);
  },

  'takes a path that begins with ~ and a backslash': async ({ start, home }) => {
    mkdirSync(join(home, 'app'));
    const host = await start({ args: ['--sink', String.raw`mine=dotenv:~\app\.env`], sinks: undefined });
    const result = await host.call(CREATE, { groupId: GROUP, name: 'a key', sink: 'mine' });
    assert.equal(result.outcome, 'delivered', JSON.stringify(result));
    assert.ok(existsSync(join(home, 'app', '.env')));
  },
};

for (const [name, run] of Object.entries(paths)) await judge(name, run);
rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
// Whoever reads this can tell an end from a crash.
process.stdout.write(`${JSON.stringify({ name: 'comes to its end', passed: true })}\n`);

async function judge(name, run) {
  let verdict;
  const atlas = await startSimulator();
  try {
    await run(sceneFor(atlas));
    verdict = { name, passed: true };
  } catch (error) {
    verdict = { name, passed: false, reason: error.message.slice(0, 2_000) };
  }
  for (const host of servers) host.kill();
  for (const host of servers) await host.ended;
  servers.clear();
  await atlas.close();
  process.stdout.write(`${JSON.stringify(verdict)}\n`);
  if (!verdict.passed) process.exitCode = 1;
}

function sceneFor(atlas) {
  const home = mkdtempSync(join(scratch, 'home-'));
  const folder = join(home, 'sinks');
  mkdirSync(folder);
  const stored = join(folder, '{entry}.stored');
  const sinks = {
    file: `file:${join(folder, '{entry}.key')}`,
    plain: `file:${join(folder, '{entry}')}`,
    env: `dotenv:${join(folder, '.env')}#{entry}`,
    command: {
      type: 'command',
      argv: [process.execPath, sinkProgram, 'store', stored],
      verify: [process.execPath, sinkProgram, 'show', stored],
      absent: [1],
    },
  };
  const env = environmentOf(home, {
    MONGODB_ATLAS_BASE_URL: atlas.baseUrl,
    MONGODB_ATLAS_CLIENT_ID: atlas.credentials.clientId,
    MONGODB_ATLAS_CLIENT_SECRET: atlas.credentials.clientSecret,
    ATLAS_MODEL_KEYS_MAX_CREATES_PER_HOUR: '1000',
    ATLAS_MODEL_KEYS_SINKS: JSON.stringify(sinks),
  });
  const start = async ({ args, sinks: others, env: other = env } = {}) => {
    const more = others && { ATLAS_MODEL_KEYS_SINKS: JSON.stringify(others) };
    const host = await startServer(server, { args, env: { ...other, ...more }, cwd: folder });
    servers.add(host);
    return host;
  };
  return { atlas, home, folder, env, start };
}

/** The simulated Atlas, bundled as the tests do it. */
async function simulator() {
  const outfile = join(scratch, 'simulator.mjs');
  const entryPoints = [join(project, 'test', 'atlas-simulator', 'simulator.ts')];
  await build({ entryPoints, bundle: true, platform: 'node', format: 'esm', outfile, absWorkingDir: project });
  return import(pathToFileURL(outfile).href);
}
