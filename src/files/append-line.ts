// Appends lines to files, and reads the last ones. A line is written at once, so that several processes do not mix
// theirs; one that was cut off, by a full disk or a power failure, stays a line of its own.

import { closeSync, constants, fchmodSync, fstatSync, openSync, readSync, writeFileSync, type Stats } from 'node:fs';
import { unlessMissing } from './file-problem.ts';
import { toDisk, type SafeDirectory } from './safe-directory.ts';

const APPEND = constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const LINE_END = 0x0a;

interface Appending {
  /** Whether a file that is not there is made; otherwise ENOENT is thrown. */
  readonly creates: boolean;
  /** Whether to wait for the disk. */
  readonly syncs: boolean;
}

/** @returns what the file is afterwards; its mode is 0600 whatever the umask */
export async function appendLine(
  directory: SafeDirectory,
  name: string,
  line: string,
  { creates, syncs }: Appending,
): Promise<Stats> {
  const file = openSync(directory.path(name), creates ? APPEND | constants.O_CREAT : APPEND, 0o600);
  try {
    fchmodSync(file, 0o600);
    writeFileSync(file, endsInLine(file) ? `${line}\n` : `\n${line}\n`);
    if (syncs) await toDisk(file);
    return fstatSync(file);
  } finally {
    closeSync(file);
  }
}

function endsInLine(file: number): boolean {
  const { size } = fstatSync(file);
  const last = Buffer.alloc(1, LINE_END);
  if (size > 0) readSync(file, last, 0, 1, size - 1);
  return last[0] === LINE_END;
}

/** The lines within the last so many bytes of a file, oldest first; none where there is no such file. */
export function lastLines(directory: SafeDirectory, name: string, bytes: number): string[] {
  const file = unlessMissing(() => openSync(directory.path(name), READ));
  if (file === undefined) return [];
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) return [];
    const end = Buffer.alloc(Math.min(stats.size, bytes));
    const length = readSync(file, end, 0, end.length, stats.size - end.length);
    const lines = end.toString('utf8', 0, length).split('\n');
    return stats.size > bytes ? lines.slice(1) : lines;
  } finally {
    closeSync(file);
  }
}
