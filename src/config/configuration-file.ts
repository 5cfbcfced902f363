// Reads the configuration file, and refuses one that somebody else could have written.

import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { ConfigError } from './config-error.ts';
import { parseJson } from './sink-spec.ts';

const LARGEST = 1024 * 1024;
const OTHERS_MAY_WRITE = 0o022;

/**
 * The parsed JSON of the file.
 *
 * @param required whether the operator named the file; the file at the default place may be absent
 * @throws ConfigError for a symbolic link, another user's file, one that others can write to, or bad JSON
 */
export function readConfigurationFile(path: string, required: boolean): unknown {
  const descriptor = open(path, required);
  if (descriptor === undefined) return undefined;
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) throw new ConfigError(path, 'is not a regular file');
    if (stat.size > LARGEST) throw new ConfigError(path, 'is larger than a configuration can be (1 MiB)');
    // Windows has neither owners nor modes in this sense.
    const user = process.geteuid?.();
    if (user !== undefined && stat.uid !== user) throw new ConfigError(path, 'belongs to another user; it is not read');
    if (user !== undefined && (stat.mode & OTHERS_MAY_WRITE) !== 0) {
      throw new ConfigError(path, `can be written by others; run: chmod go-w '${path}'`);
    }
    const parsed = parseJson(readFileSync(descriptor, 'utf8'));
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
      throw new ConfigError(path, 'is not a JSON object; check quotes and commas');
    }
    return parsed;
  } finally {
    closeSync(descriptor);
  }
}

function open(path: string, required: boolean): number | undefined {
  try {
    // A FIFO in the file's place must not hold up the start.
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (!required && (code === 'ENOENT' || code === 'ENOTDIR')) return undefined;
    throw new ConfigError(path, openingProblem(code));
  }
}

function openingProblem(code: unknown): string {
  switch (code) {
    case 'ELOOP':
    case 'EMLINK':
      return 'is a symbolic link; name the file itself';
    case 'ENOENT':
    case 'ENOTDIR':
      return 'does not exist';
    default:
      return 'cannot be read; check its permissions';
  }
}
