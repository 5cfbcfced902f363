// The official inspector, a client that this project did not write: its command line and its `mcpdo` run the built server
// from a host's configuration file, and judge the answers for themselves.

import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import * as z from 'zod/v4';
import { leaksIn } from '../canary.ts';
import { BUNDLE, atlasAndHome, credentialsFor, fileIn, temporaryHome } from './host.ts';
import { structuredOf, type Result } from './result.ts';
import { CREATE, GROUP } from './scene.ts';

/** The folder where the inspector is installed; `.ci/run` makes one. */
const programs = resolve(process.env.MCP_INSPECTOR ?? '', 'node_modules/.bin');
const installed = existsSync(join(programs, 'mcp-inspector'));
const reason = installed ? '' : ' (not installed: MCP_INSPECTOR names no folder that has it)';

const SERVER = 'atlas-model-keys';
const DELETE = 'delete_ai_model_api_key';
const TOOL_ERROR = 5;

const named = z.array(z.looseObject({ name: z.string() }));
const answered = z.object({ result: z.unknown(), schemaFindings: z.unknown().optional() });
const asked = z.object({
  elicitationPending: z.object({ elicitationId: z.string(), message: z.string(), requestedSchema: z.unknown() }),
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The inspector in a home of its own, where a file as hosts have it tells how to start the server. */
function inspect(home: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const server = { command: process.execPath, args: [BUNDLE, ...args], env: { TMPDIR: join(home, 'tmp'), ...env } };
  const config = fileIn(home, 'mcp.json', JSON.stringify({ mcpServers: { [SERVER]: server } }));
  const printed: string[] = [];
  const run = async (program: string, more: readonly string[]): Promise<Ended> => {
    const ended = await outcomeOf(home, [join(programs, program), ...more, '--format', 'json']);
    printed.push(ended.stdout, ended.stderr);
    return ended;
  };
  const ask = async (method: string, ...more: string[]) => {
    const target = ['--cli', '--config', config, '--server', SERVER, '--method', method];
    const { stdout, ...ended } = await run('mcp-inspector', [...target, ...more]);
    expect(stdout, ended.stderr).not.toBe('');
    return { ...ended, ...answered.parse(JSON.parse(stdout)) };
  };
  return {
    config,
    run,
    ask,
    call: async (tool: string, parameters: object) => {
      const json = JSON.stringify({ groupId: GROUP, ...parameters });
      const { result, code } = await ask('tools/call', '--tool-name', tool, '--tool-args-json', json);
      return { code, ...resultIn(result) };
    },
    /** Fails if the inspector was given, or printed, a piece of a secret. */
    expectNoLeaks: (secrets: readonly string[] = []) => {
      expect(leaksIn(printed.join('\n'), ['al-sandbox-', ...secrets])).toEqual([]);
    },
  };
}

function outcomeOf(home: string, args: readonly string[]): Promise<Ended> {
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    TMPDIR: join(home, 'tmp'),
    // Otherwise it looks for a keyring, and writes a file where there is none.
    MCP_INSPECTOR_SECRET_STORE: 'memory',
  };
  return new Promise((settle) => {
    const child = execFile(process.execPath, args, { cwd: home, env, timeout: 25_000 }, (_error, stdout, stderr) => {
      settle({ code: child.exitCode, stdout, stderr });
    });
  });
}

function resultIn(value: unknown): Result {
  return structuredOf(CallToolResultSchema.parse(value));
}

async function openScene() {
  const { sandbox, home } = await atlasAndHome();
  const path = join(home, 'app.key');
  const { expectNoLeaks, ...inspector } = inspect(home, ['--sink', `app=file:${path}`], credentialsFor(sandbox));
  return {
    ...inspector,
    sandbox,
    home,
    path,
    expectNoLeaks: () => {
      expectNoLeaks([sandbox.credentials.clientSecret, ...sandbox.keys().map(({ secret }) => secret)]);
    },
  };
}

/** The same, with a connection of `mcpdo` open, which offers forms. */
async function openConnection() {
  const scene = await openScene();
  onTestFinished(async () => {
    await scene.run('mcpdo', ['daemon', 'stop']);
    // Its last act, when the server has ended.
    await vi.waitUntil(() => !existsSync(join(scene.home, '.mcp-inspector/mcpdod.sock')), { timeout: 10_000 });
  });
  const connected = await scene.run('mcpdo', ['connect', SERVER, '--config', scene.config]);
  expect(connected.code, connected.stderr).toBe(0);
  const send = async (...args: string[]): Promise<unknown> =>
    JSON.parse((await scene.run('mcpdo', ['--connection', SERVER, ...args])).stdout);
  return {
    ...scene,
    send,
    /** What the server says when the person has typed this into the form, as often as it asks. */
    removeTyping: async (parameters: object, answer: string) => {
      const pending = await send('tools/call', DELETE, JSON.stringify({ groupId: GROUP, ...parameters }));
      const form = asked.parse(pending).elicitationPending;
      const typed = JSON.stringify({ answer });
      let said = pending;
      for (let form = asked.safeParse(said); form.success; form = asked.safeParse(said)) {
        // A person takes a while; what is answered at once was seen by nobody.
        await delay(400);
        said = await send('elicitation/respond', form.data.elicitationPending.elicitationId, typed);
      }
      return { form, ...resultIn(said) };
    },
  };
}

describe.skipIf(!installed && !process.env.CI)(`the MCP inspector${reason}`, () => {
  test.each(['legacy', 'auto'])('lists every tool, and complains of no schema, as client of era %s', async (era) => {
    const { ask, expectNoLeaks } = inspect(temporaryHome(), ['--sandbox']);
    const { code, schemaFindings, result } = await ask('tools/list', '--strict', '--protocol-era', era);
    expect({ code, schemaFindings }).toEqual({ code: 0 });
    const surface = named.parse(JSON.parse(readFileSync(new URL('../tools/surface.json', import.meta.url), 'utf8')));
    const { tools } = z.object({ tools: named }).parse(result);
    expect(tools.map(({ name }) => name)).toEqual(surface.map(({ name }) => name));
    expectNoLeaks();
  });

  test('lists the prompts', async () => {
    const { code, result } = await inspect(temporaryHome(), ['--sandbox']).ask('prompts/list');
    expect(code).toBe(0);
    const { prompts } = z.object({ prompts: named }).parse(result);
    expect(prompts.map(({ name }) => name)).toEqual(['provision_model_key', 'rotate_model_key', 'audit_model_keys']);
  });

  test('creates in the embedded sandbox', async () => {
    const { call, expectNoLeaks } = inspect(temporaryHome(), ['--sandbox']);
    const { code, outcome, delivery } = await call(CREATE, { name: 'tried' });
    expect({ code, outcome }).toEqual({ code: 0, outcome: 'delivered' });
    // The sandbox forgets with its process.
    expect(delivery).toMatchObject({ kind: 'file', verification: 'read-back' });
    expect(existsSync(delivery?.location ?? '')).toBe(false);
    expectNoLeaks();
  });

  test('plans, creates, and exits with the code of a tool error when the name is taken', async () => {
    const { call, sandbox, path, expectNoLeaks } = await openScene();
    const request = { name: 'production', sink: 'app' };
    expect(await call(CREATE, { ...request, dryRun: true })).toMatchObject({ code: 0, outcome: 'planned' });
    expect({ keys: sandbox.keys(), written: existsSync(path) }).toEqual({ keys: [], written: false });

    const created = await call(CREATE, request);
    const [key] = sandbox.keys();
    expect(created).toMatchObject({
      code: 0,
      outcome: 'delivered',
      key: { apiKeyId: key?.apiKeyId, maskedSecret: key?.maskedSecret },
      delivery: { sink: 'app', location: path, verification: 'read-back' },
    });
    expect(readFileSync(path, 'utf8')).toBe(key?.secret);

    const error = { code: 'NAME_IN_USE', keyState: 'not_created' };
    expect(await call(CREATE, request)).toMatchObject({ code: TOOL_ERROR, outcome: 'failed', error });
    expect(sandbox.keys()).toHaveLength(1);
    expectNoLeaks();
  });

  test('asks the person before a key is deleted: another name keeps it, its name deletes it', async () => {
    const { removeTyping, sandbox, expectNoLeaks } = await openConnection();
    const { apiKeyId } = sandbox.addKey(GROUP, { name: 'production' });
    const request = { apiKeyId, confirmName: 'production' };

    const declined = await removeTyping(request, 'Production');
    expect(declined).toMatchObject({ outcome: 'failed', error: { code: 'DECLINED' } });
    expect(declined.form.message.split('\n').at(-1)).toBe('production');
    expect(declined.form.requestedSchema).toMatchObject({ required: ['answer'] });
    expect(sandbox.keys()).toMatchObject([{ apiKeyId }]);
    expectNoLeaks();

    expect(await removeTyping(request, 'production')).toMatchObject({ outcome: 'deleted' });
    expect(sandbox.keys()).toEqual([]);
    expectNoLeaks();
  });
});
