// The command `doctor`: looks at everything that a call depends on, and reports. It leaves nothing behind: in the
// directories of sinks it tries a write with a file of its own, as a create does beforehand.

import type { Writable } from 'node:stream';
import type { Atlas } from '../atlas/atlas.ts';
import { ConfigError } from '../config/config-error.ts';
import type { Config } from '../config/config.ts';
import { atlasChecks } from './atlas-side.ts';
import {
  brokenConfiguration,
  configurationChecks,
  credentialCheck,
  folderCheck,
  secretFileChecks,
} from './configuration.ts';
import { sinkChecks, stateChecks, temporaryFilesCheck } from './places.ts';
import { isWell, jsonReport, tableReport, type Check } from './report.ts';

interface Examination {
  /** Rejects with a ConfigError as at the start of the server. */
  readonly load: () => Promise<Config>;
  readonly openAtlas: (config: Config) => Promise<Atlas>;
}

/** Writes the report. Resolves with the exit code: 0 if nothing failed, 1 if something did, 2 if the settings cannot be used. */
export async function runDoctor(examination: Examination, json: boolean, output: Writable): Promise<number> {
  const config = await loaded(examination.load);
  const isBroken = config instanceof ConfigError;
  const checks = isBroken ? [brokenConfiguration(config)] : await examine(config, examination);
  await new Promise<void>((resolve) => {
    output.write(json ? jsonReport(checks) : tableReport(checks), () => {
      resolve();
    });
  });
  if (isBroken) return 2;
  return isWell(checks) ? 0 : 1;
}

async function examine(config: Config, { openAtlas }: Pick<Examination, 'openAtlas'>): Promise<Check[]> {
  const credential = credentialCheck(config);
  const [folder, file, atlas, sinks, state, temporary] = await Promise.all([
    folderCheck(config),
    secretFileChecks(config),
    credential.status === 'failed' ? [] : askAtlas(await openAtlas(config), config),
    sinkChecks(config),
    stateChecks(config),
    temporaryFilesCheck(config),
  ]);
  const places = [...sinks, ...state, ...temporary];
  return [...configurationChecks(config), ...folder, credential, ...file, ...atlas, ...places];
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
