// Finds the program that an operator names, and refuses one that others could replace. It never runs it.

import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { basename, delimiter, isAbsolute, join } from 'node:path';
import { shellWord } from '../files/file-problem.ts';
import { failed, ok, type Failure, type Result } from '../failure.ts';
import { followLinks } from '../files/path-walk.ts';
import { thisMachine } from '../files/machine.ts';

/** What a person is told of a program that cannot be run. */
type Unfit = Pick<Failure, 'message' | 'hint'>;

/**
 * What keeps a path from being run. One with a `weakPart`, and a batch file, is never passed over for another of the same
 * name.
 */
type Flaw =
  'missing' | 'not a file' | 'not executable' | { readonly weakPart: string } | { readonly batchFile: string };

/** The endings of what Windows starts as it is, and of what it starts through cmd.exe. */
const PROGRAM = /\.(?:exe|com)$/i;
const BATCH_FILE = /\.(?:cmd|bat)$/i;
const ENDINGS = ['.exe', '.com', '.cmd', '.bat'];

/**
 * The path of the program, or why it may not be run. An absolute path is taken as it is; a bare name is looked up in `searchPath` (the value of PATH). The
 * result keeps its symbolic links, because some programs go by the name they are called with; the checks
 * are of the file that the links lead to, and of the whole way there.
 *
 * @param subject how messages speak of it, where its name may be something else in a wrong place, such as a secret
 */
export function findExecutable(
  program: string,
  searchPath: string,
  subject = `The program "${basename(program)}"`,
): Result<string, Unfit> {
  const name = basename(program);
  if (!isAbsolute(program) && (name !== program || name === '')) return failed(wordsFor('relative', subject));

  let worst: Flaw = 'missing';
  for (const path of candidates(program, searchPath)) {
    const flaw = flawOf(path);
    if (flaw === undefined) return ok(path);
    if (flaw !== 'missing') worst = flaw;
    if (typeof flaw === 'object') break;
  }
  return failed(wordsFor(worst, subject));
}

/** Empty and relative entries of PATH mean the working directory, and with it whoever writes there. */
function candidates(program: string, searchPath: string): string[] {
  const hasEnding = process.platform !== 'win32' || PROGRAM.test(program) || BATCH_FILE.test(program);
  const folders = searchPath.split(delimiter).filter((folder) => isAbsolute(folder));
  const paths = isAbsolute(program) ? [program] : folders.map((folder) => join(folder, program));
  return hasEnding ? paths : paths.flatMap((path) => ENDINGS.map((ending) => path + ending));
}

function flawOf(path: string): Flaw | undefined {
  let file: string;
  try {
    file = realpathSync.native(path);
    if (!statSync(file).isFile()) return 'not a file';
  } catch {
    // Absent, a loop of links, or in a folder that this user may not enter: not there for this user.
    return 'missing';
  }
  if (process.platform === 'win32' && BATCH_FILE.test(path)) return { batchFile: path };
  try {
    accessSync(file, constants.X_OK);
  } catch {
    return 'not executable';
  }
  try {
    const machine = thisMachine();
    // Windows has no such owners and modes.
    const { weakPart } = machine.user === undefined ? {} : followLinks(path, { trustsGroupsOfRoot: true }, machine);
    return weakPart === undefined ? undefined : { weakPart };
  } catch {
    // Removed, or exchanged, while it was looked at.
    return 'missing';
  }
}

function wordsFor(flaw: Flaw | 'relative', subject: string): Unfit {
  if (typeof flaw === 'object' && 'batchFile' in flaw) {
    return {
      message: `${subject} is a batch file, and Windows starts those only through cmd.exe.`,
      hint: `Begin the command with ${JSON.stringify(['cmd.exe', '/d', '/c', flaw.batchFile]).slice(1, -1)}.`,
    };
  }
  if (typeof flaw === 'object') {
    return {
      message: `${subject}, or a folder or link on the way to it, can be changed by other users of this machine.`,
      hint:
        `${flaw.weakPart} must belong to root or to the user who runs this server, must not be a file in a folder ` +
        `for all such as /tmp, and must not be writable by others. Try: chmod go-w ${shellWord(flaw.weakPart)}`,
    };
  }
  const [what, hint] = FLAWS[flaw];
  return { message: `${subject} ${what}.`, hint };
}

const FLAWS: Readonly<Record<Exclude<Flaw, object> | 'relative', readonly [what: string, hint: string]>> = {
  relative: ['is given as a relative path', 'Give an absolute path, or a bare name that is looked up in PATH.'],
  missing: [
    'was not found',
    'Install it where the PATH of the server finds it, which may differ from that of your shell; the program of a sink may also be given by its absolute path.',
  ],
  'not a file': ['is not a regular file', 'Name a program file.'],
  'not executable': ['may not be executed', 'Make it executable (chmod u+x).'],
};
