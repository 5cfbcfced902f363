// Paths as operators write them, where no shell expands anything.

import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { ConfigError } from './config-error.ts';

/**
 * @param instead what else can be set, where that variable is not
 * @throws ConfigError where it would make paths below whatever directory the server was started in, or there is no home
 */
export function homeDirectory(instead = ''): string {
  const home = homeOrNone();
  const variable = homeVariable();
  if (home === undefined) {
    throw new ConfigError(
      variable,
      `is not set, and the system knows no home directory of this user; set ${variable}${instead}`,
    );
  }
  if (!isAbsolute(home)) throw new ConfigError(variable, 'is empty or no absolute path, so that ~/ has no meaning');
  return home;
}

/** Which variable names the home directory. */
export function homeVariable(): string {
  return process.platform === 'win32' ? 'USERPROFILE' : 'HOME';
}

/** Undefined in a container whose user id has no entry in the list of users, where HOME is not set either. */
export function homeOrNone(): string | undefined {
  try {
    return homedir();
  } catch {
    return undefined;
  }
}

/**
 * The path with a leading `~/`, on Windows also `~\`, replaced by the user's home directory. Throws as
 * {@link homeDirectory}.
 */
export function expandHome(path: string): string {
  const isBelowHome = path.startsWith('~/') || (process.platform === 'win32' && path.startsWith('~\\'));
  return isBelowHome ? join(homeDirectory(', or write the whole path'), path.slice(2)) : path;
}

const FILE_URL = /^file:/i;
/** What begins at the root of a drive, but does not say of which one. Two of them begin the name of a server. */
const WITHOUT_DRIVE = /^(?:[\\/](?![\\/])|[\\/]{3})/;

const WANTS_DRIVE = String.raw`must begin with a drive, such as C:\app\.env, or with ~\ (not /app/.env, and not file:///C:/app/.env)`;

/**
 * Why a path, as it is written, is meant for another system or another program, and how it is written here; to stand
 * behind the name of the setting.
 */
export function foreignPathWords(path: string): string | undefined {
  if (process.platform === 'win32') {
    return WITHOUT_DRIVE.test(path) || FILE_URL.test(path) ? WANTS_DRIVE : undefined;
  }
  return FILE_URL.test(path) ? 'must be a path, such as /app/.env, and not a URL (file:///app/.env)' : undefined;
}

/** As {@link expandHome}. Throws also for a path that is meant for another system. */
export function localPath(setting: string, path: string): string {
  const words = foreignPathWords(path);
  if (words !== undefined) throw new ConfigError(setting, words);
  return expandHome(path);
}
