// The audit log: one JSON line a tool call, appended, never changed, in the state directory. It never holds a secret.

import { constants, type Stats } from 'node:fs';
import { lstat, open, rename } from 'node:fs/promises';
import { redactJson } from '../../secret/redaction.ts';
import { makeMissing, walk } from '../../sinks/files/ancestors.ts';
import { attempt, passed, unlessMissing } from '../../sinks/files/file-problem.ts';
import { withDirectory, type SafeDirectory } from '../../sinks/files/safe-directory.ts';
import { inTurn } from '../../sinks/files/turns.ts';

const NAME = 'audit.jsonl';
const OLDER = 'audit.1.jsonl';
/** The file before goes when the next is full. In bytes. */
const LARGEST = 5 * 1024 * 1024;
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;

/** Appends one record; answers false where that failed. A line is written at once, so that processes do not mix theirs. */
export async function appendAudit(stateDirectory: string, record: object, largest: number = LARGEST): Promise<boolean> {
  const line = `${redactJson(JSON.stringify(record))}\n`;
  const write = () =>
    attempt('the audit log cannot be written', async () => {
      const way = await walk(stateDirectory);
      if (!way.ok) return way;
      await makeMissing(way.value);
      return withDirectory(stateDirectory, async (directory) => {
        const { size, ino } = await append(directory, line);
        if (size > largest) await turnOver(directory, ino);
        return passed(undefined);
      });
    });
  const written = await inTurn(stateDirectory, write);
  return written.ok;
}

async function append(directory: SafeDirectory, line: string): Promise<Stats> {
  const file = await open(directory.path(NAME), APPEND, 0o600);
  try {
    await file.chmod(0o600);
    await file.write(line);
    return await file.stat();
  } finally {
    await file.close();
  }
}

/** Another process may have done so meanwhile: then the file of that name is a new one, and must not replace the full one. */
async function turnOver(directory: SafeDirectory, full: number): Promise<void> {
  const named = await unlessMissing(lstat(directory.path(NAME)));
  if (named?.ino === full) await unlessMissing(rename(directory.path(NAME), directory.path(OLDER)));
}
