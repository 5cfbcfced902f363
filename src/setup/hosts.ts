// The hosts that have a command of their own for adding a server: what that command is, how it is taken back, and where the
// entry is then. It runs and writes nothing. Each syntax was seen in the host itself (.ci/hosts-e2e), but for `code`.

import { join } from 'node:path';

/** The name of the server in every host. */
export const SERVER = 'atlas-model-keys';

/** What a host starts. There is never a secret in it. */
export interface Registration {
  readonly command: string;
  readonly args: readonly string[];
}

/** Where the hosts of this user keep their files. */
export interface HostPlaces {
  readonly home: string;
  readonly platform: NodeJS.Platform;
  readonly environment: Readonly<Record<string, string>>;
}

export interface HostKind {
  /** As after `--host`; it is also the name of the host's program. */
  readonly id: string;
  readonly title: string;
  readonly add: (server: Registration) => readonly string[];
  /** Absent where the host has no command for it. */
  readonly remove?: readonly string[];
  /** The files that may hold the entry. */
  readonly files: (places: HostPlaces) => readonly string[];
  /** The member that holds all servers; in TOML the table. */
  readonly member: string;
  readonly format: 'json' | 'toml';
}

const behindDashes = ({ command, args }: Registration) => ['--', command, ...args];
/** Their parser takes what begins with a dash for its own, so the dashes stand before the server's arguments. */
const beforeArguments = ({ command, args }: Registration) => [command, ...(args.length > 0 ? ['--', ...args] : [])];

export const hostKinds: readonly HostKind[] = [
  {
    id: 'claude',
    title: 'Claude Code',
    add: (server) => ['mcp', 'add', SERVER, '-s', 'user', ...behindDashes(server)],
    remove: ['mcp', 'remove', SERVER, '-s', 'user'],
    files: ({ home, environment }) => [join(environment.CLAUDE_CONFIG_DIR ?? home, '.claude.json')],
    member: 'mcpServers',
    format: 'json',
  },
  {
    id: 'codex',
    title: 'Codex',
    add: (server) => ['mcp', 'add', SERVER, ...behindDashes(server)],
    remove: ['mcp', 'remove', SERVER],
    files: ({ home, environment }) => [join(environment.CODEX_HOME ?? join(home, '.codex'), 'config.toml')],
    member: 'mcp_servers',
    format: 'toml',
  },
  {
    id: 'gemini',
    title: 'Gemini CLI',
    add: (server) => ['mcp', 'add', '-s', 'user', SERVER, ...beforeArguments(server)],
    remove: ['mcp', 'remove', '-s', 'user', SERVER],
    files: ({ home, environment }) => [join(environment.GEMINI_CLI_HOME ?? home, '.gemini', 'settings.json')],
    member: 'mcpServers',
    format: 'json',
  },
  {
    id: 'copilot',
    title: 'Copilot CLI',
    add: (server) => ['mcp', 'add', SERVER, ...behindDashes(server)],
    remove: ['mcp', 'remove', SERVER],
    files: ({ home, environment }) => [join(environment.COPILOT_HOME ?? join(home, '.copilot'), 'mcp-config.json')],
    member: 'mcpServers',
    format: 'json',
  },
  {
    id: 'opencode',
    title: 'opencode',
    add: (server) => ['mcp', 'add', SERVER, ...behindDashes(server)],
    files: ({ home, environment }) =>
      ['opencode.jsonc', 'opencode.json', 'config.json'].map((name) =>
        join(environment.XDG_CONFIG_HOME ?? join(home, '.config'), 'opencode', name),
      ),
    member: 'mcp',
    format: 'json',
  },
  {
    id: 'qwen',
    title: 'Qwen Code',
    add: (server) => ['mcp', 'add', '-s', 'user', SERVER, ...beforeArguments(server)],
    remove: ['mcp', 'remove', '-s', 'user', SERVER],
    files: ({ home, environment }) => [join(environment.QWEN_HOME ?? join(home, '.qwen'), 'settings.json')],
    member: 'mcpServers',
    format: 'json',
  },
  {
    id: 'code',
    title: 'VS Code',
    add: ({ command, args }) => ['--add-mcp', JSON.stringify({ name: SERVER, command, args })],
    files: (places) => [join(codeFolder(places), 'mcp.json')],
    member: 'servers',
    format: 'json',
  },
];

function codeFolder({ home, platform, environment }: HostPlaces): string {
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'Code', 'User');
  if (platform === 'win32') return join(environment.APPDATA ?? join(home, 'AppData', 'Roaming'), 'Code', 'User');
  return join(environment.XDG_CONFIG_HOME ?? join(home, '.config'), 'Code', 'User');
}
