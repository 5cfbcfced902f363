// The command `doctor`: looks at everything that a call depends on, and reports. Of the configuration it tells names and places, not
// values. It leaves nothing behind: in the directories of sinks it tries a write with a file of its own, as a create does beforehand.

import { stat } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import type { Atlas } from '../atlas/atlas.ts';
import { ConfigError, orConfigError } from '../config/config-error.ts';
import type { Config } from '../config/config.ts';
import type { Credentials, HeldSecret } from '../config/credentials.ts';
import { isReadableByOthers, shellWord } from '../files/file-problem.ts';
import { atlasChecks } from './atlas-side.ts';
import { folderCheck, sinkChecks, stateChecks, temporaryFilesCheck } from './places.ts';
import { fails, isWell, passes, reportOf, warns, type Check } from './report.ts';

interface Examination {
  /** Rejects with a ConfigError as at the start of the server. */
  readonly load: () => Promise<Config>;
  readonly openAtlas: (config: Config) => Promise<Atlas>;
}

/** Writes the report. Resolves with the exit code: 0 if nothing failed, 1 if something did, 2 if the settings cannot be used. */
export async function runDoctor(examination: Examination, json: boolean, output: Writable): Promise<number> {
  const config = await orConfigError(examination.load);
  const isBroken = config instanceof ConfigError;
  const advice = 'Correct that setting (see --help). Nothing else was looked at.';
  const checks = isBroken ? [fails('configuration', config.message, advice)] : await examine(config, examination);
  await new Promise<void>((resolve) => {
    output.write(reportOf(checks, json), () => {
      resolve();
    });
  });
  if (isBroken) return 2;
  return isWell(checks) ? 0 : 1;
}

/** Looks at everything that a call with these settings depends on. */
export async function examine(config: Config, { openAtlas }: Pick<Examination, 'openAtlas'>): Promise<Check[]> {
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

async function askAtlas(atlas: Atlas, config: Config): Promise<Check[]> {
  try {
    return await atlasChecks(atlas, config);
  } finally {
    await atlas.close();
  }
}

function configurationChecks(config: Config): Check[] {
  const { trustPaths, origins, projectId, allowedProjects } = config;
  const checks = [passes('configuration', sourceOf(config)), passes('settings', originsOf(config))];
  // Reported each time, since nothing else says that these paths are not checked.
  if (trustPaths.length > 0) {
    const origin = origins.get('trustPaths') ?? 'default';
    const finding = `the owners and modes of ${trustPaths.join(', ')} and of what is below are not checked (${origin})`;
    checks.push(warns('trusted paths', finding, 'Remove from trustPaths what other users can write to.'));
  }
  // Settings that are valid by themselves and contradict each other.
  if (projectId !== undefined && allowedProjects?.includes(projectId) === false) {
    const finding = `MONGODB_ATLAS_PROJECT_ID (${projectId}) is not among allowedProjects, so calls that name no project are refused`;
    checks.push(warns('default project', finding, 'Add it to allowedProjects, or unset it.'));
  }
  return checks;
}

function credentialCheck({ atlas, credentialVariables }: Config): Check {
  if (!atlas) return passes('credential', 'that of the embedded sandbox');
  const { credentials } = atlas;
  if (credentials.kind !== 'missing') {
    return passes('credential', `${NAMES[credentials.kind]}, from ${credentialVariables.join(' and ')}`);
  }
  const { wanted, unfilled } = credentials;
  if (unfilled)
    return fails(
      'credential',
      `${unfilled.setting} ${unfilled.words}`,
      `Put the value itself into ${unfilled.setting}.`,
    );
  if (wanted !== undefined) {
    return fails('credential', `incomplete: ${wanted} is not set`, `Set ${wanted} too in the environment.`);
  }
  return fails(
    'credential',
    'none is configured',
    'Set MONGODB_ATLAS_CLIENT_ID and MONGODB_ATLAS_CLIENT_SECRET (a service account with the role Project Model Owner).',
  );
}

const NAMES: Readonly<Record<Exclude<Credentials['kind'], 'missing'>, string>> = {
  token: 'an access token',
  'service-account': 'a service account',
  'api-key': 'an API key',
  'atlas-cli': 'a profile of the Atlas CLI',
};

function sourceOf({ configurationFile: { path, exists } }: Config): string {
  const place = path === undefined ? 'no file, since this user has no home directory' : `no file at ${path}`;
  return exists ? `read from ${path ?? ''}` : `${place}; only environment and flags`;
}

function originsOf({ origins }: Config): string {
  const set = [...origins].filter(([, origin]) => origin !== 'default');
  if (set.length === 0) return 'every setting has its default';
  return `${set.map(([name, origin]) => `${name} from ${origin}`).join('; ')}; all others by default`;
}

/**
 * Whether others can read the file that holds the secret of the credential. The file is not opened here. The server uses it
 * in either case: Docker and Kubernetes mount such files for everybody in the container.
 */
async function secretFileChecks({ atlas }: Config): Promise<Check[]> {
  const held = atlas && secretOf(atlas.credentials);
  if (!held || !('file' in held)) return [];
  const { setting, file } = held;
  const found = await stat(file).catch(() => undefined);
  if (!found || !isReadableByOthers(found)) return [];
  return [
    warns(
      'secret file',
      `other users of this machine can read the file of ${setting}`,
      `Run: chmod go-rwx ${shellWord(file)}`,
    ),
  ];
}

function secretOf(credentials: Credentials): HeldSecret | undefined {
  switch (credentials.kind) {
    case 'token':
      return credentials.token;
    case 'service-account':
      return credentials.clientSecret;
    case 'api-key':
      return credentials.privateKey;
    case 'atlas-cli':
    case 'missing':
      return undefined;
  }
}
