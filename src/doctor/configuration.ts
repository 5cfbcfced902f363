// What is configured, and where that was found. Tells names and places, no values.

import { resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import type { ConfigError } from '../config/config-error.ts';
import type { Credentials } from '../config/credentials.ts';
import { ok as found } from '../failure.ts';
import { attempt } from '../files/file-problem.ts';
import { followLinks } from '../files/link-way.ts';
import { failed, ok, warning, type Check } from './check.ts';

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
  const judged = await attempt(`The way to ${path} cannot be judged`, () => found(followLinks(resolve(path))));
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
  return exists ? `read from ${path ?? ''}` : `${place}; environment and flags alone`;
}

function originsOf({ origins }: Config): string {
  const set = [...origins].filter(([, origin]) => origin !== 'default');
  if (set.length === 0) return 'every setting has its default';
  return `${set.map(([name, origin]) => `${name} from ${origin}`).join('; ')}; all others by default`;
}

/** Named each time, since nothing else says that these are not checked. */
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

/** What is valid by itself, and yet stands in its own way. */
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
