// Asks git whether it would take the file of a secret: one that is tracked, or that lies in a work tree and is not ignored, is refused.

import { lstatSync } from 'node:fs';
import { delimiter, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { shellWord } from '../files/file-problem.ts';
import { placeKey, spellingOnDisk } from '../files/names.ts';
import { searchPathOf, type Environment } from '../programs/child-environment.ts';
import { describeEnd, readProgram, type Program } from '../programs/child-process.ts';
import { findExecutable } from '../programs/executable.ts';
import { notReady, type SinkProblem } from './sink.ts';

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
