// What Windows has of its own: names of variables in any case, and its own programs. It runs nothing.

import { win32 } from 'node:path';

/** The name by which the system knows a variable. On Windows `Path` and `PATH` are one. */
export function variableName(name: string): string {
  return process.platform === 'win32' ? name.toUpperCase() : name;
}

/** A program of Windows by its absolute path, so that nobody can put another one of that name in the way. */
export function systemProgram(name: string, env: Readonly<Record<string, string>>): string {
  const [, root] = Object.entries(env).find(([key]) => key.toUpperCase() === 'SYSTEMROOT') ?? [];
  const isAbsolute = root !== undefined && /^[A-Za-z]:\\/.test(root);
  return win32.join(isAbsolute ? root : 'C:\\Windows', 'System32', name);
}
