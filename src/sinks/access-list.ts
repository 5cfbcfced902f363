// What the mode of a file does not say: the named users and groups of its access control list. A file that is replaced
// keeps those who could read it, for reading. Node has no calls for such lists: getfacl and setfacl are asked, and only
// where the group's bits of the mode are set, since these mask the whole list.

import { lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { failed, ok, type Result } from '../failure.ts';
import { PRIVATE, type Access } from '../files/atomic-file.ts';
import { isOpenToOthers, keptAccess, modeWarnings, type Metadata, shellWord } from '../files/file-problem.ts';
import { isTrusted, thisMachine, type Machine } from '../files/machine.ts';
import { searchPathOf, type Environment } from '../programs/child-environment.ts';
import { readProgram } from '../programs/child-process.ts';
import { findExecutable } from '../programs/executable.ts';
import { notReady, type SinkProblem } from './sink.ts';

/** Who can read a file that takes the place of another, and what a person should know of that. */
interface Readers {
  readonly access: Access;
  readonly warnings: readonly string[];
}

/** Absent members: no list, and what the mode says is true. */
interface List {
  /** The rights of the file's own group, 4 to read and 2 to write, as far as the mask lets. */
  readonly group?: number;
  readonly named: readonly Entry[];
}

interface Entry {
  readonly who: 'user' | 'group';
  readonly id: number;
  readonly rights: number;
}

type Bits = Pick<Metadata, 'mode' | 'gid'>;
type Owned = Pick<Metadata, 'mode' | 'uid' | 'gid'>;

const READS = 4;
const WRITES = 2;
const GROUP_BITS = 0o070;
const GROUP_WRITES = 0o020;
const STICKY = 0o1000;
const TIME_LIMIT_MS = 5_000;
/** As the program finds it that has it as its standard input. */
const OPENED = '/proc/self/fd/0';

/** The readers of the file at `path` that the one in its place will have. Refuses a file that its list lets others write. */
export async function keptReaders(
  path: string,
  stats: Owned,
  environment: Environment,
): Promise<Result<Readers, SinkProblem>> {
  const machine = thisMachine();
  const kept = await keptBeside(path, stats, environment, machine);
  const uid = Number(stats.uid);
  // Only in a place that the operator trusts; what is private to that user stays so.
  if (!kept.ok || machine.user === undefined || uid === machine.user) return kept;
  return ok({ ...kept.value, access: { ...kept.value.access, uid } });
}

/** As {@link keptReaders}, but for the owner. */
async function keptBeside(
  path: string,
  stats: Bits,
  environment: Environment,
  machine: Machine,
): Promise<Result<Readers, SinkProblem>> {
  const mode = Number(stats.mode);
  if (machine.platform === 'darwin') return ok(await keptOnMacos(path, stats, environment, machine));
  if (machine.user === undefined || (mode & GROUP_BITS) === 0) return ok(readersOf(path, stats, [], machine));
  const list = await listOf([path, dirname(path)], environment);
  if (list === undefined) return ok({ access: PRIVATE, warnings: [lost(path)] });
  const writer = writerIn(list, machine);
  if (writer !== undefined && !isTrusted(path, machine)) {
    return failed(
      notReady(
        `Other users can write to ${path}: by its access control list, ${inWords([writer])} can.`,
        `Check what is in it, then run: setfacl -b ${shellWord(path)}`,
      ),
    );
  }
  const named = list.named.filter(({ rights }) => (rights & READS) !== 0);
  const bits = list.group === undefined ? mode : (mode & ~GROUP_BITS) | (list.group << 3);
  const kept = readersOf(path, { mode: bits, gid: stats.gid }, named, machine);
  const setfacl = kept.access.mode === PRIVATE.mode ? undefined : programOf('setfacl', environment);
  if (setfacl === undefined) return ok(kept);
  return ok({ ...kept, access: { ...kept.access, give: giver(setfacl, kept.access, named) } });
}

/** Refuses a way on which a list lets others write to a directory, where its mode says that only a private group can. */
export async function listedWriters(directory: string, environment: Environment): Promise<SinkProblem | undefined> {
  const machine = thisMachine();
  if (machine.user === undefined || machine.platform === 'darwin') return undefined;
  for (let path = directory; path !== dirname(path); path = dirname(path)) {
    const stats = lstatSync(path);
    const isByGroup = (stats.mode & (GROUP_WRITES | STICKY)) === GROUP_WRITES;
    if (!isByGroup || isTrusted(path, machine) || isOpenToOthers(path, stats, machine)) continue;
    const list = await listOf([path], environment);
    const writer = list && writerIn(list, machine);
    if (list !== undefined && writer === undefined) continue;
    const how = writer ? `${inWords([writer])} can` : 'which cannot be read without getfacl (package acl)';
    return notReady(
      `Other users can write to the directory ${path}: by its access control list, ${how}.`,
      `Run: chmod g-w ${shellWord(path)}`,
    );
  }
  return undefined;
}

function readersOf(path: string, stats: Bits, named: readonly Entry[], machine: Machine): Readers {
  const kept = keptAccess(stats, machine);
  const access = named.length === 0 ? kept : { ...kept, mode: 0o640 };
  const warnings = modeWarnings(path, stats, machine, access);
  const others = named.filter((entry) => isOther(entry, machine));
  if (others.length === 0) return { access, warnings };
  const words = `By its access control list, ${inWords(others)} can read ${path} and the secret in it.`;
  return { access, warnings: [...warnings, words] };
}

/** Root and this user may anyway. */
function isOther({ who, id }: Entry, machine: Machine): boolean {
  return who === 'user' ? id !== 0 && id !== machine.user : !machine.isPrivateGroup(id);
}

function writerIn({ named }: List, machine: Machine): Entry | undefined {
  return named.find((entry) => isOther(entry, machine) && (entry.rights & WRITES) !== 0);
}

function inWords(entries: readonly Entry[]): string {
  return entries.map(({ who, id }) => `the ${who} ${id}`).join(' and ');
}

function lost(path: string): string {
  return (
    `Only its owner can read ${path} once the secret is in it (mode 0600): who else may, by its group or an access ` +
    'control list, cannot be found out and kept without getfacl and setfacl (package acl). ' +
    'Give such rights again with chgrp and setfacl -m.'
  );
}

/** Sets the whole list, so that nothing stays of the one that a directory may give to new files. */
function giver(setfacl: string, { gid }: Access, named: readonly Entry[]): (file: number) => Promise<boolean> {
  const list = [
    `u::rw-,g::${gid === undefined ? '---' : 'r--'},o::---`,
    ...named.map(({ who, id }) => `${who}:${id}:r--`),
    ...(named.length > 0 ? ['m::r--'] : []),
  ];
  return async (file) => (await outputOf(setfacl, ['--set', list.join(','), '--', OPENED], file)) !== undefined;
}

/** Of the first path; undefined where there is a list, or may be one, that cannot be read, or not be given to a file. */
async function listOf(paths: readonly [string, ...string[]], environment: Environment): Promise<List | undefined> {
  const getfacl = programOf('getfacl', environment);
  if (getfacl === undefined || programOf('setfacl', environment) === undefined) {
    return (await areUnmarked(paths, environment)) ? { named: [] } : undefined;
  }
  const text = await outputOf(getfacl, ['--access', '--numeric', '--omit-header', '--absolute-names', '--', paths[0]]);
  return text === undefined ? undefined : parseList(text);
}

/** Lines such as `user:33:r--` and `mask::r--`. */
function parseList(text: string): List | undefined {
  let mask = READS | WRITES;
  let group: number | undefined;
  const named: Entry[] = [];
  for (const line of text.split('\n').filter(Boolean)) {
    const [, who, id = '', reads, writes] = /^(user|group|mask|other):(\d*):([r-])([w-])[x-](?:\s|$)/.exec(line) ?? [];
    const rights = (reads === 'r' ? READS : 0) | (writes === 'w' ? WRITES : 0);
    if (who === undefined) return undefined;
    if (who === 'mask') mask = rights;
    else if (who !== 'other' && who !== 'user' && id === '') group = rights;
    else if ((who === 'user' || who === 'group') && id !== '') named.push({ who, id: Number(id), rights });
  }
  if (group === undefined) return undefined;
  return { group: group & mask, named: named.map((entry) => ({ ...entry, rights: entry.rights & mask })) };
}

/** Whether none of them has a list, as GNU's ls tells. That of a directory may be for new files. */
async function areUnmarked(paths: readonly string[], environment: Environment): Promise<boolean> {
  const ls = programOf('ls', environment);
  const version = ls && (await outputOf(ls, ['--version']));
  if (ls === undefined || version?.includes('GNU coreutils') !== true) return false;
  const text = await outputOf(ls, ['-nd', '--', ...paths]);
  return text !== undefined && !/^\S{10}\+/m.test(text);
}

/** There a list is beside the mode, which masks nothing of it. */
async function keptOnMacos(path: string, stats: Bits, environment: Environment, machine: Machine): Promise<Readers> {
  const kept = readersOf(path, stats, [], machine);
  const ls = programOf('ls', environment);
  const text = ls && (await outputOf(ls, ['-lde', '--', path]));
  if (text !== undefined && !/^ +\d+: /m.test(text)) return kept;
  const words = `${path} ${text === undefined ? 'may have' : 'has'} an access control list (see ls -le), which does not stay once the secret is in it: give it again with chmod +a.`;
  return { ...kept, warnings: [...kept.warnings, words] };
}

/** Undefined where there is none, or one that others could exchange. */
function programOf(name: string, environment: Environment): string | undefined {
  const search = findExecutable(name, searchPathOf(environment));
  return search.ok ? search.value : undefined;
}

/** What the program printed; undefined where it failed. */
async function outputOf(path: string, args: readonly string[], file?: number): Promise<string | undefined> {
  const end = await readProgram({ path, args, env: { LC_ALL: 'C' }, timeoutMs: TIME_LIMIT_MS, file });
  return end.by === 'exit' && end.code === 0 ? end.output.toString('utf8') : undefined;
}
