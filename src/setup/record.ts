// What setup wrote, so that a later run overwrites nothing else: a file beside the configuration file. It holds digests and names,
// and of the secret the fingerprint, as the journal does of keys.

import { join } from 'node:path';
import { failed, ok, type Result } from '../failure.ts';
import { placeNew, readFound, replaceVersion, type FoundFile } from '../files/atomic-file.ts';
import { attempt, problemAt, type FileProblem } from '../files/file-problem.ts';
import { walk } from '../files/path-walk.ts';
import { withDirectory, withMadeDirectory, type SafeDirectory } from '../files/safe-directory.ts';
import type { Fingerprint } from '../secret/opened-secret.ts';
import { parseJson, isObject } from '../text/text.ts';

export interface SetupRecord {
  /** The SHA-256 of the configuration file as setup wrote it. */
  readonly configuration?: string;
  /** Of the client secret in its file. */
  readonly secret?: Fingerprint;
  /** By host, the digest of its entry. */
  readonly hosts: Readonly<Record<string, string>>;
}

const NAME = 'setup.json';
const LARGEST = 1024 * 1024;

/** Of one that is not there, an empty one. One that cannot be read is a problem: who wrote what is then not known. */
export async function readRecord(directory: string): Promise<Result<SetupRecord, FileProblem>> {
  const found = await readIn(directory, NAME);
  if (!found.ok) return found;
  if (found.value === undefined) return ok({ hosts: {} });
  const record = found.value.bytes && recordIn(parseJson(found.value.bytes.toString('utf8')));
  if (record) return ok(record);
  const path = join(directory, NAME);
  return failed(problemAt('unknown content', path, `${path} is not what setup writes.`, `Look at it, and remove it.`));
}

export function writeRecord(directory: string, record: SetupRecord): Promise<Result<undefined, FileProblem>> {
  const { configuration, secret, hosts } = record;
  return writeIn(directory, NAME, `${JSON.stringify({ configuration, secret, hosts }, null, 2)}\n`, () => true);
}

/** A file of this user's configuration directory; undefined where it, or the directory, is not there. */
export function readIn(directory: string, name: string): Promise<Result<FoundFile | undefined, FileProblem>> {
  return attempt(`${join(directory, name)} cannot be read`, async () => {
    const way = walk(directory);
    if (!way.ok) return way;
    if (way.value.missing.length > 0) return ok(undefined);
    return withDirectory(directory, async (opened) => ok(await readFound(opened, name, LARGEST)));
  });
}

/** Writes the whole file, 0600. What is there already is replaced only where `mayReplace` says so of it. */
export function writeIn(
  directory: string,
  name: string,
  content: string,
  mayReplace: (bytes: Buffer) => boolean,
): Promise<Result<undefined, FileProblem>> {
  const path = join(directory, name);
  return attempt(`${path} cannot be written`, () =>
    withMadeDirectory(directory, async (opened) => {
      const isWritten = await place(opened, name, Buffer.from(content, 'utf8'), mayReplace);
      return isWritten ? ok(undefined) : failed(problemAt('changed meanwhile', path, `${path} was changed by others.`));
    }),
  );
}

async function place(
  directory: SafeDirectory,
  name: string,
  bytes: Buffer,
  mayReplace: (bytes: Buffer) => boolean,
): Promise<boolean> {
  const found = await readFound(directory, name, LARGEST);
  if (found === undefined) {
    await placeNew(directory, name, bytes);
    return true;
  }
  return found.bytes !== undefined && mayReplace(found.bytes) && replaceVersion(directory, name, bytes, found.stats);
}

function recordIn(parsed: unknown): SetupRecord | undefined {
  const { configuration, secret, hosts } = isObject(parsed) ? parsed : {};
  if (!isObject(hosts)) return undefined;
  const digests = Object.entries(hosts).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return {
    ...(typeof configuration === 'string' && { configuration }),
    ...(isFingerprint(secret) && { secret }),
    hosts: Object.fromEntries(digests),
  };
}

function isFingerprint(value: unknown): value is Fingerprint {
  return typeof value === 'string' && /^sha256:[0-9a-f]{12}$/.test(value);
}
