// Chooses the environment of a sink's command: a short inherited list and what the operator adds to it.
// Credentials of cloud tools (AWS_*, VAULT_*, …) are not on the list: the operator adds what is wanted.

import { variableName } from '../files/windows.ts';

/** Who and where the user is, and how to reach the user's keyrings, agents and prompts. None of them is a secret. */
const INHERITED = new Set([
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'TMPDIR', 'TERM', 'LANG', 'LANGUAGE', 'TZ'],
  ...['DBUS_SESSION_BUS_ADDRESS', 'SSH_AUTH_SOCK', 'DISPLAY', 'WAYLAND_DISPLAY', 'XAUTHORITY'],
  ...['GNUPGHOME', 'GPG_TTY', 'PASSWORD_STORE_DIR'],
]);

const INHERITED_FAMILY = /^(?:LC|XDG)_[A-Z_]+$/;

/** Without these most programs do not even start on Windows. */
const INHERITED_ON_WINDOWS = new Set([
  ...['SYSTEMROOT', 'SYSTEMDRIVE', 'WINDIR', 'COMSPEC', 'PATHEXT', 'TEMP', 'TMP', 'OS'],
  ...['USERPROFILE', 'USERNAME', 'USERDOMAIN', 'HOMEDRIVE', 'HOMEPATH', 'APPDATA', 'LOCALAPPDATA'],
  ...['PROGRAMDATA', 'PROGRAMFILES', 'PROGRAMFILES(X86)', 'PROCESSOR_ARCHITECTURE'],
]);

/** Where programs keep what belongs to the user. */
const FOLDERS = [
  ...['HOME', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'PASSWORD_STORE_DIR'],
  ...['USERPROFILE', 'APPDATA', 'LOCALAPPDATA'],
];

/** By how their names end: `PASSWORD_STORE_DIR` is none. */
const CREDENTIAL =
  /(?:TOKEN|SECRET|PASSWORD|PASSPHRASE|PASSWD|PASS|PIN|KEY|(?:KEY|SECRET)_ID|CREDENTIALS?|SESSION(?:_\w+)?)$/i;

/** This server's own credentials, under every name it takes them from. */
const NEVER = /^(?:MONGODB_ATLAS|MDB_MCP)_/i;

/** Variables of a process, by name. */
export type Environment = Readonly<Record<string, string>>;

/** `added` comes from the sink's configuration and wins; the Atlas credentials are dropped from it too. */
export function childEnvironment(environment: Environment, added: Environment): Record<string, string> {
  const inherited = Object.entries(environment).filter(([name]) => isInherited(name));
  const all = [...inherited, ...Object.entries(added)].filter(([name]) => !NEVER.test(name));
  // Of two spellings of one variable the child would see the one that sorts first, whoever wrote it.
  return Object.fromEntries(new Map(all.map((variable) => [variableName(variable[0]), variable])).values());
}

/** The variables of that environment that have one of the names. */
export function pickedVariables(environment: Environment, names: readonly string[]): Environment {
  const wanted = new Set(names.map(variableName));
  return Object.fromEntries(Object.entries(environment).filter(([name]) => wanted.has(variableName(name))));
}

/**
 * Of the variables of a command those that may choose where it keeps things: the folders of the user, and what the operator
 * passes on. A credential is none of them: it is renewed, and the place is the same.
 */
export function placeVariables(environment: Environment, passed: readonly string[]): Environment {
  const picked = Object.entries(pickedVariables(environment, [...FOLDERS, ...passed]));
  return Object.fromEntries(picked.filter(([name]) => !CREDENTIAL.test(name)).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The value of PATH; Windows writes the name in mixed case. */
export function searchPathOf(environment: Environment): string {
  const path = Object.entries(environment).findLast(([name]) => variableName(name) === 'PATH');
  return path?.[1] ?? '';
}

function isInherited(name: string): boolean {
  const key = variableName(name);
  if (process.platform === 'win32' && INHERITED_ON_WINDOWS.has(key)) return true;
  return INHERITED.has(key) || INHERITED_FAMILY.test(key);
}
