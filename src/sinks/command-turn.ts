// The turns of commands. A program may write all that its store holds, as keepassxc-cli does, and so lose what another run of it has
// added meanwhile. Which store a command writes to, nobody can tell: so one command of a program writes at a time, whatever its
// sink, in this process and in others of this user with the same state directory.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { failed, ok, type Result } from '../failure.ts';
import { attempt, type FileProblem } from '../files/file-problem.ts';
import { placeKey } from '../files/names.ts';
import { serialized, withLock } from '../files/process-owner.ts';
import { withMadeDirectory } from '../files/safe-directory.ts';
import { areProgramsEnding, programInWords, type Program } from '../programs/child-process.ts';
import { notReady, type SinkProblem } from './sink.ts';

/** Another process may look twice, and write, each for as long as a program may take. */
const RUNS_OF_A_TURN = 3;
/** In milliseconds: how often who waits looks whether this server ends. */
const WAIT_MS = 500;

/** What turns are taken by. */
export interface Turn {
  readonly create: Program;
  /** Where the servers of this user keep their locks; absent where no other one is waited for. */
  readonly stateDir: string | undefined;
}

/** Runs `action` while no other sink writes by that program. A failure says that it was not run. */
export function inTurn<T>(
  { create: program, stateDir }: Turn,
  action: () => Promise<T>,
): Promise<Result<T, SinkProblem>> {
  const path = placeKey(program.path);
  return serialized(`command ${path}`, async () => {
    if (stateDir === undefined) return ok(await action());
    const run: { ended?: Promise<T> } = {};
    const directory = join(stateDir, 'locks');
    const locked = await locking(directory, path, RUNS_OF_A_TURN * program.timeoutMs, async () => {
      run.ended = action();
      await run.ended.catch(() => undefined);
      return ok(undefined);
    });
    // What was run has ended as it did, whatever became of the lock.
    if (run.ended) return ok(await run.ended);
    return failed(notRun(program, directory, locked.ok ? undefined : locked.failure));
  });
}

function locking(
  directory: string,
  path: string,
  waitMs: number,
  run: () => Promise<Result<undefined, never>>,
): Promise<Result<undefined, FileProblem>> {
  const name = createHash('sha256').update(path).digest('hex').slice(0, 32);
  const end = process.uptime() * 1000 + waitMs;
  return attempt('A lock cannot be made', () =>
    withMadeDirectory(directory, async (opened) => {
      for (;;) {
        const locked = await withLock(opened, { name, path }, run, WAIT_MS);
        if (locked.ok || locked.failure.reason !== 'locked') return locked;
        if (process.uptime() * 1000 > end || areProgramsEnding()) return locked;
      }
    }),
  );
}

function notRun(program: Program, directory: string, problem: FileProblem | undefined): SinkProblem {
  const what = `${programInWords(program)} was not run`;
  if (problem?.reason === 'locked') {
    const hint = `Try again when it is done. Should no other server be running, remove the files in ${directory} whose names have "atlas-model-keys-lock".`;
    return notReady(`${what}: another server of this user keeps writing by it.`, hint);
  }
  const advice = 'See the directory of ATLAS_MODEL_KEYS_STATE_DIR.';
  return notReady(`${what}. ${problem?.message ?? ''}`, [problem?.remedy, advice].join(' ').trim());
}
