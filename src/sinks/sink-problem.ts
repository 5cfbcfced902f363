// Words a sink's problem for a person: what the file layer found, with the advice that fits a sink, and what sinks find
// for themselves.

import { failed, type Result } from '../failure.ts';
import { attempt as attemptWith, systemCode, type FileProblem } from '../files/file-problem.ts';
import { withDirectory, type SafeDirectory } from '../files/safe-directory.ts';
import type { Delivery, SinkProblem } from './sink.ts';

export function notReady(message: string, hint: string): SinkProblem {
  return { code: 'SINK_NOT_READY', message, hint };
}

export function entryExists(message: string, hint: string): SinkProblem {
  return { code: 'SINK_ENTRY_EXISTS', message, hint };
}

/** What the file layer answered, with the hint of a sink where it failed. */
export function worded<T>(checked: Result<T, SinkProblem | FileProblem>): Result<T, SinkProblem> {
  return checked.ok ? checked : failed(sinkProblem(checked.failure));
}

export function sinkProblem(problem: SinkProblem | FileProblem): SinkProblem {
  return 'reason' in problem ? notReady(problem.message, hintFor(problem)) : problem;
}

/** As the one of the file layer, with the hint of a sink. */
export async function attempt<T>(
  what: string,
  action: () => Result<T, SinkProblem> | Promise<Result<T, SinkProblem>>,
): Promise<Result<T, SinkProblem>> {
  return worded(await attemptWith(what, action));
}

/** Runs `use` in the safe directory of a place. */
export async function inDirectory<T>(
  directory: string,
  use: (opened: SafeDirectory) => Result<T, SinkProblem> | Promise<Result<T, SinkProblem>>,
): Promise<Result<T, SinkProblem>> {
  return worded(await withDirectory(directory, use));
}

/** A secret that is out of reach stays there: its key is deleted. */
export async function ifInReach(action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
  }
}

export function failedDelivery({ message, hint }: SinkProblem): Delivery {
  return { outcome: 'failed', message, hint };
}

/**
 * The end of a delivery that failed where an old secret was, after that was to be put back. It did not fail for certain
 * unless the new secret is seen not to be there: `look` says whether it is.
 */
export async function failedReplace(
  problem: SinkProblem,
  path: string,
  look: () => Promise<Result<boolean, SinkProblem>>,
): Promise<Delivery> {
  if (!(await mayHold(look))) return failedDelivery(problem);
  const hint = `The old secret could not be put back: look into ${path}. ${problem.hint}`;
  return { outcome: 'uncertain', message: problem.message, hint };
}

async function mayHold(look: () => Promise<Result<boolean, SinkProblem>>): Promise<boolean> {
  try {
    const held = await look();
    return held.ok && held.value;
  } catch (error) {
    return systemCode(error) !== 'ENOENT';
  }
}

function hintFor({ reason, remedy }: FileProblem): string {
  switch (reason) {
    case 'symbolic link':
      return 'Configure the path that the link leads to.';
    case 'not a file':
      return 'Configure the path of a regular file.';
    case 'foreign':
      return `Configure a path where every part is owned by root or by that user, and the last directory by that user. ${OVERRIDE}`;
    case 'everybody can write':
      return 'Configure a path in a directory of your own below it.';
    case 'no hard links':
      return 'Configure a path on a local disk that has them (not exFAT or SMB).';
    case 'no modes':
      return 'Configure a path on a local disk that has them (not exFAT, NTFS or SMB).';
    case 'name too long':
      return 'Use a shorter entry, or configure a shorter path.';
    case 'cannot give':
      return remedy ?? CHOOSE_ANOTHER;
    case 'mounted':
    case 'protected':
    case 'foreign founder':
    case 'hard link':
    case 'no permission':
    case 'no space':
    case 'disk failed':
      return remedy === undefined ? CHOOSE_ANOTHER : `${remedy} Or configure another path for this sink.`;
    case 'others can write':
      return remedy ?? `${CHOOSE_ANOTHER} ${OVERRIDE}`;
    case 'locked':
    case 'changed meanwhile':
    case 'too many open files':
    case 'not a directory':
    case 'unknown content':
    case 'read-only':
    case 'refused by the system':
      return remedy ?? CHOOSE_ANOTHER;
  }
}

/** It cannot be set by a flag or a tool. */
const OVERRIDE = 'Where only trusted users can change it, the operator names it in ATLAS_MODEL_KEYS_TRUST_PATHS.';
const CHOOSE_ANOTHER = 'Configure another path for this sink.';
