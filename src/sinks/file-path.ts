// What the sinks that write files have in common before and after they write: the path, the checks of the place, the proof by
// trying, and the look at what was delivered. It looks at the target, but whether that may exist is for each sink to say.

import { accessSync, constants, lstatSync, realpathSync, statfsSync, type Stats } from 'node:fs';
import { basename, dirname, isAbsolute, join, normalize, sep } from 'node:path';
import { failed, ok, type Result } from '../failure.ts';
import { walk, type Way } from '../files/path-walk.ts';
import { isReservedName, leftovers, removeLeftovers, placeKey } from '../files/names.ts';
import { readFound, type Access, type FoundFile } from '../files/atomic-file.ts';
import { fileProblem, modeOf, systemCode } from '../files/file-problem.ts';
import { accessWarnings, withDirectory, withMadeDirectory, type SafeDirectory } from '../files/safe-directory.ts';
import { askFirst } from '../files/machine.ts';
import { tryInNew, tryPlacing, tryReplacing } from '../files/trial.ts';
import { serialized } from '../files/process-owner.ts';
import type { Environment } from '../programs/child-environment.ts';
import { holdsExactly } from '../secret/opened-secret.ts';
import { openSecret, type Secret } from '../secret/secret.ts';
import { keptReaders, listedWriters } from './access-list.ts';
import { gitProblem } from './git-check.ts';
import {
  attempt,
  inDirectory,
  notReady,
  sinkProblem,
  worded,
  expand,
  takesEntry,
  type SecretReference,
  type Held,
  type PreflightMode,
  type Sink,
  type SinkProblem,
  type Verdict,
} from './sink.ts';

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

/**
 * Whether a file holds exactly the secret that was delivered, and nobody else can read it.
 *
 * @param widest the widest mode that it may have
 */
export async function verdictOn(file: FilePath, secret: Secret, widest = 0o600): Promise<Verdict> {
  const checked = await attempt(`${file.path} could not be read back`, () => readBack(file, secret, widest));
  if (checked.ok) return { outcome: 'verified', verification: 'read-back' };
  return { outcome: 'mismatch', message: checked.failure.message, hint: checked.failure.hint };
}

function readBack(file: FilePath, secret: Secret, widest: number): Promise<Result<undefined, SinkProblem>> {
  const limit = Buffer.byteLength(openSecret(secret));
  return inDirectory(file.directory, async (directory) => {
    const found = await readFound(directory, file.name, limit);
    const problem = changeProblem(file.path, found, secret, widest);
    return problem === undefined ? ok(undefined) : failed(problem);
  });
}

function changeProblem(
  path: string,
  found: FoundFile | undefined,
  secret: Secret,
  widest: number,
): SinkProblem | undefined {
  if (found === undefined) return notReady(`${path} is gone again.`, FIND_OUT);
  const problem = fileProblem(path, found.stats);
  if (problem !== undefined) return sinkProblem(problem);
  const mode = modeOf(found.stats);
  if ((mode & 0o077 & ~widest) !== 0)
    return notReady(`${path} has mode 0${mode.toString(8)} instead of 0600.`, FIND_OUT);
  if (found.bytes !== undefined && holdsExactly(found.bytes, secret)) return undefined;
  return notReady(`${path} does not hold exactly the secret that was delivered.`, FIND_OUT);
}

const FIND_OUT = 'Find out what changes files in that directory, or configure another path.';
