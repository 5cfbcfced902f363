// A program of the tests that runs as a process of its own.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll } from 'vitest';

/** Where the bundle of `entry` is from the first test of the calling file until its last. */
export function builtProgram(entry: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'amk-program-'));
  const outfile = join(folder, 'program.mjs');
  beforeAll(async () => {
    await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'warning' });
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return outfile;
}
