// Asks a person in a terminal for what neither flags nor environment nor the configuration file say. Each answer is the value of a
// setting's variable, so that it is judged as that variable is. The secret is typed hidden.

import { confirm, isCancel, multiselect, password, select, text } from '@clack/prompts';
import type { Config } from '../config/config.ts';
import type { Project } from '../atlas/api/projects.ts';
import type { Atlas } from '../atlas/atlas.ts';
import type { HostKind } from './hosts.ts';
import type { Setup } from './setup.ts';

/** Values of variables, by name. */
type Answers = Readonly<Record<string, string>>;

/** Thrown where the person gives up: nothing was written yet. */
export class GivenUp extends Error {}

function answered<T>(answer: T): Exclude<T, symbol> {
  if (isAnswer(answer)) return answer;
  throw new GivenUp();
}

/** As the type of `isCancel` does not say: what is not its symbol is an answer. */
function isAnswer<T>(answer: T): answer is Exclude<T, symbol> {
  return !isCancel(answer);
}

const needed = (value: string | undefined) =>
  value === undefined || value.trim() === '' ? 'This is needed.' : undefined;

async function line(message: string, placeholder = ''): Promise<string> {
  return answered(await text({ message, placeholder, validate: needed })).trim();
}

const CREDENTIALS = [
  { value: 'secret', label: 'A service account: paste its secret', hint: 'kept in a file that only you can read' },
  { value: 'file', label: 'A service account whose secret is in a file' },
  { value: 'command', label: 'A service account whose secret a program prints', hint: 'op, pass, vault, …' },
  { value: 'profile', label: 'A profile of the Atlas CLI', hint: 'after atlas auth login' },
] as const;

/** Nothing where there is a credential. */
async function askCredential({ atlas }: Config): Promise<Answers> {
  if (atlas?.credentials.kind !== 'missing') return {};
  const way = answered(await select({ message: 'How do you sign in to Atlas?', options: [...CREDENTIALS] }));
  if (way === 'profile') {
    return { ATLAS_MODEL_KEYS_ATLAS_CLI_PROFILE: await line('Name of the profile', 'default') };
  }
  const clientId = { MONGODB_ATLAS_CLIENT_ID: await line('Client id of the service account', 'mdb_sa_id_…') };
  switch (way) {
    case 'file':
      return { ...clientId, MONGODB_ATLAS_CLIENT_SECRET_FILE: await line('Path of the file', '~/…') };
    case 'command':
      return { ...clientId, MONGODB_ATLAS_CLIENT_SECRET_COMMAND: await line('The program', 'pass show atlas/secret') };
    case 'secret': {
      const message = 'Client secret (it is not shown)';
      const secret = answered(await password({ message, mask: '', validate: needed }));
      return { ...clientId, MONGODB_ATLAS_CLIENT_SECRET: secret.trim() };
    }
  }
}

type ShownProject = Required<Pick<Project, 'groupId' | 'name'>>;

/** @param visible those that the credential sees; none where that is not known */
async function askProjects(config: Config, visible: readonly ShownProject[]): Promise<Answers> {
  if (config.allowedProjects || visible.length === 0) return {};
  const chosen = answered(
    await multiselect({
      message: 'Which projects may agents use? (space to choose; none for every project)',
      options: visible.map(({ groupId, name }) => ({ value: groupId, label: name, hint: groupId })),
      required: false,
    }),
  );
  return chosen.length === 0 ? {} : { ATLAS_MODEL_KEYS_ALLOWED_PROJECTS: chosen.join(',') };
}

async function askSink({ origins }: Config): Promise<Answers> {
  if (origins.get('sinks') !== 'default') return {};
  const way = answered(
    await select({
      message: 'Where do the secrets of new keys go?',
      options: [
        { value: 'local', label: 'A file a key, in your data directory' },
        { value: 'dotenv', label: 'A variable of a .env file' },
        { value: 'uri', label: 'Another place', hint: 'NAME=URI, see docs/sinks.md' },
      ],
    }),
  );
  switch (way) {
    case 'local':
      return {};
    case 'dotenv':
      return { ATLAS_MODEL_KEYS_SINKS: `app=dotenv:${await line('Path of the .env file', '~/my-app/.env')}` };
    case 'uri':
      return { ATLAS_MODEL_KEYS_SINKS: await line('The sink', 'team=file:~/keys/{entry}.key') };
  }
}

async function askGuards({ origins }: Config): Promise<Answers> {
  const isUnset = (name: 'readOnly' | 'confirm') => origins.get(name) === 'default';
  const readOnly =
    isUnset('readOnly') &&
    answered(await confirm({ message: 'May agents only read, and make no keys?', initialValue: false }));
  if (readOnly) return { ATLAS_MODEL_KEYS_READ_ONLY: 'true' };
  if (!isUnset('confirm')) return {};
  const options = [
    { value: 'if-supported', label: 'Yes, where the host can ask' },
    { value: 'required', label: 'Yes, and refuse where nobody can be asked' },
    { value: 'never', label: 'No' },
  ];
  const message = 'Is a person asked before a key is deleted or rotated?';
  return { ATLAS_MODEL_KEYS_CONFIRM: answered(await select({ message, options })) };
}

/** The settings with every answer in them. What was answered decides what is asked next. */
export async function askAll({ load, openAtlas }: Pick<Setup, 'load' | 'openAtlas'>): Promise<Config> {
  let config = await load();
  const take = async (answers: Answers) => {
    if (Object.keys(answers).length > 0) config = await load({ ...config.environment, ...answers });
  };
  await take(await askCredential(config));
  await take(await askProjects(config, await visibleProjects(await openAtlas(config))));
  await take(await askSink(config));
  await take(await askGuards(config));
  return config;
}

/** None where Atlas does not say: the checks that follow tell why. */
async function visibleProjects(atlas: Atlas): Promise<readonly ShownProject[]> {
  const found = await atlas.listProjects(undefined);
  await atlas.close();
  return found.ok ? found.value.flatMap(({ groupId, name }) => (groupId === undefined ? [] : [{ groupId, name }])) : [];
}

export async function askHosts(found: readonly Pick<HostKind, 'id' | 'title'>[]): Promise<readonly string[]> {
  if (found.length === 0) return [];
  const options = found.map(({ id, title }) => ({ value: id, label: title }));
  const message = 'Which hosts get the server? (space to choose)';
  return answered(await multiselect({ message, options, initialValues: found.map(({ id }) => id), required: false }));
}

export async function askToGoOn(): Promise<boolean> {
  return answered(await confirm({ message: 'Write this?' }));
}
