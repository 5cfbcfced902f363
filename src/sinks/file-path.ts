// What the two sinks that write files have in common before they write: the path, the checks of the place,
// whether git may take it, and the proof by trying. It looks at the target, but whether that may exist is for each sink to say.

import { accessSync, constants, lstatSync, realpathSync, statfsSync, type Stats } from 'node:fs';
import { basename, dirname, isAbsolute, join, normalize, sep, delimiter, relative, resolve } from 'node:path';
import { failed, ok, type Result } from '../failure.ts';
import { walk, type Way } from '../files/path-walk.ts';
import { isReservedName, leftovers, removeLeftovers, placeKey, spellingOnDisk } from '../files/names.ts';
import type { Access } from '../files/atomic-file.ts';
import { systemCode, shellWord } from '../files/file-problem.ts';
import { accessWarnings, withDirectory, withMadeDirectory, type SafeDirectory } from '../files/safe-directory.ts';
import { askFirst } from '../files/machine.ts';
import { tryInNew, tryPlacing, tryReplacing } from '../files/trial.ts';
import { serialized } from '../files/process-owner.ts';
import { keptReaders, listedWriters } from './access-list.ts';
import {
  attempt,
  notReady,
  worded,
  expand,
  takesEntry,
  type SecretReference,
  type Held,
  type PreflightMode,
  type Sink,
  type SinkProblem,
} from './sink.ts';
import { searchPathOf } from '../programs/child-environment.ts';
import { describeEnd, readProgram, type Program } from '../programs/child-process.ts';
import { findExecutable } from '../programs/executable.ts';

/** Where one secret goes: the file `name` in `directory`. */
export interface FilePath {
  readonly path: string;
  readonly directory: string;
  readonly name: string;
}

/** What a sink says of whatever exists at its place. */
export type JudgeExisting<T> = (
  file: FilePath,
  stats: Stats,
) => Result<T, SinkProblem> | Promise<Result<T, SinkProblem>>;

/** The path of the file for a reference, whose values cannot leave the directory that the operator named. */
export function filePathOf(template: string, reference: SecretReference): Result<FilePath, SinkProblem> {
  const path = expand(template, reference);
  if (takesEntry(template) && !reference.entry) {
    return failed(notReady('This sink needs an entry, and there is none.', 'Pass an entry.'));
  }
  const isProper = isAbsolute(path) && normalize(path) === path && !path.endsWith(sep) && !path.includes('\0');
  if (!isProper || path.split(sep).length !== template.split(sep).length) {
    return failed(
      notReady(
        `${template} is not a plain path of a file once its placeholders are replaced.`,
        'Configure an absolute path without "." and "..", doubled or trailing slashes.',
      ),
    );
  }
  // The entry was judged by itself; here, what is made of it.
  const written = template.split(sep);
  const made = path.split(sep).filter((part, index) => part !== written[index]);
  if (made.some(isReservedName)) {
    return failed(notReady('Windows reserves the name that this entry gives to a file.', 'Pass another entry.'));
  }
  return ok({ path, directory: dirname(path), name: basename(path) });
}

/**
 * For people: the path under which the file is found by every program. On Windows and macOS that may be another than the
 * configured one: letters in another case, a short name, or a folder in which Windows keeps what a packaged program made.
 */
export function locationOf(path: string): string {
  if (process.platform !== 'win32' && process.platform !== 'darwin') return path;
  try {
    return realpathSync.native(path);
  } catch {
    // Not there yet, so its directory has to do.
    return dirname(path) === path ? path : join(locationOf(dirname(path)), basename(path));
  }
}

/** What a preflight found at a place. */
interface Examined<T> {
  /** Of what exists there; absent where nothing does. */
  readonly judged?: T;
  /** Of who will be able to read the secret. */
  readonly warnings: readonly string[];
  /** Those of them that are about the directory. */
  readonly access: readonly string[];
}

/** The whole preflight of a place. `judge` is asked only where something exists there. */
export function preflightFile<T>(
  file: FilePath,
  mode: PreflightMode,
  environment: Environment,
  judge: JudgeExisting<T>,
): Promise<Result<Examined<T>, SinkProblem>> {
  return attempt(`${file.path} cannot be written`, async () => {
    await askFirst(file.directory);
    const way = worded(walk(file.directory));
    if (!way.ok) return way;
    const { directory, existing, missing } = way.value;
    const writers = await listedWriters(existing, environment);
    if (writers !== undefined) return failed(writers);
    const target = join(directory, file.name);
    const found = missing.length === 0 ? lstatSync(target, { throwIfNoEntry: false }) : undefined;
    const judged = found === undefined ? ok(undefined) : await judge(file, found);
    if (!judged.ok) return judged;
    const problem = (await gitProblem(target, existing, environment)) ?? roomProblem(existing);
    if (problem !== undefined) return failed(problem);
    const readers = found?.isFile() === true ? await keptReaders(file.path, found, environment) : undefined;
    if (readers?.ok === false) return readers;
    const old = found && readers && { stats: found, access: readers.value.access };
    const tried = await tryFile(file, mode, way.value, old);
    if (!tried.ok) return tried;
    const access = await accessWarnings(way.value);
    const warnings = [...access, ...(readers?.value.warnings ?? [])];
    return ok({ ...(judged.value !== undefined && { judged: judged.value }), warnings, access });
  });
}

/** Runs `action` when all earlier ones of that place in this process have ended, however their paths were written. */
export async function serializedAt<T>(file: FilePath, action: () => Promise<T>): Promise<T> {
  await askFirst(file.directory);
  return serialized(placeKey(file.path), action);
}

/** What a look at a place finds. A directory that is missing holds nothing; one that is not safe tells nothing. */
export async function heldBy<T>(
  look: () => Promise<Result<T, SinkProblem>>,
): Promise<T | Extract<Held, { held: 'nothing' | 'unknown' }>> {
  try {
    const found = await look();
    return found.ok ? found.value : { held: 'unknown' };
  } catch (error) {
    return systemCode(error) === 'ENOENT' ? { held: 'nothing' } : { held: 'unknown' };
  }
}

/** The part of a sink that finds what killed deliveries left beside its places. */
export function sweeperOf(template: string): Required<Pick<Sink, 'leftovers' | 'removeLeftovers'>> {
  return {
    async leftovers(reference, nonce) {
      const file = filePathOf(template, reference);
      if (!file.ok) return undefined;
      const { directory, name } = file.value;
      return ifReadable(directory, [], (opened) => leftovers(opened, name, nonce).map((each) => join(directory, each)));
    },
    async removeLeftovers(reference, nonce) {
      const file = filePathOf(template, reference);
      if (!file.ok) return false;
      const { directory, name } = file.value;
      const removed = await ifReadable(directory, true, async (opened) => {
        await removeLeftovers(opened, name, nonce);
        return true;
      });
      return removed ?? false;
    },
  };
}

/** Undefined where the directory is not safe, or cannot be read; `missing` where it is not there. */
async function ifReadable<T>(
  directory: string,
  missing: T,
  use: (opened: SafeDirectory) => T | Promise<T>,
): Promise<T | undefined> {
  try {
    const used = await withDirectory(directory, async (opened) => ok(await use(opened)));
    return used.ok ? used.value : undefined;
  } catch (error) {
    return systemCode(error) === 'ENOENT' ? missing : undefined;
  }
}

/** `access` also finds a file system that is mounted read-only. */
function roomProblem(directory: string): SinkProblem | undefined {
  accessSync(directory, constants.W_OK | constants.X_OK);
  const { blocks, bavail } = statfsSync(directory);
  // Some network file systems do not know their size and say 0 of 0.
  if (blocks === 0 || bavail > 0) return undefined;
  return notReady(`No space is left on the disk of ${directory}.`, 'Make room there, or configure another path.');
}

/**
 * Does with a file of its own what the delivery will do. Where the directory is missing, `inspect` makes one for the
 * moment; otherwise a dry run would find less than the create after it.
 */
async function tryFile(
  file: FilePath,
  mode: PreflightMode,
  way: Way,
  old: { readonly stats: Stats; readonly access: Access } | undefined,
): Promise<Result<undefined, SinkProblem>> {
  const target = { name: file.name, path: join(way.directory, file.name) };
  const use = (directory: SafeDirectory) =>
    old ? tryReplacing(directory, target, old.stats, old.access) : tryPlacing(directory, file.directory, file.name);
  if (mode === 'prove') return worded(await withMadeDirectory(file.directory, use));
  if (way.missing.length === 0) return worded(await withDirectory(file.directory, use));
  return worded(await tryInNew(way, (made) => withDirectory(made, use)));
}

/** Variables of this process, by name; git gets few of them. */
export type Environment = Readonly<Record<string, string>>;

/** Where git and the user's own git configuration are found. Nothing that begins with GIT_ is passed on. */
const INHERITED = ['HOME', 'XDG_CONFIG_HOME', 'USERPROFILE', 'SYSTEMROOT', 'SystemRoot', 'PATHEXT'];

const FIXED: Environment = {
  LC_ALL: 'C',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_TERMINAL_PROMPT: '0',
  // A partial clone may fetch what it lacks, by a transport that its configuration names.
  GIT_NO_LAZY_FETCH: '1',
  GIT_ALLOW_PROTOCOL: 'none',
};

/** What the repository configures to run is switched off. */
const OPTIONS = ['--no-pager', '-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null'];

const TIME_LIMIT_MS = 5_000;

/** `existing` is the directory of `target`, or the nearest one that exists; both without symbolic links. */
export async function gitProblem(
  target: string,
  existing: string,
  environment: Environment,
): Promise<SinkProblem | undefined> {
  const top = workTreeOf(existing);
  if (top === undefined) return undefined;
  const search = findExecutable('git', searchPathOf(environment));
  if (!search.ok) return noAnswer(target, search.failure.message, search.failure.hint);
  const program = { path: search.value, env: gitEnvironment(environment), timeoutMs: TIME_LIMIT_MS };
  const git = (...args: string[]): Program => ({ ...program, args: [...OPTIONS, '-C', existing, ...args] });
  const tracked = await trackedLike(git('ls-files', '-z', '--', pathspecOf(relative(top, target))));
  if (typeof tracked === 'string') return noAnswer(target, tracked, HINT);
  const place = placeKey(target);
  const found = tracked.map((path) => resolve(existing, path)).find((path) => placeKey(path) === place);
  if (found !== undefined) {
    return notReady(
      `${target} is tracked by git, so the secret would go into the repository.`,
      `Run: git rm --cached -- ${shellWord(found)} and add it to .gitignore, or configure another path.`,
    );
  }
  const ignored = await isIgnored(git('check-ignore', '--quiet', '--', spellingOnDisk(target)));
  if (ignored === true) return undefined;
  if (ignored !== false) return noAnswer(target, ignored, HINT);
  return notReady(
    `${target} lies in a git work tree and is not ignored, so the secret could be committed.`,
    'Add it to .gitignore, or configure a path outside of the work tree.',
  );
}

/** The nearest directory on the way up that has an entry `.git`, of whatever kind: git judges whether it counts. */
function workTreeOf(directory: string): string | undefined {
  for (let path = directory; ; path = dirname(path)) {
    if (lstatSync(join(path, '.git'), { throwIfNoEntry: false }) !== undefined) return path;
    if (path === dirname(path)) return undefined;
  }
}

/**
 * Whatever could be another spelling of the path: git itself folds only ASCII, and keeps names in the Unicode form in
 * which they were added. Also below another directory, should git not take that one for the top.
 */
function pathspecOf(path: string): string {
  const spelled = path.normalize('NFC').split(sep).join('/');
  return `:(top,icase,glob)**/${spelled.replace(/[^\w ./-]+/g, '*')}`;
}

/** What git tracks there, from where it was asked; or in a sentence why it did not answer. */
async function trackedLike(program: Program): Promise<readonly string[] | string> {
  const end = await readProgram(program);
  // Without the Command Line Tools, macOS has in /usr/bin a git that does nothing but exit with 1.
  if (end.by !== 'exit' || end.code !== 0) return describeEnd(program, end);
  return end.output.toString('utf8').split('\0').filter(Boolean);
}

/** Yes, no, or in a sentence why git did not answer. Its 1 means no, since it has answered the question before with 0. */
async function isIgnored(program: Program): Promise<boolean | string> {
  const end = await readProgram(program);
  if (end.by === 'exit' && (end.code === 0 || end.code === 1)) return end.code === 0;
  return describeEnd(program, end);
}

function gitEnvironment(environment: Environment): Record<string, string> {
  const inherited = INHERITED.flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(inherited), ...FIXED, PATH: absoluteSearchPath(environment) };
}

/** A relative part of PATH would make it matter where git is started. */
function absoluteSearchPath(environment: Environment): string {
  return searchPathOf(environment).split(delimiter).filter(isAbsolute).join(delimiter);
}

function noAnswer(target: string, reason: string, hint: string): SinkProblem {
  return notReady(
    `${target} lies in a git work tree, and whether git ignores it could not be found out. ${reason}`,
    `${hint} Or configure a path outside of the work tree.`,
  );
}

const HINT =
  'Run git status there, as the user who runs this server, and mend what it says (on macOS: xcode-select --install).';
