// Paths as operators write them, where no shell expands anything.

import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { ConfigError } from './config-error.ts';

/**
 * @param instead what else can be set, where HOME is not
 * @throws ConfigError where HOME would make paths below whatever directory the server was started in, or there is no home
 */
export function homeDirectory(instead = ''): string {
  const home = homeOrNone();
  if (home === undefined) {
    throw new ConfigError(
      'HOME',
      `is not set, and the system knows no home directory of this user; set HOME${instead}`,
    );
  }
  if (!isAbsolute(home)) throw new ConfigError('HOME', 'is empty or no absolute path, so that ~/ has no meaning');
  return home;
}

/** Undefined in a container whose user id has no entry in the list of users, where HOME is not set either. */
export function homeOrNone(): string | undefined {
  try {
    return homedir();
  } catch {
    return undefined;
  }
}

/** The path with a leading `~/` replaced by the user's home directory. Throws as {@link homeDirectory}. */
export function expandHome(path: string): string {
  return path.startsWith('~/') ? join(homeDirectory(', or write the whole path'), path.slice(2)) : path;
}
