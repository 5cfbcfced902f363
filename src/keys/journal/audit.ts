// The audit log: one JSON line a tool call, appended, never changed, in the state directory. It never holds a secret.

import { lstatSync, renameSync } from 'node:fs';
import { ok } from '../../failure.ts';
import { parseObject, type JsonObject } from '../../text/text.ts';
import { cleanName } from '../../atlas/api/untrusted-text.ts';
import { redactJson, type Log } from '../../secret/redaction.ts';
import { attempt, unlessMissing } from '../../files/file-problem.ts';
import {
  withDirectory,
  withMadeDirectory,
  type SafeDirectory,
  appendLine,
  lastLines,
} from '../../files/safe-directory.ts';
import { serialized } from '../../files/process-owner.ts';
import { HOUR_MS } from './intent.ts';

const NAME = 'audit.jsonl';
const OLDER = 'audit.1.jsonl';
/** The file before goes when the next is full. In bytes. */
const LARGEST = 5 * 1024 * 1024;
/** Of the end of each file, where a name is looked for: some 1,000 calls. */
const LOOKED_AT = 256 * 1024;

/** What writes a record of each call; it says so in the log where that fails. */
export function auditLog(stateDirectory: string, log: Log): (record: object) => Promise<void> {
  return async (record) => {
    if (!(await appendAudit(stateDirectory, record)))
      log('error', 'the audit log cannot be written (ATLAS_MODEL_KEYS_STATE_DIR)');
  };
}

/** Appends one record; answers false where that failed. */
export async function appendAudit(stateDirectory: string, record: object, largest: number = LARGEST): Promise<boolean> {
  const line = redactJson(JSON.stringify(record));
  const write = () =>
    attempt('the audit log cannot be written', () =>
      withMadeDirectory(stateDirectory, async (directory) => {
        const { size, ino } = await appendLine(directory, NAME, line, { creates: true, syncs: false });
        if (size > largest) turnOver(directory, ino);
        return ok(undefined);
      }),
    );
  const written = await serialized(stateDirectory, write);
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

/**
 * The name that a key had before it was renamed within the last hour, by whatever process of this machine; the first of
 * several, which is the one that people know. Only to be shown: nothing is decided by it.
 */
export async function formerNameOf(stateDirectory: string, apiKeyId: string): Promise<string | undefined> {
  const lines = await attempt('the audit log cannot be read', () =>
    withDirectory(stateDirectory, (directory) =>
      ok([OLDER, NAME].flatMap((name) => lastLines(directory, name, LOOKED_AT))),
    ),
  );
  if (!lines.ok) return undefined;
  for (const line of lines.value) {
    const name = line.includes(apiKeyId) ? previousNameIn(parseObject(line) ?? {}, apiKeyId) : undefined;
    if (name !== undefined) return cleanName(name);
  }
  return undefined;
}

function previousNameIn(record: JsonObject, apiKeyId: string): string | undefined {
  const { time, previousName } = record;
  const age = Date.now() - Date.parse(String(time));
  const isMeant = record.apiKeyId === apiKeyId && age >= 0 && age < HOUR_MS;
  return isMeant && typeof previousName === 'string' ? previousName : undefined;
}
