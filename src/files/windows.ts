// What Windows has of its own: names of variables in any case, its own programs, and access control lists where other systems
// have modes. A directory that this program makes is closed to all but this user, SYSTEM and administrators, who can open
// anything; whether that was carried out is read back.

import { execFile } from 'node:child_process';
import { readFileSync, unlinkSync } from 'node:fs';
import { join, win32 } from 'node:path';
import { promisify } from 'node:util';
import { environmentOfStart } from './machine.ts';
import { temporaryName } from './names.ts';

/** By its number, since its name depends on the language. */
const SYSTEM = 'S-1-5-18';
/** SYSTEM, the administrators, and whoever makes an entry. */
const HARMLESS = new Set(['SY', 'BA', 'CO']);
/** Of a list as icacls saves it, in the language of security descriptors (SDDL). Without an entry, nobody is kept out. */
const ACCESS_LIST = /^D:[A-Z]*((?:\([^()]*\))+)\r?$/m;
const LIMIT_MS = 5_000;
/** What the programs of Windows need; never the credentials of this process. */
const PASSED_ON = new Set(['PATH', 'SYSTEMROOT', 'SYSTEMDRIVE', 'WINDIR', 'USERPROFILE', 'TEMP', 'TMP']);

/** The name by which the system knows a variable. On Windows `Path` and `PATH` are one. */
export function variableName(name: string): string {
  return process.platform === 'win32' ? name.toUpperCase() : name;
}

/** A program of Windows by its absolute path, so that nobody can put another one of that name in the way. */
export function systemProgram(name: string, env: Readonly<Record<string, string>>): string {
  const [, root] = Object.entries(env).find(([key]) => key.toUpperCase() === 'SYSTEMROOT') ?? [];
  const isAbsolute = root !== undefined && /^[A-Za-z]:\\/.test(root);
  return win32.join(isAbsolute ? root : 'C:\\Windows', 'System32', name);
}

/** Answers whether nobody else is seen to have access then. */
export async function closeDirectory(path: string): Promise<boolean> {
  const user = await userId();
  if (user !== undefined) {
    const grants = [user, SYSTEM].map((id) => `*${id}:(OI)(CI)F`);
    await run('icacls.exe', [path, '/inheritance:r', '/grant:r', ...grants, '/q']);
  }
  return isClosed(path);
}

export async function isClosed(path: string): Promise<boolean> {
  const [user, text] = [await userId(), await accessListOf(path)];
  const entries = ACCESS_LIST.exec(text ?? '')?.[1]
    ?.slice(1, -1)
    .split(')(');
  if (user === undefined || entries === undefined) return false;
  return entries.every((entry) => {
    const [kind, , , , , who = ''] = entry.split(';');
    // The account "Administrator" is written by two letters.
    return kind === 'D' || who === user || HARMLESS.has(who) || (who === 'LA' && user.endsWith('-500'));
  });
}

/** Icacls prints names, in the language of the machine; with their numbers it only saves them to a file. */
async function accessListOf(path: string): Promise<string | undefined> {
  const file = join(path, temporaryName('access'));
  await run('icacls.exe', [path, '/save', file, '/q']);
  try {
    const text = readFileSync(file, 'utf16le');
    unlinkSync(file);
    return text;
  } catch {
    return undefined;
  }
}

let user: string | undefined;

/** The number of this user's account, whatever it is called; undefined where it cannot be told. */
async function userId(): Promise<string | undefined> {
  user ??= /"(S-[0-9-]+)"\s*$/.exec((await run('whoami.exe', ['/user', '/fo', 'csv', '/nh'])) ?? '')?.[1];
  return user;
}

/** What a program of Windows prints; undefined where it failed. */
async function run(name: string, args: readonly string[]): Promise<string | undefined> {
  const all = environmentOfStart();
  const env = Object.fromEntries(Object.entries(all).filter(([key]) => PASSED_ON.has(key.toUpperCase())));
  const options = { env, timeout: LIMIT_MS, windowsHide: true };
  const end = await promisify(execFile)(systemProgram(name, all), args, options).catch(() => undefined);
  return end?.stdout;
}
