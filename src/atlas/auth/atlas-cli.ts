// Asks the Atlas CLI for the access token of one of its profiles. Only the CLI reads its keyring, renews its tokens and
// stores them; here its program is run, without a shell or a terminal, and nothing that it prints is shown.
//
// Facts of Atlas CLI 1.58: `auth token` prints the stored token and looks neither at the network nor at the token's end;
// any call of the Admin API, such as `projects list`, renews a token that has ended and stores the new one.

import { parseBaseUrl, urlOfService } from '../../config/base-url.ts';
import { ConfigError } from '../../config/config-error.ts';
import type { AtlasCliProfile } from '../../config/credentials.ts';
import { secretProblem } from '../../config/secret-text.ts';
import { failed, ok, type Result } from '../../failure.ts';
import { searchPathOf } from '../../programs/child-environment.ts';
import { findExecutable } from '../../programs/executable.ts';
import { isSameSecret, Secret } from '../../secret/secret.ts';
import { parseObject, type JsonObject } from '../../text/text.ts';
import { endsSoon, fetchedSource, printedBy, unusable, type SecretSource } from './secret-source.ts';

interface AtlasCli {
  readonly source: SecretSource;
  /** Where Atlas is by the profile; known once the source has given a token. */
  readonly baseUrl: () => URL | undefined;
}

const PROGRAM_SETTING = 'ATLAS_MODEL_KEYS_ATLAS_CLI';
const PROFILE_SETTING = 'ATLAS_MODEL_KEYS_ATLAS_CLI_PROFILE';
/** Of what `atlas --version` prints. Another program of that name is Ariga's, for schemas of databases. */
const VERSION = /^atlascli version: (\d{1,4})\.(\d{1,4})\./;
/** Before that, `auth token` was not there, or printed the token in quotes. */
const OLDEST = { major: 1, minor: 51 };

export function atlasCli(cli: AtlasCliProfile): AtlasCli {
  let profile: Profile | undefined;
  const fetchToken = async (refused: Secret | undefined): Promise<Result<Secret>> => {
    const found = findCli(cli);
    if (!found.ok) return found;
    const ask = found.value;
    if (!profile) {
      const described = await describeProfile(ask, cli.profile);
      if (!described.ok) return described;
      profile = described.value;
    }
    return currentToken(ask, cli.profile, profile, refused);
  };
  return {
    source: fetchedSource(fetchToken, { remedy: `a person must ${loginOf(cli.profile)}` }),
    baseUrl: () => profile?.baseUrl,
  };
}

/** Runs the CLI with these arguments. */
type Ask = (...args: string[]) => Promise<Result<string, string>>;

/** All that is asked for one token takes no longer together than one program may. */
function findCli({ program, environment, timeoutMs }: AtlasCliProfile): Result<Ask> {
  const subject = `The Atlas CLI (${PROGRAM_SETTING})`;
  const search = findExecutable(program, searchPathOf(environment), subject);
  if (!search.ok) return unusable(search.failure.message, `${search.failure.hint} ${WHICH}`);
  const deadline = Date.now() + timeoutMs;
  return ok((...args) => {
    const left = Math.max(1, deadline - Date.now());
    return printedBy({ path: search.value, args, env: environment, timeoutMs: left }, subject);
  });
}

const WHICH = `${PROGRAM_SETTING} names the program; the default is atlas, found in PATH.`;

interface Profile {
  readonly kind: 'user_account' | 'service_account';
  readonly baseUrl: URL | undefined;
}

async function describeProfile(ask: Ask, name: string): Promise<Result<Profile>> {
  const version = await ask('--version');
  if (!version.ok) return refused(version.failure, WHICH);
  const [, major, minor] = VERSION.exec(version.value) ?? [];
  if (major === undefined || minor === undefined) {
    return refused(
      `${PROGRAM_SETTING} is not the Atlas CLI.`,
      `With --version it must say "atlascli version: …". ${WHICH}`,
    );
  }
  if (Number(major) < OLDEST.major || (Number(major) === OLDEST.major && Number(minor) < OLDEST.minor)) {
    return refused('The Atlas CLI is too old.', `Update it to ${OLDEST.major}.${OLDEST.minor}.0 or later.`);
  }
  const described = await ask('config', 'describe', name, '-o', 'json');
  if (!described.ok) {
    return refused(
      described.failure,
      `${PROFILE_SETTING} must name a profile; \`atlas config list\` shows which there are.`,
    );
  }
  const profile = parseObject(described.value);
  if (profile) return readProfile(profile, name);
  return refused('The Atlas CLI describes the profile in a form that is not known here.', 'Update this server.');
}

function readProfile(profile: JsonObject, name: string): Result<Profile> {
  const kind = profile.auth_type;
  if (kind === 'api_keys' || (kind === undefined && typeof profile.public_api_key === 'string')) {
    return refused(
      `The profile ${name} of the Atlas CLI holds an API key, whose secret the CLI does not print.`,
      'The operator sets MONGODB_ATLAS_PUBLIC_API_KEY and MONGODB_ATLAS_PRIVATE_API_KEY_COMMAND (a program that prints the private key), or names a profile with a login or a service account.',
    );
  }
  const baseUrl = baseUrlOf(profile);
  if (!baseUrl.ok) {
    return refused(
      `The profile ${name} of the Atlas CLI names an address of Atlas that is not used here.`,
      'It must be https to a host name. MONGODB_ATLAS_BASE_URL goes before it.',
    );
  }
  return ok({ kind: kind === 'service_account' ? kind : 'user_account', baseUrl: baseUrl.value });
}

/** The same rules as for the operator's own address. */
function baseUrlOf({ ops_manager_url: url, service }: JsonObject): Result<URL | undefined, 'unusable'> {
  const isSet = (value: unknown) => value !== undefined && value !== null && value !== '';
  if (!isSet(url)) {
    const ofService = typeof service === 'string' ? urlOfService(service) : undefined;
    return isSet(service) && !ofService ? failed('unusable') : ok(ofService);
  }
  try {
    return typeof url === 'string' ? ok(parseBaseUrl(url)) : failed('unusable');
  } catch (error) {
    if (error instanceof ConfigError) return failed('unusable');
    throw error;
  }
}

/** The stored token; where it has ended or was refused, the one that the CLI fetches for a call of its own. */
async function currentToken(
  ask: Ask,
  name: string,
  { kind }: Profile,
  refusedToken: Secret | undefined,
): Promise<Result<Secret>> {
  const isUsable = (token: Secret | undefined) =>
    token !== undefined && !endsSoon(token) && !(refusedToken && isSameSecret(token, refusedToken));
  const stored = await storedToken(ask, name);
  if (stored && isUsable(stored)) return ok(stored);
  const renewal = await ask('projects', 'list', '--limit', '1', '-P', name);
  const renewed = await storedToken(ask, name);
  if (renewed && isUsable(renewed)) return ok(renewed);
  if (kind === 'service_account' && !renewed) {
    return refused(
      `The Atlas CLI prints no access token for the service account of the profile ${name}.`,
      'Update the Atlas CLI to 1.57.0 or later, or set MONGODB_ATLAS_CLIENT_ID and MONGODB_ATLAS_CLIENT_SECRET_COMMAND.',
    );
  }
  const reason = renewal.ok ? '' : ` ${renewal.failure}`;
  return refused(
    `The Atlas CLI has no access token of the profile ${name} that is still good.${reason}`,
    `A person must ${loginOf(name)}`,
  );
}

function loginOf(name: string): string {
  return `run \`atlas auth login -P ${name}\`.`;
}

async function storedToken(ask: Ask, name: string): Promise<Secret | undefined> {
  const printed = await ask('auth', 'token', '-P', name);
  return printed.ok && secretProblem(printed.value) === undefined ? new Secret(printed.value) : undefined;
}

function refused(message: string, hint: string): Result<never> {
  return unusable(message, hint, true);
}
