// Reads a file that holds a secret and nothing else: whose secret it is, and whether it is the one that was delivered.
// It writes nothing.

import type { Stats } from 'node:fs';
import { failed, ok, type Result } from '../failure.ts';
import { readFound, type FoundFile } from '../files/atomic-file.ts';
import { fileProblem, isOpenToOthers, kindOf, modeOf } from '../files/file-owner.ts';
import { shellWord } from '../files/file-problem.ts';
import type { SafeDirectory } from '../files/safe-directory.ts';
import { fingerprintOfBytes, holdsExactly } from '../secret/fingerprint.ts';
import { openSecret, type Secret } from '../secret/secret.ts';
import type { JudgeExisting, FilePath } from './file-path.ts';
import { notTheOldSecret, oldSecretIn, type OldSecret } from './old-secret.ts';
import { attempt, entryExists, inDirectory, notReady, sinkProblem } from './sink-problem.ts';
import type { Held, Replaced, Verdict, SinkProblem } from './sink.ts';

/** In bytes; a larger file holds something else. */
const LARGEST_SECRET = 4096;

export function heldAt(file: FilePath): Promise<Result<Held, SinkProblem>> {
  return inDirectory<Held>(file.directory, async (directory) => {
    const found = await readFile(directory, file);
    if (found === undefined) return ok({ held: 'nothing' });
    return ok(
      found.bytes === undefined ? { held: 'unknown' } : { held: 'value', fingerprint: fingerprintOfBytes(found.bytes) },
    );
  });
}

/** What may give way there, if anything; without `replaced` nothing may. */
export function judgeFile(replaced: Replaced | undefined): JudgeExisting<OldSecret> {
  return (file, stats) => {
    if (replaced === undefined || !stats.isFile()) return failed(taken(file, stats));
    return inDirectory(file.directory, async (directory) => {
      const found = await readReplaceable(directory, file);
      if (!found.ok) return found;
      const bytes = found.value?.bytes;
      const old = bytes && oldSecretIn(bytes, replaced);
      bytes?.fill(0);
      return old ? ok(old) : failed(notTheOldSecret(`${file.path} exists already`, replaced));
    });
  };
}

function taken({ path }: FilePath, stats: Stats): SinkProblem {
  const what = kindOf(stats);
  const hint = 'Nothing is overwritten. Pass another entry, or move that away first.';
  return entryExists(`${path} exists already; it is ${what}.`, hint);
}

/** Whatever stands there. */
export function readFile(directory: SafeDirectory, { name }: FilePath): Promise<FoundFile | undefined> {
  return readFound(directory, name, LARGEST_SECRET);
}

/** The file, if there is one; refuses one that is not this user's alone to change. The caller wipes its bytes. */
export async function readReplaceable(
  directory: SafeDirectory,
  file: FilePath,
): Promise<Result<FoundFile | undefined, SinkProblem>> {
  const { path } = file;
  const found = await readFile(directory, file);
  if (found === undefined) return ok(undefined);
  const problem = fileProblem(path, found.stats);
  if (problem !== undefined) return failed(sinkProblem(problem));
  if (!isOpenToOthers(path, found.stats)) return ok(found);
  return failed(
    notReady(`Other users can write to ${path}.`, `Check what is in it, then run: chmod 600 ${shellWord(path)}`),
  );
}

/** @param widest the widest mode that it may have */
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
