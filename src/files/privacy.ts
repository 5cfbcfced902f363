// macOS lets an app open what is in some folders of a user only when that person has agreed (System Settings, Privacy &
// Security). It may ask at that moment and hold the call; more often it refuses with EPERM what a child of an app does.
// Taken from Apple's documentation and reports of users; no macOS was at hand.

import { opendir } from 'node:fs';
import { homedir } from 'node:os';
import { join, sep } from 'node:path';

/** Below the home directory. With `*`, each directory in it has a consent of its own. */
const GUARDED = ['Desktop', 'Documents', 'Downloads', 'Library/CloudStorage/*', 'Library/Mobile Documents/*'];
/** A person may be reading the question. In milliseconds. */
const LONGEST_WAIT_MS = 20_000;

/** Opens a directory and closes it; an error of the system rejects. */
type Touch = (directory: string) => Promise<void>;

/** Folders that this process was let into, and questions that are still open: a held call keeps a thread. */
const allowed = new Set<string>();
const asked = new Map<string, Promise<void>>();

/**
 * To be awaited before the first synchronous call on a path, which macOS could hold, and the whole server with it. Rejects
 * with EPERM, or with ETIMEDOUT where there was no answer in time; `attempt` of file-problem.ts words both.
 */
export async function askFirst(path: string, touch: Touch = touchDirectory, waitMs = LONGEST_WAIT_MS): Promise<void> {
  const folder = guardedFolder(path);
  if (folder === undefined || allowed.has(folder)) return;
  const answer = asked.get(folder) ?? touch(folder).finally(() => asked.delete(folder));
  asked.set(folder, answer);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(Object.assign(new Error('ETIMEDOUT'), { code: 'ETIMEDOUT', path: folder }));
    }, waitMs);
  });
  try {
    await Promise.race([answer, late]);
    allowed.add(folder);
  } catch (error) {
    // Whatever else is wrong with it, the calls that follow find too.
    if (isRefusal(error)) throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** What an error on such a path means, and what mends it; undefined for any other error. */
export function privacyWords(error: unknown): readonly [words: string, remedy: string] | undefined {
  if (!isRefusal(error) || !('path' in error) || typeof error.path !== 'string') return undefined;
  const folder = guardedFolder(error.path);
  if (folder === undefined) return undefined;
  const [words, first] =
    error.code === 'EPERM'
      ? [`macOS does not let the app that started this server into ${folder}`, '']
      : [`macOS has not let the app that started this server into ${folder} yet`, 'Answer its question, if it asks. '];
  return [
    words,
    `${first}In System Settings, Privacy & Security, allow that app this folder (Files and Folders, or Full Disk Access), then restart the app.`,
  ];
}

/** The same in one text, for a sentence that goes on: without the last full stop. */
export function privacySentence(error: unknown): string | undefined {
  return privacyWords(error)?.join('. ').replace(/\.$/, '');
}

function isRefusal(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && 'code' in error && (error.code === 'EPERM' || error.code === 'ETIMEDOUT');
}

/** The folder of a consent that the path leads into; undefined where none is needed. No file is looked at. */
function guardedFolder(path: string): string | undefined {
  if (process.platform !== 'darwin') return undefined;
  const given = path.split(sep);
  for (const guarded of GUARDED) {
    const parts = join(homedir(), guarded).split(sep);
    const isInside = parts.every((part, index) => isSpelling(part, given[index]));
    if (isInside) return given.slice(0, parts.length).join(sep);
  }
  return undefined;
}

/** The disk of a Mac mostly folds case. */
function isSpelling(part: string, other: string | undefined): boolean {
  return other !== undefined && (part === '*' || part.toLowerCase() === other.toLowerCase());
}

function touchDirectory(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    opendir(path, (error, directory) => {
      if (error) reject(error);
      else directory.close().then(resolve, reject);
    });
  });
}
