// Tells whether two names or descriptors are of the same file.

import type { BigIntStats } from 'node:fs';

/** Which file it is, whatever its name. */
export type Identity = Pick<BigIntStats, 'dev' | 'ino'>;

/**
 * Windows with libuv 1.49 and 1.50 (Node 22.12 to 22.15 and 24.0) gives the number of a volume in 64 bits by a path and
 * in 32 by a descriptor; the lower 32 are the same.
 */
export function isSame(a: Identity, b: Identity, platform: NodeJS.Platform = process.platform): boolean {
  const volume = (dev: bigint) => (platform === 'win32' ? BigInt.asUintN(32, dev) : dev);
  return volume(a.dev) === volume(b.dev) && a.ino === b.ino;
}
