// What is configured, where that was found, and who else can change or read it. It tells names and places, not values.

import { resolve } from 'node:path';
import { stat } from 'node:fs/promises';
import type { Config } from '../config/config.ts';
import type { ConfigError } from '../config/config-error.ts';
import type { Credentials, HeldSecret, SecretFile } from '../config/credentials.ts';
import { ok as passed } from '../failure.ts';
import { attempt, shellWord } from '../files/file-problem.ts';
import { followLinks } from '../files/path-walk.ts';
import { failed, ok, warning, type Check } from './report.ts';
import { isReadableByOthers } from '../files/file-owner.ts';

export function brokenConfiguration({ message }: ConfigError): Check {
  return failed('configuration', message, 'Correct that setting (see --help). Nothing else was looked at.');
}

export function configurationChecks(config: Config): Check[] {
  return [
    ok('configuration', sourceOf(config)),
    ok('settings', originsOf(config)),
    ...trustOf(config),
    ...defaultsOf(config),
  ];
}

/** Whoever can remove or replace the file takes away the restrictions in it. */
export async function folderCheck({ configurationFile: { path, exists } }: Config): Promise<Check[]> {
  if (!exists || path === undefined) return [];
  const judged = await attempt(`The way to ${path} cannot be judged`, () => passed(followLinks(resolve(path))));
  const weakPart = judged.ok ? judged.value.weakPart : undefined;
  if (judged.ok && weakPart === undefined) return [];
  const finding = judged.ok ? `Others can write to ${weakPart ?? path}.` : judged.failure.message;
  return [
    warning(
      'configuration folder',
      `${finding} Whoever can remove ${path} removes the restrictions in it.`,
      'Take the right to write there away from others (chmod go-w), or keep the configuration in another folder.',
    ),
  ];
}

export function credentialCheck({ atlas, credentialVariables }: Config): Check {
  if (!atlas) return ok('credential', 'that of the embedded sandbox');
  const { credentials } = atlas;
  if (credentials.kind !== 'missing') {
    return ok('credential', `${NAMES[credentials.kind]}, from ${credentialVariables.join(' and ')}`);
  }
  const { wanted, unfilled } = credentials;
  if (unfilled)
    return failed(
      'credential',
      `${unfilled.setting} ${unfilled.words}`,
      `Put the value itself into ${unfilled.setting}.`,
    );
  if (wanted !== undefined) {
    return failed('credential', `incomplete: ${wanted} is not set`, `Set ${wanted} too in the environment.`);
  }
  return failed(
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

/** Reported each time, since nothing else says that these paths are not checked. */
function trustOf({ trustPaths, origins }: Config): Check[] {
  if (trustPaths.length === 0) return [];
  return [
    warning(
      'trusted paths',
      `the owners and modes of ${trustPaths.join(', ')} and of what is below are not checked (${origins.get('trustPaths') ?? 'default'})`,
      'Remove from trustPaths what other users can write to.',
    ),
  ];
}

/** Settings that are valid by themselves and contradict each other. */
function defaultsOf({ projectId, allowedProjects }: Config): Check[] {
  if (projectId === undefined || (allowedProjects?.includes(projectId) ?? true)) return [];
  return [
    warning(
      'default project',
      `MONGODB_ATLAS_PROJECT_ID (${projectId}) is not among allowedProjects, so calls that name no project are refused`,
      'Add it to allowedProjects, or unset it.',
    ),
  ];
}

/**
 * Whether others can read the file that holds the secret of the credential. The file is not opened here. The server uses it
 * in either case: Docker and Kubernetes mount such files for everybody in the container.
 */
export async function secretFileChecks({ atlas }: Config): Promise<Check[]> {
  const held = atlas && secretOf(atlas.credentials);
  if (!held) return [];
  const { setting, file } = held;
  const found = await stat(file).catch(() => undefined);
  if (!found || !isReadableByOthers(found)) return [];
  return [
    warning(
      'secret file',
      `other users of this machine can read the file of ${setting}`,
      `Run: chmod go-rwx ${shellWord(file)}`,
    ),
  ];
}

function secretOf(credentials: Credentials): SecretFile | undefined {
  switch (credentials.kind) {
    case 'token':
      return fileOf(credentials.token);
    case 'service-account':
      return fileOf(credentials.clientSecret);
    case 'api-key':
      return fileOf(credentials.privateKey);
    case 'atlas-cli':
    case 'missing':
      return undefined;
  }
}

function fileOf(held: HeldSecret): SecretFile | undefined {
  return 'file' in held ? held : undefined;
}
