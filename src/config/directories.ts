// The directories that are used where the operator names none. Nothing is made here.

import { realpathSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import envPaths from 'env-paths';
import { ConfigError } from './config-error.ts';

/** `data`: of the sink `local`. `state`: of the journal and the audit log. */
export type DirectoryKind = 'config' | 'data' | 'state';

const APPLICATION = 'atlas-model-keys';

/** @throws ConfigError where a variable would put it below whatever directory the server was started in */
export function userDirectory(kind: DirectoryKind): string {
  const { config, data, log } = envPaths(APPLICATION, { suffix: '' });
  // On Linux the library's log directory is XDG_STATE_HOME; elsewhere it is where systems look for log files.
  const path = { config, data, state: process.platform === 'linux' ? log : join(data, 'state') }[kind];
  if (isAbsolute(path)) return path;
  const variable = `XDG_${kind.toUpperCase()}_HOME`;
  throw new ConfigError(
    process.platform === 'linux' && process.env[variable] ? variable : 'HOME',
    `must be an absolute path; the default place for ${kind} is below it`,
  );
}

/**
 * A name that nobody can have taken beforehand; the directories are made with the first create.
 *
 * @throws ConfigError where there is no place for temporary files
 */
export function sandboxDirectory(): (kind: Exclude<DirectoryKind, 'config'>) => string {
  const data = join(temporaryDirectory(), `${APPLICATION}-sandbox-${crypto.randomUUID()}`);
  return (kind) => (kind === 'data' ? data : join(data, kind));
}

function temporaryDirectory(): string {
  try {
    const path = realpathSync(tmpdir());
    if (statSync(path).isDirectory()) return path;
  } catch {
    // The same as what is no directory.
  }
  throw new ConfigError('TMPDIR', 'names no directory that exists; --sandbox keeps its files there');
}
