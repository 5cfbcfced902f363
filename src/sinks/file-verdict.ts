// Says whether a file holds exactly the secret that was delivered, and whether anybody else can read it. It changes nothing.

import { ok, failed, type Result } from '../failure.ts';
import { readFound, type FoundFile } from '../files/atomic-file.ts';
import { fileProblem, modeOf } from '../files/file-problem.ts';
import { holdsExactly } from '../secret/opened-secret.ts';
import { openSecret, type Secret } from '../secret/secret.ts';
import type { FilePath } from './file-path.ts';
import { attempt, inDirectory, notReady, sinkProblem, type SinkProblem, type Verdict } from './sink.ts';

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
