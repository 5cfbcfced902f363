// Reads paths as operators write them, where no shell expands anything, and says which directories are used where the operator names
// none. It makes none of them.

import { realpathSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { unlessRefused } from '../files/file-problem.ts';
import { ConfigError } from './config-error.ts';

/**
 * @param instead what else the operator can do, for the message; begins with `, or`
 * @throws ConfigError where there is no home directory, or its path is relative
 */
function homeDirectory(instead: string): string {
  const home = homeOrNone();
  const variable = homeVariable();
  if (home === undefined) {
    throw new ConfigError(
      variable,
      `is not set, and the system knows no home directory of this user; set ${variable}${instead}`,
    );
  }
  if (!isAbsolute(home))
    throw new ConfigError(variable, 'is empty or is not an absolute path, so that ~/ has no meaning');
  return home;
}

/** Which variable names the home directory. */
function homeVariable(): string {
  return process.platform === 'win32' ? 'USERPROFILE' : 'HOME';
}

/** Undefined in a container whose user id has no entry in the list of users, where HOME is not set either. */
function homeOrNone(): string | undefined {
  return unlessRefused(homedir);
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
/** Begins at the root of a drive without naming the drive. Two separators begin the name of a server. */
const WITHOUT_DRIVE = /^(?:[\\/](?![\\/])|[\\/]{3})/;

const WANTS_DRIVE = String.raw`must begin with a drive, such as C:\app\.env, or with ~\ (not /app/.env, and not file:///C:/app/.env)`;

/**
 * Undefined, or the words to put behind the name of the setting where a path is written for another system or program: how it is
 * written here.
 */
export function foreignPathWords(path: string): string | undefined {
  if (process.platform === 'win32') {
    return WITHOUT_DRIVE.test(path) || FILE_URL.test(path) ? WANTS_DRIVE : undefined;
  }
  return FILE_URL.test(path) ? 'must be a path, such as /app/.env, and not a URL (file:///app/.env)' : undefined;
}

/** As {@link expandHome}. It throws a ConfigError also for a path that is written for another system. */
export function localPath(setting: string, path: string): string {
  const words = foreignPathWords(path);
  if (words !== undefined) throw new ConfigError(setting, words);
  return expandHome(path);
}

/** `data`: of the sink `local`. `state`: of the journal and the audit log. */
type DirectoryKind = 'config' | 'data' | 'state';

const APPLICATION = 'atlas-model-keys';
const hasXdg = process.platform !== 'darwin' && process.platform !== 'win32';

/** What to set so that the directory is not needed. */
const INSTEAD: Readonly<Record<DirectoryKind, string>> = {
  config: 'ATLAS_MODEL_KEYS_CONFIG',
  data: 'ATLAS_MODEL_KEYS_SINKS',
  state: 'ATLAS_MODEL_KEYS_STATE_DIR',
};

/** @throws ConfigError where a variable holds a relative path, or there is no home directory */
export function userDirectory(kind: DirectoryKind): string {
  const path = customaryPath(kind);
  if (isAbsolute(path)) return path;
  const variable = xdgVariable(kind);
  throw new ConfigError(
    hasXdg && given(variable) !== undefined ? variable : homeVariable(),
    `must be an absolute path; the default place for ${kind} is below it`,
  );
}

/** Whether there is such a directory: a home directory, or the XDG variable, names it. */
export function hasUserDirectory(kind: DirectoryKind): boolean {
  return homeOrNone() !== undefined || (hasXdg && given(xdgVariable(kind)) !== undefined);
}

/** An empty variable counts as unset. */
function given(variable: string): string | undefined {
  return process.env[variable] === '' ? undefined : process.env[variable];
}

function xdgVariable(kind: DirectoryKind): string {
  return `XDG_${kind.toUpperCase()}_HOME`;
}

/** The customary place of each system; for XDG see https://specifications.freedesktop.org/basedir-spec/latest/ */
function customaryPath(kind: DirectoryKind): string {
  const home = () => homeOrNone() ?? homeDirectory(`, or ${INSTEAD[kind]} to an absolute path`);
  const state = kind === 'state' ? ['state'] : [];
  switch (process.platform) {
    case 'darwin': {
      const folder = kind === 'config' ? 'Preferences' : 'Application Support';
      return join(home(), 'Library', folder, APPLICATION, ...state);
    }
    case 'win32':
      // Not in AppData: what a program that Claude Desktop (an MSIX package) starts makes there is kept in the package's own
      // folder, which nobody else sees.
      return join(home(), `.${APPLICATION}`, ...state);
    default: {
      const folder = { config: '.config', data: '.local/share', state: '.local/state' }[kind];
      return join(given(xdgVariable(kind)) ?? join(home(), folder), APPLICATION);
    }
  }
}

/** Below the home directory itself: absent where there is none. See `pageDirectory` of the Config. */
export function pageDirectory(): { readonly pageDirectory?: string } {
  const home = homeOrNone();
  return home !== undefined && isAbsolute(home) ? { pageDirectory: join(home, `${APPLICATION}-page`) } : {};
}

/**
 * Under a random name, which nobody can have made beforehand. The first create makes the directories.
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
    // The same answer as for a file of that name.
  }
  throw new ConfigError('TMPDIR', 'does not name a directory that exists; --sandbox keeps its files there');
}
