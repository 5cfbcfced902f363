// The real hosts, from a clean home: `setup --yes` adds the server to each, and each lists its tools and creates a key with it, driven by a
// model that follows a script. Run by .ci/hosts-e2e, which installs the hosts; prints a line a host, and ends with 0 only if all is well.

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { startSimulator, type Simulator } from '../atlas-simulator/simulator.ts';
import { leaksIn } from '../canary.ts';
import { startScriptedModel } from './scripted-model.ts';

const GROUP = '69681d39c9e8cfd375386316';
const TOOL = 'create_ai_model_api_key';
const TASK = 'Make a model key.';
const LONGEST_MS = 120_000;

/** How each is run without a person, with its model at an address. */
const HOSTS: Readonly<Record<string, (url: string) => { args: string[]; env: Record<string, string> }>> = {
  claude: (url) => ({
    args: ['-p', TASK, '--allowedTools', `mcp__atlas-model-keys__${TOOL}`],
    env: {
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_API_KEY: 'none',
      ENABLE_TOOL_SEARCH: 'false',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    },
  }),
  codex: (url) => ({
    args: [
      ...['exec', '--skip-git-repo-check', '-c', 'model="scripted"', '-c', 'model_provider="scripted"'],
      ...[
        '-c',
        `model_providers.scripted={name="scripted",base_url="${url}/v1",wire_api="responses",env_key="NO_KEY"}`,
      ],
      ...['-c', 'mcp_servers.atlas-model-keys.default_tools_approval_mode="approve"', TASK],
    ],
    env: { NO_KEY: 'none' },
  }),
  gemini: (url) => ({
    args: ['-p', TASK, '--yolo'],
    env: { GEMINI_API_KEY: 'none', GOOGLE_GEMINI_BASE_URL: url, GEMINI_CLI_TRUST_WORKSPACE: 'true' },
  }),
  copilot: (url) => ({
    args: ['-p', TASK, '--allow-all-tools'],
    env: {
      COPILOT_PROVIDER_BASE_URL: `${url}/v1`,
      COPILOT_PROVIDER_TYPE: 'openai',
      COPILOT_MODEL: 'scripted',
      COPILOT_OFFLINE: 'true',
    },
  }),
  opencode: (url) => ({
    args: ['run', '-m', 'scripted/scripted', TASK],
    env: {
      OPENCODE_CONFIG_CONTENT: JSON.stringify({
        provider: {
          scripted: {
            npm: '@ai-sdk/openai-compatible',
            options: { baseURL: `${url}/v1`, apiKey: 'none' },
            models: { scripted: {} },
          },
        },
      }),
    },
  }),
  qwen: (url) => ({
    args: ['-p', TASK, '--yolo', '--auth-type', 'openai'],
    env: { OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: 'none', OPENAI_MODEL: 'scripted' },
  }),
};

interface Place {
  readonly home: string;
  readonly path: string;
}

function run(program: string, args: readonly string[], cwd: string, env: Readonly<Record<string, string>>) {
  const child = spawn(program, args, {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LONGEST_MS,
    killSignal: 'SIGKILL',
  });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise<{ readonly code: number | null; readonly printed: string }>((done) => {
    child.once('error', ({ message }) => {
      done({ code: null, printed: message });
    });
    child.once('close', (code) => {
      done({ code, printed: Buffer.concat(chunks).toString() });
    });
  });
}

async function tryHost(id: string, simulator: Simulator, place: Place): Promise<boolean> {
  const name = `made-by-${id}`;
  const model = await startScriptedModel({ tool: TOOL, args: { groupId: GROUP, name } });
  const { args = [], env = {} } = HOSTS[id]?.(model.url) ?? {};
  const { printed } = await run(id, args, place.home, {
    HOME: place.home,
    PATH: place.path,
    TERM: 'dumb',
    CI: '1',
    ...env,
  });
  model.close();
  const key = simulator.keys(GROUP).find((each) => each.name === name);
  const tools = model.offered().filter((tool) => /_(?:ai_model|projects|secret_sinks)/.test(tool));
  const leaks = leaksIn(printed + model.seen.join('\n'), [
    key?.secret ?? 'al-sandbox-',
    simulator.credentials.clientSecret,
  ]);
  const isWell = key !== undefined && tools.length > 0 && leaks.length === 0;
  say(
    `${isWell ? 'ok  ' : 'FAIL'} ${id}: ${tools.length} tools, key ${key === undefined ? 'none' : 'made'}, ${leaks.length} leaks`,
  );
  if (!isWell) say(printed.slice(-3000));
  return isWell;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function setUp(args: readonly string[], simulator: Simulator, { home, path }: Place): Promise<boolean> {
  const { clientId, clientSecret } = simulator.credentials;
  const credentials = {
    MONGODB_ATLAS_BASE_URL: simulator.baseUrl,
    MONGODB_ATLAS_CLIENT_ID: clientId,
    MONGODB_ATLAS_CLIENT_SECRET: clientSecret,
    ATLAS_MODEL_KEYS_ALLOWED_PROJECTS: GROUP,
  };
  const entry = resolve('dist/atlas-model-keys-mcp.js');
  const env = { HOME: home, PATH: path, ...credentials };
  const { code, printed } = await run(process.execPath, [entry, 'setup', ...args], home, env);
  if (code !== 0) say(printed);
  return code === 0;
}

async function main(folder: string): Promise<number> {
  const programs = readdirSync(folder).map((name) => join(resolve(folder), name, 'node_modules/.bin'));
  const home = join(mkdtempSync(join(realpathSync(tmpdir()), 'amk-hosts-')), 'home');
  mkdirSync(home, { mode: 0o700 });
  // It is asked for by a form otherwise. Setup must leave it there.
  mkdirSync(join(home, '.gemini'));
  writeFileSync(join(home, '.gemini/settings.json'), '{"security":{"auth":{"selectedType":"gemini-api-key"}}}');
  const place = { home, path: [...programs, dirname(process.execPath), '/usr/local/bin:/usr/bin:/bin'].join(':') };
  const simulator = await startSimulator();
  const wanted = process.argv.length > 3 ? process.argv.slice(3) : Object.keys(HOSTS);
  let isWell = await setUp(['--yes', ...wanted.flatMap((id) => ['--host', id])], simulator, place);
  for (const id of wanted) isWell = (await tryHost(id, simulator, place)) && isWell;
  for (const id of wanted.filter((each) => each !== 'opencode')) {
    const isOut = await setUp(['--remove', id], simulator, place);
    if (!isOut) say(`FAIL ${id}: setup --remove`);
    isWell &&= isOut;
  }
  await simulator.close();
  rmSync(dirname(home), { recursive: true, force: true });
  return isWell ? 0 : 1;
}

process.exitCode = await main(process.argv[2] ?? '');
