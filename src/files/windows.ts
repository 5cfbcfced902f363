// What Windows has of its own: names of variables in any case, names that it reserves, its own programs, and access control
// lists where other systems have modes. A directory that this program makes is closed to all but this user, SYSTEM and
// administrators, who can open anything; whether that was carried out is read back. Elsewhere there is nothing to do.

import { execFile } from 'node:child_process';
import { readFileSync, unlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, win32 } from 'node:path';
import type { Way } from './path-walk.ts';
import { environmentOfStart, isBelow } from './machine.ts';
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

/** Names of devices. */
const DEVICE =
  /^(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|COM[0-9\u00b9\u00b2\u00b3]|LPT[0-9\u00b9\u00b2\u00b3])[ ]*(?:\.|$)/i;

/** Directories that were made and could not be closed. */
const leftOpen = new Set<string>();

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

/**
 * Whether Windows gives the name to a device, with an extension too (`NUL.key`), or cannot keep it: it cuts off a dot or a
 * blank at the end. Such names are refused on every system, so that a configuration can move.
 */
export function isReservedName(name: string): boolean {
  return DEVICE.test(name) || /[. ]$/.test(name);
}

/** @param shown the directory that this one stands for, where it is a trial */
export async function closeToOthers(path: string, shown = path): Promise<void> {
  if (process.platform !== 'win32') return;
  const user = await userId();
  if (user !== undefined) {
    const grants = [user, SYSTEM].map((id) => `*${id}:(OI)(CI)F`);
    await run('icacls.exe', [path, '/inheritance:r', '/grant:r', ...grants, '/q']);
  }
  if (await isClosed(path)) leftOpen.delete(shown);
  else leftOpen.add(shown);
}

/** What a person should know of every directory that this process made and could not close. */
export function leftOpenWarnings(): string[] {
  return [...leftOpen].map(openWords);
}

/**
 * What a person should know of who else reads what is kept in a directory. Where it is missing, its making was tried.
 *
 * @param isOwn whether this program keeps its own files there; another one in the user's profile is not looked into
 */
export async function accessWarnings({ directory, missing }: Way, isOwn = false): Promise<string[]> {
  if (process.platform !== 'win32') return [];
  const open = [...leftOpen].find((each) => isBelow(directory, each));
  if (open !== undefined) return [openWords(open)];
  if (missing.length > 0 || (!isOwn && isBelow(directory, homedir())) || (await isClosed(directory))) return [];
  return [openWords(directory)];
}

function openWords(path: string): string {
  return `Other users of this machine may be able to read what is in ${path}: its access is not seen to be limited to this user. See icacls.`;
}

async function isClosed(path: string): Promise<boolean> {
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
function run(name: string, args: readonly string[]): Promise<string | undefined> {
  const all = environmentOfStart();
  const env = Object.fromEntries(Object.entries(all).filter(([key]) => PASSED_ON.has(key.toUpperCase())));
  return new Promise((resolve) => {
    execFile(systemProgram(name, all), args, { env, timeout: LIMIT_MS, windowsHide: true }, (error, output) => {
      resolve(error ? undefined : output);
    });
  });
}
