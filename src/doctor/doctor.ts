// The command `doctor`: looks at everything that a call depends on, and reports. It changes nothing.

import type { Writable } from 'node:stream';
import type { Atlas } from '../atlas/atlas.ts';
import { ConfigError } from '../config/config-error.ts';
import type { Config } from '../config/config.ts';
import { atlasChecks } from './atlas-side.ts';
import type { Check } from './check.ts';
import { brokenConfiguration, configurationChecks, credentialCheck } from './configuration.ts';
import { secretFileChecks } from './secret-file.ts';
import { sinkChecks, stateChecks } from './places.ts';
import { isWell, jsonReport, tableReport } from './report.ts';

export interface Examination {
  /** Rejects with a ConfigError as at the start of the server. */
  readonly load: () => Promise<Config>;
  readonly openAtlas: (config: Config) => Promise<Atlas>;
}

/** Writes the report; answers the exit code: 0 only where nothing failed. */
export async function runDoctor(examination: Examination, json: boolean, output: Writable): Promise<number> {
  const checks = await examine(examination);
  await new Promise<void>((resolve) => {
    output.write(json ? jsonReport(checks) : tableReport(checks), () => {
      resolve();
    });
  });
  return isWell(checks) ? 0 : 1;
}

async function examine({ load, openAtlas }: Examination): Promise<Check[]> {
  const config = await loaded(load);
  if (config instanceof ConfigError) return [brokenConfiguration(config)];
  const credential = credentialCheck(config);
  const [file, atlas, sinks, state] = await Promise.all([
    secretFileChecks(config),
    credential.status === 'failed' ? [] : askAtlas(await openAtlas(config), config),
    sinkChecks(config),
    stateChecks(config),
  ]);
  return [...configurationChecks(config), credential, ...file, ...atlas, ...sinks, ...state];
}

async function loaded(load: Examination['load']): Promise<Config | ConfigError> {
  try {
    return await load();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

async function askAtlas(atlas: Atlas, config: Config): Promise<Check[]> {
  try {
    return await atlasChecks(atlas, config);
  } finally {
    await atlas.close();
  }
}
