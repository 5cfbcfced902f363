// The directories that are used where the operator names none. Nothing is made here.

import { realpathSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { ConfigError } from './config-error.ts';
import { homeDirectory, homeOrNone, homeVariable } from './home-path.ts';

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

/** @throws ConfigError where a variable would put it below whatever directory the server was started in, or there is no home */
export function userDirectory(kind: DirectoryKind): string {
  const path = placeOf(kind);
  if (isAbsolute(path)) return path;
  const variable = xdgVariable(kind);
  throw new ConfigError(
    hasXdg && given(variable) !== undefined ? variable : homeVariable(),
    `must be an absolute path; the default place for ${kind} is below it`,
  );
}

/** Whether the system has a place for it at all. */
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
function placeOf(kind: DirectoryKind): string {
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
