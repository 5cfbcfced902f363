// The names of the temporary files that are linked or renamed into place, and what a killed process left of them. Such a
// file may hold the whole secret, so whoever knows the token of a call can find and remove it.

import { randomBytes } from 'node:crypto';
import { readdirSync, unlinkSync } from 'node:fs';
import { extname } from 'node:path';
import { unlessMissing } from './file-problem.ts';
import { folded } from './identity.ts';
import type { SafeDirectory } from './safe-directory.ts';

const TOKEN = /^[0-9A-Za-z]{1,64}$/;

/**
 * A name that nobody can guess and people recognise, should a killed process leave it behind:
 * `.NAME.atlas-model-keys-TOKEN-RANDOM.tmp`, and at the end the extension of NAME. It begins and ends as NAME
 * does, so that git ignores it by the patterns `.env*`, `.env*.local` and `*.key` too. Where the pattern is
 * the exact name it is not ignored for the moment that it exists.
 *
 * @param token of the call that makes it, letters and digits; without one nobody can find what is left of it
 */
export function temporaryName(name: string, token?: string): string {
  return `${prefixOf(name, token)}${randomBytes(8).toString('hex')}.tmp${endOf(name)}`;
}

/** The names of the temporary files beside `name` that a call with this token left. */
export function leftovers(directory: SafeDirectory, name: string, token: string): string[] {
  const [prefix, end] = [folded(prefixOf(name, token)), folded(`.tmp${endOf(name)}`)];
  // A disk may list them by another spelling. The token is that of one call.
  const isLeft = (each: string) => each.startsWith(prefix) && each.endsWith(end);
  return readdirSync(directory.path('.')).filter((each) => isLeft(folded(each)));
}

/** Removes them; nobody may be at that call any more. */
export async function removeLeftovers(directory: SafeDirectory, name: string, token: string): Promise<void> {
  const left = leftovers(directory, name, token);
  for (const each of left) {
    // Another process may be doing the same.
    unlessMissing(() => {
      unlinkSync(directory.path(each));
    });
  }
  if (left.length > 0) await directory.sync();
}

/** The beginning of the name of any file that this program puts beside `name` for a while. */
export function besideName(name: string): string {
  return `${cut(name.startsWith('.') ? name : `.${name}`, 100)}.atlas-model-keys-`;
}

function prefixOf(name: string, token: string | undefined): string {
  if (token === undefined) return besideName(name);
  if (!TOKEN.test(token)) throw new Error('A token must be letters and digits.');
  return `${besideName(name)}${token}-`;
}

function endOf(name: string): string {
  const extension = extname(name);
  return Buffer.byteLength(extension) <= 32 ? extension : '';
}

/** The first so many bytes, without half a character at the end. */
function cut(text: string, bytes: number): string {
  return Buffer.from(text)
    .subarray(0, bytes)
    .toString()
    .replace(/\uFFFD+$/, '');
}
