// Reads the configuration file, and refuses one that somebody else could have written.

import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { resolve } from 'node:path';
import { isOpenToOthers, systemCode, unlessRefused } from '../files/file-problem.ts';
import { followLinks } from '../files/path-walk.ts';
import { askFirst, isTrusted, privacySentence, thisMachine, type Machine } from '../files/machine.ts';
import { parseObject } from '../text/text.ts';
import { ConfigError } from './config-error.ts';

const LARGEST = 1024 * 1024;
/** Whoever is root can write to any file. */
const ROOT = 0;
/** The start must not wait for a FIFO of that name. */
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** Some editors begin a file with it; JSON does not allow it (RFC 8259, section 8.1). */
const BYTE_ORDER_MARK = /^\uFEFF/;

/**
 * The parsed JSON of the file.
 *
 * @param setting by which the operator named the file; the file at the default place may be absent
 * @param trustedPaths whose owners and modes are not checked, since the environment says that the operator answers for them
 * @throws ConfigError for a file of another user than root, one that others can write to, a link that others could change, or bad
 *   JSON
 */
export async function readConfigurationFile(
  path: string,
  setting: string | undefined,
  trustedPaths: readonly string[] = [],
): Promise<unknown> {
  await askFirst(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  const machine = { ...thisMachine(), trustedPaths };
  const opened = open(path, setting, machine);
  if (opened === undefined) return undefined;
  const { descriptor, place } = opened;
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) throw new ConfigError(path, 'is not a regular file');
    if (stat.size > LARGEST) throw new ConfigError(path, 'is larger than a configuration can be (1 MiB)');
    if (isForeign(place, stat, machine)) {
      throw new ConfigError(
        path,
        "belongs to another user and is not read; make it yours or root's, or name its directory in ATLAS_MODEL_KEYS_TRUST_PATHS",
      );
    }
    if (isOpenToOthers(place, stat, machine)) {
      throw new ConfigError(path, `can be written by others; run: chmod go-w '${path}'`);
    }
    const bytes = readFileSync(descriptor);
    if (isUtf16(bytes)) throw new ConfigError(path, 'is in UTF-16, as PowerShell 5 writes it; save it as UTF-8');
    const parsed = parseObject(bytes.toString('utf8').replace(BYTE_ORDER_MARK, ''));
    if (!parsed) throw new ConfigError(path, 'is not a JSON object; check quotes and commas');
    return parsed;
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Windows has no owners in this sense. In a user namespace, root may be shown as the overflow user, as may be others:
 * then the way to the file must be that of the system.
 */
function isForeign(path: string, { uid }: Stats, machine: Machine): boolean {
  const { user, overflowUser } = machine;
  if (user === undefined || uid === user || uid === ROOT || isTrusted(path, machine)) return false;
  const way = uid === overflowUser ? unlessRefused(() => followLinks(path, {}, machine)) : undefined;
  return way === undefined || way.weakPart !== undefined;
}

/** By its byte order mark, or by the zero in its first character, which is ASCII in JSON. */
function isUtf16(bytes: Buffer): boolean {
  const [first, second] = bytes;
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff) || first === 0 || second === 0;
}

interface Opened {
  readonly descriptor: number;
  /** Absolute. */
  readonly place: string;
}

function open(path: string, setting: string | undefined, machine: Machine): Opened | undefined {
  try {
    return { descriptor: openSync(path, READ), place: resolve(path) };
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ELOOP' || code === 'EMLINK') return openLinked(path, machine);
    if (setting === undefined && (code === 'ENOENT' || code === 'ENOTDIR')) return undefined;
    // What names nothing that exists may be something else in the wrong place, such as a secret.
    const isThere = unlessRefused(() => lstatSync(path, { throwIfNoEntry: false })) !== undefined;
    if (setting !== undefined && !isThere) throw new ConfigError(setting, 'names a file that does not exist');
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): ConfigError {
  return new ConfigError(path, `cannot be read; ${privacySentence(error) ?? 'check its permissions'}`);
}

/** As a ConfigMap of Kubernetes is mounted: a link to a link, which only root can change. */
function openLinked(path: string, machine: Machine): Opened {
  const followed = unlessRefused(() => followLinks(resolve(path), {}, machine));
  if (followed?.weakPart !== undefined) {
    throw new ConfigError(
      path,
      `is a symbolic link, and others could change ${followed.weakPart}; name the file itself`,
    );
  }
  const descriptor = followed && unlessRefused(() => openSync(followed.path, READ));
  if (followed === undefined || descriptor === undefined) {
    throw new ConfigError(path, 'is a symbolic link to what cannot be read');
  }
  return { descriptor, place: followed.path };
}
