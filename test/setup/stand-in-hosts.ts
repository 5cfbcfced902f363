// Stand-ins for the programs of hosts: each takes the arguments that the real one takes, refuses others, writes the file that the real one
// writes, and records how it was called. The real ones run in .ci/hosts-e2e.

import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as z from 'zod/v4';

const calls = z.array(
  z.strictObject({
    host: z.string(),
    argv: z.array(z.string()),
    env: z.record(z.string(), z.string()),
    cwd: z.string(),
  }),
);

type HostCall = z.output<typeof calls>[number];

/** The folder for PATH, and what was called so far. */
export function standInHosts(home: string, ids: readonly string[]) {
  const folder = join(home, 'bin');
  const log = join(home, 'calls.jsonl');
  mkdirSync(folder, { mode: 0o700 });
  for (const id of ids) {
    const path = join(folder, id);
    writeFileSync(path, PROGRAM.replace('NODE', process.execPath).replace('LOG', log));
    chmodSync(path, 0o700);
  }
  return {
    folder,
    calls: (): HostCall[] =>
      existsSync(log)
        ? calls.parse(
            readFileSync(log, 'utf8')
              .trim()
              .split('\n')
              .map((line): unknown => JSON.parse(line)),
          )
        : [],
  };
}

/** Where each of them has its entry. */
export const HOST_FILES: Readonly<Record<string, string>> = {
  claude: '.claude.json',
  codex: '.codex/config.toml',
  gemini: '.gemini/settings.json',
  copilot: '.copilot/mcp-config.json',
  opencode: '.config/opencode/opencode.jsonc',
  qwen: '.qwen/settings.json',
  code: '.config/Code/User/mcp.json',
};

export function hostFile(home: string, id: string): string {
  return join(home, HOST_FILES[id] ?? '');
}

export function writeHostFile(home: string, id: string, text: string): void {
  mkdirSync(dirname(hostFile(home, id)), { recursive: true });
  writeFileSync(hostFile(home, id), text);
}

/** Where a file of the name `fail` stands beside it, it fails. */
const PROGRAM = `#!NODE
const { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const { basename, dirname, join } = require('node:path');
const host = basename(process.argv[1]);
const argv = process.argv.slice(2);
const { HOME, ...others } = process.env;
appendFileSync('LOG', JSON.stringify({ host, argv, env: { HOME, ...others }, cwd: process.cwd() }) + '\\n');
if (existsSync(join(dirname(process.argv[1]), 'fail'))) process.exit(7);
const NAME = 'atlas-model-keys';
const [before, behind] = [argv.slice(0, argv.indexOf('--')), argv.slice(argv.indexOf('--') + 1)];
const is = (...words) => JSON.stringify(before) === JSON.stringify(words);
const must = (condition) => { if (!condition) { console.error('usage'); process.exit(64); } };
const file = join(HOME, ${JSON.stringify(HOST_FILES)}[host]);
const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
mkdirSync(dirname(file), { recursive: true });
const json = (member, entry) => {
  const whole = text === '' ? {} : JSON.parse(text);
  const { [NAME]: gone, ...rest } = whole[member] ?? {};
  writeFileSync(file, JSON.stringify({ ...whole, [member]: entry ? { ...rest, [NAME]: entry } : rest }, null, 2));
};
const adds = !argv.includes('remove');
const started = () => ({ command: behind[0], args: behind.slice(1) });
switch (host) {
  case 'claude':
    must(adds ? is('mcp', 'add', NAME, '-s', 'user') : argv.join(' ') === 'mcp remove ' + NAME + ' -s user');
    json('mcpServers', adds && { type: 'stdio', ...started(), env: {} });
    break;
  case 'codex': {
    must(adds ? is('mcp', 'add', NAME) : argv.join(' ') === 'mcp remove ' + NAME);
    const rest = text.replace(/^\\[mcp_servers\\.atlas-model-keys\\]\\n(?:[^[\\n].*\\n)*/m, '').trimEnd();
    const { command, args } = adds ? started() : {};
    const table = adds ? '[mcp_servers.' + NAME + ']\\ncommand = ' + JSON.stringify(command) + '\\nargs = ' + JSON.stringify(args) + '\\n' : '';
    writeFileSync(file, rest === '' ? table : rest + '\\n\\n' + table);
    break;
  }
  case 'gemini':
  case 'qwen':
    if (adds) {
      const [mcp, add, s, user, name, command] = before;
      must([mcp, add, s, user, name].join(' ') === 'mcp add -s user ' + NAME && before.length === 6);
      json('mcpServers', { command, args: behind });
    } else {
      must(argv.join(' ') === 'mcp remove -s user ' + NAME);
      json('mcpServers');
    }
    break;
  case 'copilot':
    must(adds ? is('mcp', 'add', NAME) : argv.join(' ') === 'mcp remove ' + NAME);
    if (adds && text.includes(NAME)) process.exit(1);
    json('mcpServers', adds && { tools: ['*'], type: 'local', ...started() });
    break;
  case 'opencode':
    must(is('mcp', 'add', NAME));
    json('mcp', { type: 'local', command: behind });
    break;
  case 'code': {
    must(argv.length === 2 && argv[0] === '--add-mcp');
    const { name, ...entry } = JSON.parse(argv[1]);
    must(name === NAME);
    json('servers', entry);
    break;
  }
}
`;
