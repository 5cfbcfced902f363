// Reads the file that holds a secret of Atlas: at the first call, and again after a refusal. It may lie on a slow or dead
// mount, so nothing here waits synchronously.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { SecretFile } from '../config/credentials.ts';
import { secretProblem } from '../config/secret-text.ts';
import { Secret } from '../secret/secret.ts';
import { failed, unusableCredential, type AtlasResult } from './failure.ts';

const LONGEST_FILE = 64 * 1024;

/** Symbolic links are followed: Docker and Kubernetes mount their secrets that way. */
export async function secretOfFile({ setting, file }: SecretFile): Promise<AtlasResult<Secret>> {
  const text = await textOf(file);
  if (typeof text !== 'string') {
    return refused(setting, text.problem);
  }
  const value = text.trim();
  if (value === '') return refused(setting, 'is empty');
  const problem = secretProblem(value);
  return problem === undefined ? { ok: true, value: new Secret(value) } : refused(setting, problem);
}

async function textOf(path: string): Promise<string | { readonly problem: string }> {
  try {
    // A FIFO without a writer must not hold up the call.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await handle.stat();
      if (!stat.isFile() || stat.size > LONGEST_FILE) {
        return { problem: 'is not a regular file that holds the secret and nothing else' };
      }
      return await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  } catch {
    return { problem: 'cannot be read; check that it exists and that this user may read it' };
  }
}

function refused(setting: string, problem: string): AtlasResult<never> {
  return failed(
    unusableCredential(
      `The file that ${setting} names ${problem}.`,
      'The operator corrects the file or the setting; the file is read again at the next call.',
    ),
  );
}
