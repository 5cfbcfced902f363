// Ends a program together with the programs that it started. On POSIX those are its process group; a process that moved to
// a session of its own (a daemon such as gpg-agent) is not reached. On Windows they are what taskkill finds below it while
// it runs; of a program that has ended, what it started is not found any more.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { systemProgram } from '../files/windows.ts';

/** It takes a tenth of a second; on a machine that is very busy, more. */
const TASKKILL_LIMIT_MS = 3000;

/** Asks the whole group to end. False where the system has no such request (Windows), or no such process. */
export function terminateGroup(child: ChildProcess): boolean {
  return process.platform !== 'win32' && signalGroup(child, 'SIGTERM');
}

/** Ends what is left of the group. `env` is the program's: it says where Windows is. */
export async function killGroup(child: ChildProcess, env: Readonly<Record<string, string>>): Promise<void> {
  if (process.platform !== 'win32') {
    signalGroup(child, 'SIGKILL');
    return;
  }
  if (child.exitCode !== null || child.pid === undefined) return;
  // Before the program itself is ended: its children are found by the id of their parent.
  await endTree(child.pid, env);
  child.kill('SIGKILL');
}

function signalGroup({ pid }: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): boolean {
  if (pid === undefined) return false;
  try {
    return process.kill(-pid, signal);
  } catch {
    // ESRCH: nobody is left. EPERM: what is left runs as another user (sudo), and only that user can end it.
    return false;
  }
}

async function endTree(pid: number, env: Readonly<Record<string, string>>): Promise<void> {
  const taskkill = spawn(systemProgram('taskkill.exe', env), ['/T', '/F', '/PID', String(pid)], {
    env,
    stdio: 'ignore',
    timeout: TASKKILL_LIMIT_MS,
    windowsHide: true,
  });
  // A Windows without it: the program itself is ended all the same.
  await once(taskkill, 'exit').catch(() => undefined);
}
