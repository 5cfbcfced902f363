// What hosts are to start: this program as it was itself started, with no setting but the place of the configuration file. And what to
// paste into hosts that have no command for it.

import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { SERVER, type Registration } from './hosts.ts';

/** How this program was started. */
export interface Started {
  /** The Node that runs it. */
  readonly execPath: string;
  /** The file that Node was given. */
  readonly entry: string;
  readonly version: string;
}

const PACKAGE = 'atlas-model-keys-mcp';
/** In the cache of npx, which is emptied at times. */
const OF_NPX = /[\\/]_npx[\\/]/;

/**
 * From npx: the package, pinned to this version. Else this very Node and this very file.
 *
 * @param configuration absent where it is at the place where the server looks anyway
 */
export function registrationOf(
  { execPath, entry, version }: Started,
  configuration: string | undefined,
  platform: NodeJS.Platform = process.platform,
): Registration {
  const settings = configuration === undefined ? [] : ['--config', configuration];
  const file = realpathSync(resolve(entry));
  if (!OF_NPX.test(file)) return { command: execPath, args: [file, ...settings] };
  const npx = ['npx', '-y', `${PACKAGE}@${version}`, ...settings];
  // On Windows npx is a batch file, which a host without a shell cannot start.
  const [command = '', ...args] = platform === 'win32' ? ['cmd', '/c', ...npx] : npx;
  return { command, args };
}

/** For hosts that setup does not reach: the entry that most of them understand, and the command that writes it for them. */
export function wordsForOthers({ command, args }: Registration): string[] {
  const entry = JSON.stringify({ mcpServers: { [SERVER]: { command, args } } }, null, 2);
  return [
    '',
    'Any other host (Claude Desktop, Cursor, Goose, JetBrains, Kiro, LM Studio, Zed): put this into its settings of MCP servers.',
    ...entry.split('\n'),
  ];
}
