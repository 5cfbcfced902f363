// Paths as operators write them, where no shell expands anything.

import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { ConfigError } from './config-error.ts';

/**
 * The path with a leading `~/` replaced by the user's home directory.
 *
 * @throws ConfigError where HOME would make it a path below whatever directory the server was started in
 */
export function expandHome(path: string): string {
  if (!path.startsWith('~/')) return path;
  const home = homedir();
  if (!isAbsolute(home)) throw new ConfigError('HOME', 'is empty or no absolute path, so that ~/ has no meaning');
  return join(home, path.slice(2));
}
