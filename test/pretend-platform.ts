// Lets a test see the rules for a system that is not to be had. Only `process.platform` changes: paths, files and programs
// stay those of the system that the test runs on, so this proves the rule and not the system.

import { onTestFinished } from 'vitest';

/** Until the calling test ends. */
export function pretendPlatform(platform: NodeJS.Platform): void {
  const real = process.platform;
  const set = (value: NodeJS.Platform) => Object.defineProperty(process, 'platform', { value });
  set(platform);
  onTestFinished(() => void set(real));
}
