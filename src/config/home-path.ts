// Paths as operators write them, where no shell expands anything.

import { homedir } from 'node:os';
import { join } from 'node:path';

/** The path with a leading `~/` replaced by the user's home directory. */
export function expandHome(path: string): string {
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : path;
}
