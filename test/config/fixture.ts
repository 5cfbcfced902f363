// Loads a configuration from flags, variables and a file, each in an empty home of its own.

import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { parseCommandLine } from '../../src/config/command-line.ts';
import { loadConfig, type Config } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/config-error.ts';
import { type Environment } from '../../src/config/environment.ts';

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'amk-config-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

/** A configuration file with mode 0600, whatever the umask. */
export function configurationFile(content: unknown): string {
  const folder = join(temporaryFolder(), 'home');
  mkdirSync(folder, { mode: 0o700 });
  const path = join(folder, 'config.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o600 });
  return path;
}

export function load(argv: readonly string[] = [], environment: Environment = {}): Promise<Config> {
  return loadConfig(parseCommandLine(argv), { ATLAS_MODEL_KEYS_CONFIG: configurationFile({}), ...environment });
}

/** The one line that the operator sees. */
export async function refusalOf(argv: readonly string[], environment: Environment = {}): Promise<string> {
  try {
    await load(argv, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('the configuration was accepted');
}
