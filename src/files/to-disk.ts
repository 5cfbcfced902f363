// Waits for the disk. Everything else that is asked of files here the kernel answers from its memory in microseconds, and
// so is asked synchronously: a create asks a hundred things, and the way through Node's thread pool costs ten times as much
// as the answer. A disk may take long, and other calls go on meanwhile.

import { fsync } from 'node:fs';
import { systemCode } from './file-problem.ts';

/** Resolves when what was written to the open file would survive a power failure. */
export function toDisk(file: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fsync(file, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

/** As {@link toDisk}, of an open directory. Some file systems (FUSE, SMB) have no such thing and say EINVAL. */
export async function directoryToDisk(directory: number): Promise<void> {
  try {
    await toDisk(directory);
  } catch (error) {
    if (systemCode(error) !== 'EINVAL') throw error;
  }
}
