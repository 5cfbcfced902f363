// A sign of life where the system has no procfs: a file that this process holds open exclusively until it ends, however
// it ends. A number of a process can be given again; this cannot be held by a later one. The exclusive flags were seen
// under Wine (Windows); that of macOS is as open(2) there documents it.

import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync, unlinkSync } from 'node:fs';
import { systemCode } from './file-problem.ts';
import type { SafeDirectory } from './safe-directory.ts';

/** How a file is held; a value, so that tests can stand for systems that are not at hand. */
export interface Holder {
  /** Makes the file and holds it until this process ends. */
  hold(path: string): void;
  /** Whether a process holds it. Throws ENOENT where there is none. */
  isHeld(path: string): boolean;
}

/** No other process may open it: UV_FS_O_EXLOCK of libuv. */
const WINDOWS_EXCLUSIVE = 0x10000000;
/** O_EXLOCK and O_NONBLOCK of macOS. */
const MACOS_EXCLUSIVE = 0x20 | 0x4;
const LIFE_FILE = /^alive-[0-9a-f]{32}$/;

/** Undefined on Linux, where procfs tells more, and on systems that have no such flag. */
export function holderOf(platform: NodeJS.Platform = process.platform): Holder | undefined {
  switch (platform) {
    case 'win32':
      return exclusive(WINDOWS_EXCLUSIVE);
    case 'darwin':
      return exclusive(MACOS_EXCLUSIVE);
    default:
      return undefined;
  }
}

function exclusive(flag: number): Holder {
  return {
    hold(path) {
      // Never closed: the system does that when the process ends.
      openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | flag, 0o600);
    },
    isHeld(path) {
      try {
        closeSync(openSync(path, constants.O_RDWR | flag));
        return false;
      } catch (error) {
        const code = systemCode(error);
        if (code === 'EBUSY' || code === 'EAGAIN') return true;
        throw error;
      }
    },
  };
}

/** By directory: this process holds one file in each. */
const held = new Map<string, string>();

/**
 * The name of the file that this process holds in a directory, made at the first call; undefined where the system has
 * no such thing.
 *
 * @param place the directory's path, by which it is known again
 */
export function lifeFileIn(directory: SafeDirectory, place: string, holder = holderOf()): string | undefined {
  const known = held.get(place);
  if (known !== undefined || holder === undefined) return known;
  const name = `alive-${randomBytes(16).toString('hex')}`;
  holder.hold(directory.path(name));
  held.set(place, name);
  return name;
}

/** Whether the process that holds that file lives; undefined where that cannot be seen. Removes the file of a dead one. */
export function isHeldIn(directory: SafeDirectory, name: string, holder = holderOf()): boolean | undefined {
  if (holder === undefined || !LIFE_FILE.test(name)) return undefined;
  const path = directory.path(name);
  try {
    // A process can open its own once more on some systems.
    if ([...held.values()].includes(name) || holder.isHeld(path)) return true;
    unlinkSync(path);
    return false;
  } catch (error) {
    return systemCode(error) === 'ENOENT' ? false : undefined;
  }
}
