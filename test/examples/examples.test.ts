// The examples run as a person runs them: child processes, with the settings that `setup` wrote, a simulated Atlas, and a model that
// follows a script.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import * as z from 'zod/v4';
import type { Simulator } from '../atlas-simulator/simulator.ts';
import { leaksIn } from '../canary.ts';
import { atlasAndHome, fileIn, startServer } from '../e2e/host.ts';
import { CREATE } from '../e2e/scene.ts';
import { startScriptedModel, type Script } from '../hosts/scripted-model.ts';
import { GROUP, openSetup, STARTED } from '../setup/session.ts';
import { kubeconfigFor } from '../sinks/stores/kubeconfig.ts';
import { kubernetesStandIn } from '../sinks/stores/kubernetes-stand-in.ts';

const examples = fileURLToPath(new URL('../../examples', import.meta.url));
const textOf = (name: string) => readFileSync(join(examples, name), 'utf8');

/** An example that runs, with what it was given and what came out. */
async function start(name: string, scriptFor: (sandbox: Simulator) => Script, words: readonly string[] = []) {
  const setup = await openSetup([]);
  expect((await setup.run(['--yes', '--sink', `app=file:${setup.home}/{entry}.key`])).code).toBe(0);
  const model = await startScriptedModel(scriptFor(setup.sandbox));
  const child = spawn(process.execPath, [join(examples, name), ...words, '--', ...STARTED], {
    cwd: setup.home,
    env: { HOME: setup.home, PATH: process.env.PATH, OPENAI_BASE_URL: `${model.url}/v1`, OPENAI_API_KEY: 'none' },
    stdio: 'pipe',
  });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = once(child, 'close');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
    model.close();
  });
  const printed = () => Buffer.concat(chunks).toString();
  return {
    ...setup,
    model,
    printed,
    write: (line: string) => child.stdin.write(`${line}\n`),
    waitFor: (words: string) => expect.poll(printed, { timeout: 20_000, interval: 10 }).toContain(words),
    end: async () => {
      child.stdin.end();
      await ended;
      return child.exitCode;
    },
  };
}

describe.each(['openai-agents.js', 'langchain.js'])('%s', (name) => {
  test('makes a key whose secret the model, and who reads the output, never see', async () => {
    const example = await start(name, () => ({ tool: CREATE, args: { groupId: GROUP, name: 'search' } }), [
      'Make a key.',
    ]);
    expect(await example.end(), example.printed()).toBe(0);
    const [key] = example.sandbox.keys(GROUP);
    expect(key?.name).toBe('search');
    expect(readFileSync(join(example.home, 'search.key'), 'utf8')).toBe(key?.secret);
    expect(example.printed()).toBe('done\n');
    expect(example.model.offered().some((tool) => tool.endsWith(CREATE))).toBe(true);
    const seen = example.model.seen.join('\n');
    expect(seen).toContain('delivered');
    expect(leaksIn(seen + example.printed(), [key?.secret ?? '', example.sandbox.credentials.clientSecret])).toEqual(
      [],
    );
  });
});

/** An answer that comes sooner does not count as that of a person. */
const SLOWER_THAN_A_HOST_MS = 400;

describe('chat-approval.js', () => {
  const deletion = (sandbox: Simulator): Script => {
    const { apiKeyId } = sandbox.addKey(GROUP, { name: 'old' });
    return { tool: 'delete_ai_model_api_key', args: { groupId: GROUP, apiKeyId, confirmName: 'old' } };
  };

  test.each([
    ['the name of the key, and it is deleted', 'old', [], /"outcome\\?":\s*\\?"deleted/],
    ['no, and it stays', 'no', ['old'], /DECLINED/],
    ['something else, and it stays', 'yes, please', ['old'], /DECLINED/],
  ])('the person writes %s', async (_, answer, left, outcome) => {
    const chat = await start('chat-approval.js', deletion);
    chat.write('Delete the key named old.');
    await chat.waitFor('[approval]');
    let answered = 0;
    while (!chat.printed().includes('done')) {
      await delay(20);
      if (chat.printed().split('[approval]').length - 1 <= answered) continue;
      // From the question on: what is answered at once was seen by nobody.
      await delay(SLOWER_THAN_A_HOST_MS);
      chat.write(answer);
      answered += 1;
    }
    expect(chat.sandbox.keys(GROUP).map(({ name }) => name)).toEqual(left);
    const seen = chat.model.seen.join('\n');
    expect(seen).toMatch(outcome);
    // The question is for the person, and the model does not see it.
    expect([chat.printed().includes('for good'), seen.includes('[approval]')]).toEqual([true, false]);
    await chat.end();
  });
});

describe('the nightly jobs', () => {
  const keys = z.strictObject({
    keys: z
      .array(
        z.strictObject({
          groupId: z.string().regex(/^[a-f0-9]{24}$/),
          name: z.string(),
          sink: z.literal('keys'),
          entry: z.string(),
          rotateAfterDays: z.int().optional(),
        }),
      )
      .min(1),
  });
  const map = z.looseObject({
    kind: z.literal('ConfigMap'),
    data: z.strictObject({ 'config.json': z.string(), 'keys.json': z.string() }),
  });
  const documents = parseAllDocuments(textOf('nightly/kubernetes.yaml')).map((document) =>
    z.unknown().parse(document.toJS()),
  );
  const kinds = documents.map((document) => z.looseObject({ kind: z.string() }).parse(document).kind);

  test('both want the same keys', () => {
    const wanted = keys.parse(JSON.parse(textOf('nightly/keys.json')));
    const [settings] = documents.flatMap((document) => map.safeParse(document).data ?? []);
    expect(keys.parse(JSON.parse(settings?.data['keys.json'] ?? ''))).toEqual(wanted);
  });

  test('the right to change is only for the secrets that are wanted, and nothing may be listed or deleted', () => {
    const role = z.looseObject({
      kind: z.literal('Role'),
      rules: z.array(z.looseObject({ verbs: z.array(z.string()), resourceNames: z.array(z.string()).optional() })),
    });
    const [{ rules } = { rules: [] }] = documents.flatMap((document) => role.safeParse(document).data ?? []);
    const entries = keys.parse(JSON.parse(textOf('nightly/keys.json'))).keys.map(({ entry }) => entry);
    expect(rules.map(({ verbs, resourceNames }) => [verbs, resourceNames])).toEqual([
      [['get', 'patch'], entries],
      [['create'], undefined],
    ]);
    expect(kinds).toEqual(['ServiceAccount', 'Role', 'RoleBinding', 'ConfigMap', 'PersistentVolumeClaim', 'CronJob']);
  });

  test('the settings of the CronJob, with a sink of this machine, are those of a server that is well', async () => {
    const setup = await openSetup([]);
    const [settings] = documents.flatMap((document) => map.safeParse(document).data ?? []);
    const { baseUrl, credentials } = setup.sandbox;
    const config = (settings?.data['config.json'] ?? '')
      .replace('k8s:default/{entry}#VOYAGE_API_KEY', `file:${setup.home}/{entry}.key`)
      .replace('mdb_sa_id_replace_with_yours', credentials.clientId)
      .replace('"clientSecretFile"', `"baseUrl": "${baseUrl}", "clientSecretFile"`)
      .replace('/run/atlas', setup.home)
      .replace('/state', `${setup.home}/state`);
    writeFileSync(join(setup.home, 'config.json'), config, { mode: 0o600 });
    writeFileSync(join(setup.home, 'client-secret'), credentials.clientSecret, { mode: 0o600 });
    const { code, said } = await setup.run(['--yes', '--dry-run', '--config', join(setup.home, 'config.json')], {});
    expect(code, said).toBe(0);
    expect(said).toContain('says all of it already');
  });

  /** As the job runs `apply`, with the built program. */
  const applied = async (home: string, args: readonly string[], env: Record<string, string>) => {
    const server = startServer({ home, args: ['apply', ...args, '--yes', '--json'], env });
    server.endInput();
    const { code } = await server.ended;
    const { stdout, stderr } = server.output();
    return { code, stdout, stderr };
  };

  test('the CronJob makes each key a Secret of Kubernetes, and changes nothing the next night', async () => {
    const { sandbox, home } = await atlasAndHome();
    const cluster = await kubernetesStandIn('token-of-the-pod', ['get', 'create', 'patch']);
    const [settings] = documents.flatMap((document) => map.safeParse(document).data ?? []);
    const { 'config.json': config = '', 'keys.json': wanted = '' } = settings?.data ?? {};
    const { clientId, clientSecret } = sandbox.credentials;
    fileIn(home, 'client-secret', clientSecret);
    const written = config
      .replace('mdb_sa_id_replace_with_yours', clientId)
      .replace('"clientSecretFile"', `"baseUrl": "${sandbox.baseUrl}", "clientSecretFile"`)
      .replace('/run/atlas', home)
      .replace('/state', `${home}/state`);
    const args = [fileIn(home, 'keys.json', wanted), '--config', fileIn(home, 'config.json', written)];
    const env = kubeconfigFor(cluster.address, { token: 'token-of-the-pod' });
    const first = await applied(home, args, env);
    expect(first.code, first.stdout + first.stderr).toBe(0);
    for (const { name, secret } of sandbox.keys())
      expect(cluster.held(`default/${name}`, 'VOYAGE_API_KEY')).toBe(secret);
    // Their projects are worked on at once, so either may be made first.
    expect(
      sandbox
        .keys()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['search-prod', 'search-staging']);
    sandbox.clearRequests();
    expect(await applied(home, args, env)).toMatchObject({ code: 0 });
    expect(
      sandbox.requests.filter(({ method, operation }) => method !== 'GET' && !['token', 'revoke'].includes(operation)),
    ).toEqual([]);
    expect(
      leaksIn(
        first.stdout + first.stderr,
        sandbox.keys().map(({ secret }) => secret),
      ),
    ).toEqual([]);
  });

  test('the workflow makes each key a file of its runner', async () => {
    const { sandbox, home, env } = await atlasAndHome();
    const job = z.looseObject({
      jobs: z.looseObject({ apply: z.looseObject({ env: z.record(z.string(), z.string()) }) }),
    });
    const own = job.parse(parse(textOf('nightly/github-actions.yml'))).jobs.apply.env;
    const placed = Object.entries(own).filter(([name]) => name.startsWith('ATLAS_MODEL_KEYS_'));
    const settings = Object.fromEntries(placed.map(([name, value]) => [name, value.replace('/srv/model-keys', home)]));
    const ended = await applied(home, [join(examples, 'nightly/keys.json')], { ...env, ...settings });
    expect(ended.code, ended.stdout + ended.stderr).toBe(0);
    for (const { name, secret } of sandbox.keys()) expect(readFileSync(join(home, `${name}.key`), 'utf8')).toBe(secret);
    expect(sandbox.keys()).toHaveLength(2);
  });

  test('no step of the workflow has the secret in its command, and every action is pinned', () => {
    const step = z.looseObject({ uses: z.string().optional(), run: z.string().optional() });
    const workflow = z.looseObject({
      jobs: z.looseObject({ apply: z.looseObject({ steps: z.array(step), env: z.record(z.string(), z.string()) }) }),
    });
    const { steps, env } = workflow.parse(parse(textOf('nightly/github-actions.yml'))).jobs.apply;
    for (const { uses, run } of steps) {
      expect(uses ?? '@'.padEnd(41, '0')).toMatch(/@[0-9a-f]{40}$/);
      expect(run ?? '').not.toContain('${{');
    }
    expect(JSON.stringify(env)).not.toContain('secrets.');
    expect(steps.map(({ run }) => run ?? '').join('\n')).toContain('apply examples/nightly/keys.json --yes');
  });
});
