// The audit log: one JSON line a tool call, appended, never changed, in the state directory. It never holds a secret.

import { lstatSync, renameSync } from 'node:fs';
import { redactJson } from '../../secret/redaction.ts';
import { attempt, passed, unlessMissing } from '../../files/file-problem.ts';
import { withMadeDirectory, type SafeDirectory } from '../../files/safe-directory.ts';
import { inTurn } from '../../files/turns.ts';
import { appendLine } from '../../files/append-line.ts';

const NAME = 'audit.jsonl';
const OLDER = 'audit.1.jsonl';
/** The file before goes when the next is full. In bytes. */
const LARGEST = 5 * 1024 * 1024;

/** Appends one record; answers false where that failed. */
export async function appendAudit(stateDirectory: string, record: object, largest: number = LARGEST): Promise<boolean> {
  const line = redactJson(JSON.stringify(record));
  const write = () =>
    attempt('the audit log cannot be written', () =>
      withMadeDirectory(stateDirectory, async (directory) => {
        const { size, ino } = await appendLine(directory, NAME, line, { creates: true, syncs: false });
        if (size > largest) turnOver(directory, ino);
        return passed(undefined);
      }),
    );
  const written = await inTurn(stateDirectory, write);
  return written.ok;
}

/** Another process may have done so meanwhile: then the file of that name is a new one, and must not replace the full one. */
function turnOver(directory: SafeDirectory, full: number): void {
  const named = lstatSync(directory.path(NAME), { throwIfNoEntry: false });
  if (named?.ino !== full) return;
  unlessMissing(() => {
    renameSync(directory.path(NAME), directory.path(OLDER));
  });
}
