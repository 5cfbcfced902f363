// Tries in a directory what a delivery is going to do there, with files of its own, and removes them: so that whatever
// the file system refuses, or does not keep, is found before there is a secret.

import { chownSync, fstatSync, linkSync, mkdirSync, readFileSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { failed, ok, type Result } from '../failure.ts';
import type { Way } from './path-walk.ts';
import { temporaryName } from './names.ts';
import { withNewFile, type Access } from './atomic-file.ts';
import {
  isReadableByOthers,
  type Metadata,
  problemAt,
  shellWord,
  systemCode,
  unlessRefused,
  type FileProblem,
} from './file-problem.ts';
import { thisMachine } from './machine.ts';
import { closeToOthers, type SafeDirectory } from './safe-directory.ts';

/** As large as what is delivered, or larger, so that a full disk is found. */
const CONTENT = Buffer.alloc(4096);
/** How file systems say that they have no hard links. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/** Whether a new file can be put in place: written, seen to be this user's only, and linked. */
export function tryPlacing(
  directory: SafeDirectory,
  path: string,
  name: string,
): Promise<Result<undefined, FileProblem>> {
  const [temporary, linked] = [temporaryName(name), temporaryName(name)];
  return withNewFile(directory, temporary, CONTENT, async (_identity, file) => {
    try {
      const problem = modeProblem(path, fstatSync(file));
      if (problem !== undefined) return failed(problem);
      linkSync(directory.path(temporary), directory.path(linked));
      unlinkSync(directory.path(linked));
      await directory.sync();
      return ok(undefined);
    } catch (error) {
      if (!NO_LINKS.has(systemCode(error) ?? '')) throw error;
      const message = `The file system of ${path} has no hard links, without which no new file can be put in place whole.`;
      return failed(problemAt('no hard links', path, message));
    } finally {
      unlinkSync(directory.path(temporary));
    }
  });
}

/** Whether a file that exists can be replaced by one that the same people can read. */
export async function tryReplacing(
  directory: SafeDirectory,
  { path, name }: { readonly path: string; readonly name: string },
  stats: Metadata,
  access: Access,
): Promise<Result<undefined, FileProblem>> {
  if ((Number(stats.mode) & 0o200) === 0) {
    const command = process.platform === 'win32' ? `attrib -r "${path}"` : `chmod u+w ${shellWord(path)}`;
    return failed(problemAt('read-only', path, `${path} is read-only.`, `If it may be changed, run: ${command}`));
  }
  const problem = removalProblem(directory, path, name) ?? mountProblem(path);
  if (problem !== undefined) return failed(problem);
  const [temporary, renamed] = [temporaryName(name), temporaryName(name)];
  return withNewFile(directory, temporary, CONTENT, async (_identity, file) => {
    let at = temporary;
    try {
      const withheld = await accessProblem(path, directory.path(temporary), file, access);
      if (withheld !== undefined) return failed(withheld);
      renameSync(directory.path(temporary), directory.path(renamed));
      at = renamed;
      await directory.sync();
      return ok(undefined);
    } finally {
      unlinkSync(directory.path(at));
    }
  });
}

/** Makes a directory in one that exists, as the missing ones will be made, tries `use` in it, and removes it. */
export async function tryInNew<T>(
  { existing, missing }: Way,
  use: (directory: string) => Promise<Result<T, FileProblem>>,
): Promise<Result<T, FileProblem>> {
  const path = join(existing, temporaryName('new'));
  mkdirSync(path, 0o700);
  try {
    await closeToOthers(path, missing[0]);
    return await use(path);
  } finally {
    rmdirSync(path);
  }
}

/** What a file system made of mode 0600: exFAT, NTFS and SMB give every file the same. */
export function modeProblem(path: string, stats: Metadata, machine = thisMachine()): FileProblem | undefined {
  if (!isReadableByOthers(stats, machine)) return undefined;
  const mode = (Number(stats.mode) & 0o777).toString(8);
  return problemAt(
    'no modes',
    path,
    `The file system of ${path} has no modes: a new file has 0${mode} instead of 0600.`,
  );
}

/** Why the temporary file cannot be given the access that the one at `path` is to have. */
async function accessProblem(
  path: string,
  temporary: string,
  file: number,
  { uid, gid, give }: Access,
): Promise<FileProblem | undefined> {
  const problem = (message: string, remedy: string) => problemAt('cannot give', path, message, remedy);
  if (uid !== undefined && !mayGive(temporary, uid, -1))
    return problem(
      `${path} belongs to the user ${uid}, and this user cannot give that one the file that is to replace it.`,
      'Run this server as that user or as root; or make the file that of this user (chown).',
    );
  if (gid !== undefined && !mayGive(temporary, -1, gid))
    return problem(
      `The group ${gid} can read ${path}, and this user cannot give that group the file that is to replace it.`,
      `Make this user a member of that group; or, if it need not read the file, run: chmod g-r ${shellWord(path)}`,
    );
  const modes = modeProblem(path, fstatSync(file));
  if (modes !== undefined || give === undefined || (await give(file))) return modes;
  return problem(
    `The file that is to replace ${path} cannot be given its access control list.`,
    `If it is not needed, run: setfacl -b ${shellWord(path)}`,
  );
}

function mayGive(path: string, uid: number, gid: number): boolean {
  try {
    chownSync(path, uid, gid);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EPERM') return false;
    throw error;
  }
}

/**
 * Asks Linux to remove the file as if it were a directory: it looks whether anything protects the file (permissions,
 * chattr +i and +a, a read-only file system) before it sees that this is not a directory.
 */
function removalProblem(directory: SafeDirectory, path: string, name: string): FileProblem | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    rmdirSync(directory.path(name));
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOTDIR') return undefined;
    if (code !== 'EPERM') throw error;
    const message = `${path} cannot be replaced: the system does not permit it.`;
    return problemAt('protected', path, message, 'See lsattr, and take the protection away (chattr -i -a).');
  }
  return undefined;
}

/** A file that a container got by itself: nothing can be renamed over it (EBUSY). */
function mountProblem(path: string): FileProblem | undefined {
  if (process.platform !== 'linux' || !mountPoints().includes(path)) return undefined;
  return problemAt(
    'mounted',
    path,
    `${path} is mounted by itself, so that no other file can be put in its place.`,
    'Mount the directory that holds it instead.',
  );
}

/** Of this process (proc_pid_mountinfo(5), field 5). Empty where there is no /proc. */
function mountPoints(): string[] {
  const lines = unlessRefused(() => readFileSync('/proc/self/mountinfo', 'utf8'))?.split('\n') ?? [];
  return lines.map((line) => unescaped(line.split(' ')[4] ?? ''));
}

/** Blanks and backslashes are written as octal numbers. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_whole, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
