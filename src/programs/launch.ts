// Starts a program that is to stay when this server ends: a person's browser. It is given nothing and asked nothing; only a start
// that fails, or an early end with an error, is noticed.

import { spawn } from 'node:child_process';
import { systemCode } from '../files/file-problem.ts';
import type { Program } from './child-process.ts';

export type LaunchEnd = { readonly by: 'no start' } | { readonly by: 'exit'; readonly code: number | null };

/** After that a program is taken to have done its work, or to be the browser itself. In milliseconds. */
const SETTLED_MS = 5_000;

/** Undefined where it runs, or has ended well. */
export function launchProgram({ path, args, env }: Omit<Program, 'timeoutMs'>): Promise<LaunchEnd | undefined> {
  return new Promise((resolve) => {
    const noStart = () => {
      resolve({ by: 'no start' });
    };
    try {
      const child = spawn(path, args, {
        cwd: '/',
        env,
        // Of a group of its own, so that no signal for this server reaches it.
        detached: process.platform !== 'win32',
        stdio: 'ignore',
        windowsHide: true,
      });
      const settled = setTimeout(resolve, SETTLED_MS, undefined).unref();
      child.once('error', noStart);
      child.once('exit', (code) => {
        clearTimeout(settled);
        resolve(code === 0 ? undefined : { by: 'exit', code });
      });
      child.unref();
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
      noStart();
    }
  });
}
