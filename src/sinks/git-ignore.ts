// Asks git whether a path may hold a secret: outside of every work tree, or ignored and not tracked. Where
// git cannot answer, the answer is no. It changes nothing, and runs nothing that a repository configures.

import { spawn } from 'node:child_process';
import { lstatSync } from 'node:fs';
import { dirname, isAbsolute, delimiter, join, parse } from 'node:path';
import { shellWord, systemCode } from '../files/file-problem.ts';
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
  const git = (...args: string[]) => runGit([...OPTIONS, '-C', existing, ...args, '--', target], environment);
  // A `*` in the name is no pattern. check-ignore refuses that option; there, such a name may at worst be
  // taken for that of a tracked file, and refused.
  const tracked = await git('--literal-pathspecs', 'ls-files', '--error-unmatch');
  if (tracked === 0) {
    return notReady(
      `${target} is tracked by git, so the secret would go into the repository.`,
      `Run: git rm --cached -- ${shellWord(target)} and add it to .gitignore, or configure another path.`,
    );
  }
  if (tracked !== 1) return noAnswer(target, tracked);
  const ignored = await git('check-ignore', '--quiet');
  if (ignored === 0) return undefined;
  if (ignored !== 1) return noAnswer(target, ignored);
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

type GitEnd = number | 'missing' | 'stopped' | 'no start';

/** The exit status only: what git prints may be text of the repository. */
function runGit(args: readonly string[], environment: Environment): Promise<GitEnd> {
  return new Promise((resolve) => {
    const child = spawn('git', args, {
      // Not the work tree, where a program called git could lie.
      cwd: parse(process.execPath).root,
      env: gitEnvironment(environment),
      stdio: 'ignore',
      timeout: TIME_LIMIT_MS,
      killSignal: 'SIGKILL',
      windowsHide: true,
    });
    child.once('error', (error) => {
      resolve(systemCode(error) === 'ENOENT' ? 'missing' : 'no start');
    });
    child.once('exit', (status) => {
      resolve(status ?? 'stopped');
    });
  });
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
  const path = environment.PATH ?? environment.Path ?? '';
  return path.split(delimiter).filter(isAbsolute).join(delimiter);
}

function noAnswer(target: string, end: GitEnd): Refused {
  const message = `${target} lies in a git work tree, and whether git ignores it could not be found out`;
  switch (end) {
    case 'missing':
    case 'no start':
      return notReady(
        `${message}: git could not be started.`,
        'Install git where the PATH of this server finds it, or configure a path outside of the work tree.',
      );
    case 'stopped':
      return notReady(`${message}: git did not end in time.`, HINT);
    default:
      return notReady(`${message}: git ended with status ${end}.`, HINT);
  }
}

const HINT =
  'Run git status there, as the user who runs this server, and mend what it says, ' +
  'or configure a path outside of the work tree.';
