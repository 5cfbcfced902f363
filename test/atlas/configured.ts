// Atlas as the environment of a server configures it, against the sandbox: for tests of where credentials come from.

import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createAtlas, type Atlas } from '../../src/atlas/atlas.ts';
import type { Environment } from '../../src/config/environment.ts';
import type { Simulator } from '../atlas-simulator/simulator.ts';
import { load } from '../config/fixture.ts';
import { scriptFolder, type ScriptFolder } from '../sinks/script-folder.ts';

export async function atlasWith(sandbox: Pick<Simulator, 'baseUrl'>, environment: Environment): Promise<Atlas> {
  return atlasOf({ MONGODB_ATLAS_BASE_URL: sandbox.baseUrl, PATH: process.env.PATH, ...environment });
}

/** Nothing is added to the environment. */
export async function atlasOf(environment: Environment): Promise<Atlas> {
  const { atlas: connection, apiVersion } = await load([], environment);
  if (!connection) throw new Error('The sandbox is configured.');
  const atlas = createAtlas({ ...connection, apiVersion, timeoutMs: 10_000 });
  onTestFinished(() => atlas.close());
  return atlas;
}

/** A file in a folder of its own, with mode 0600. */
export function secretFile(content: string | Buffer): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'amk-secret-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, 'secret');
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

/** A folder of small programs, for each of which it is seen that it ended. */
export function programs(): ScriptFolder {
  const folder = scriptFolder();
  onTestFinished(async () => {
    const survivors = await folder.survivors();
    folder.remove();
    if (survivors.length > 0) throw new Error(`${survivors.length} programs are still running.`);
  });
  return folder;
}
