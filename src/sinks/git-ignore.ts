// Asks git whether a path may hold a secret: outside of every work tree, or ignored and not tracked. Where
// git cannot answer, the answer is no. It changes nothing, and runs nothing that a repository configures.

import { lstatSync } from 'node:fs';
import { dirname, isAbsolute, delimiter, join } from 'node:path';
import { shellWord } from '../files/file-problem.ts';
import { searchPathOf } from '../programs/child-environment.ts';
import { readProgram, type Program } from '../programs/child-process.ts';
import { findExecutable } from '../programs/executable.ts';
import { describe } from '../programs/program-end.ts';
import { notReady, type Refused } from './sink-problem.ts';

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
): Promise<Refused | undefined> {
  if (!liesInWorkTree(existing)) return undefined;
  const search = findExecutable('git', searchPathOf(environment));
  if (!search.found) return noAnswer(target, search.message, search.hint);
  const program = { path: search.path, env: gitEnvironment(environment), timeoutMs: TIME_LIMIT_MS };
  const git = (...args: string[]) => ask({ ...program, args: [...OPTIONS, '-C', existing, ...args, '--', target] });
  // A `*` in the name is no pattern. check-ignore refuses that option; there, such a name may at worst be
  // taken for that of a tracked file, and refused.
  const tracked = await git('--literal-pathspecs', 'ls-files', '--error-unmatch');
  if (tracked === true) {
    return notReady(
      `${target} is tracked by git, so the secret would go into the repository.`,
      `Run: git rm --cached -- ${shellWord(target)} and add it to .gitignore, or configure another path.`,
    );
  }
  const ignored = tracked === false ? await git('check-ignore', '--quiet') : tracked;
  if (ignored === true) return undefined;
  if (ignored !== false) return noAnswer(target, ignored, HINT);
  return notReady(
    `${target} lies in a git work tree and is not ignored, so the secret could be committed.`,
    'Add it to .gitignore, or configure a path outside of the work tree.',
  );
}

/** Whether some directory on the way up has an entry `.git`, of whatever kind: git judges whether it counts. */
function liesInWorkTree(directory: string): boolean {
  for (let path = directory; ; path = dirname(path)) {
    if (lstatSync(join(path, '.git'), { throwIfNoEntry: false }) !== undefined) return true;
    if (path === dirname(path)) return false;
  }
}

/** Yes, no, or in a sentence why git did not answer. What git prints may be text of the repository, and is dropped. */
async function ask(program: Program): Promise<boolean | string> {
  const end = await readProgram(program);
  if (end.by !== 'exit') return describe(program, end);
  end.output.fill(0);
  if (end.code === 0) return true;
  // Without the Command Line Tools, macOS has in /usr/bin a git that does nothing but exit with 1.
  if (end.code === 1 && (await doesWork(program))) return false;
  return describe(program, end);
}

async function doesWork(program: Program): Promise<boolean> {
  const end = await readProgram({ ...program, args: ['--version'] });
  return end.by === 'exit' && end.code === 0;
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

function noAnswer(target: string, reason: string, hint: string): Refused {
  return notReady(
    `${target} lies in a git work tree, and whether git ignores it could not be found out. ${reason}`,
    `${hint} Or configure a path outside of the work tree.`,
  );
}

const HINT =
  'Run git status there, as the user who runs this server, and mend what it says (on macOS: xcode-select --install).';
