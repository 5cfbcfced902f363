// Asks Atlas about the credential: whether it is accepted, what it may do, which projects it sees, and what time it is; and which keys
// have a name that says that they are not delivered: those of this machine, which can be completed or deleted, and those of other
// machines. It only reads.

import type { Atlas } from '../atlas/atlas.ts';
import type { CredentialDescription } from '../atlas/api/projects.ts';
import type { Config } from '../config/config.ts';
import { counted } from '../text/text.ts';
import { fails, firstOf, passes, warns, type Check } from './report.ts';
import { hasId, type ModelKey } from '../atlas/api/keys.ts';
import { nonceOf } from '../keys/own-key.ts';
import { undeliveredOf, isAllowed } from '../keys/refusals.ts';
import { isUnderWay, openJournal, type Kept } from '../keys/journal/journal.ts';

const TOLERATED_SECONDS = 60;
/** The lifetimes of tokens are compared with this clock. */
const HARMFUL_SECONDS = 5 * 60;

/** Roles that may create keys in their project, or in every project of their organization. */
const CREATING_ROLE = /^(?:GROUP_OWNER|ORG_OWNER|[A-Z_]*MODEL_OWNER)$/;

/** Only one check where Atlas cannot be reached or does not accept the credential: nothing else can be asked then. */
export async function atlasChecks(atlas: Atlas, config: Config): Promise<Check[]> {
  const described = await atlas.describeCredential();
  const now = Date.now();
  const place = atlasPlace(config);
  if (!described.ok && described.failure.atlas?.status !== 404) {
    const { code, message, hint } = described.failure;
    // The file or the program did not give the secret, so nothing was sent.
    return [
      code === 'CREDENTIALS_MISSING' ? fails('secret', message, hint) : fails('Atlas', `${place}: ${message}`, hint),
    ];
  }
  // Not every Atlas, and not every proxy, knows the call that describes a credential.
  const description: CredentialDescription = described.ok ? described.value : { roles: [], accessList: [] };
  const { kind, roles, accessList, date } = description;
  return [
    described.ok
      ? passes('Atlas', `${place} answers and accepts the credential${kind === undefined ? '' : ` (${kind})`}`)
      : warns('Atlas', `${place} answers, but not to the call that describes the credential (status 404)`),
    rolesCheck(roles, config),
    accessListCheck(description, accessList),
    await projectsCheck(atlas, config),
    await undeliveredCheck(atlas, config),
    clockCheck(date, now),
  ];
}

function atlasPlace({ atlas }: Config): string {
  if (!atlas) return 'the embedded sandbox';
  const { baseUrl, credentials } = atlas;
  return credentials.kind === 'atlas-cli' && credentials.namesBaseUrl ? 'the Atlas of the profile' : baseUrl.origin;
}

function rolesCheck(roles: CredentialDescription['roles'], config: Config): Check {
  if (roles.length === 0) return warns('roles', 'unknown: Atlas names none for this credential');
  const finding = firstOf(roles.map(roleText));
  if (config.readOnly) return passes('roles', `${finding} (the right to create keys is not needed: readOnly)`);
  const creating = roles.filter(({ role }) => CREATING_ROLE.test(role));
  if (creating.length === 0) {
    return fails('roles', `${finding}: none that may create keys`, `${GRANT} the projects that are used.`);
  }
  const isEverywhere = creating.some(({ groupId }) => groupId === undefined);
  const without = wantedProjects(config).filter(
    (wanted) => !isEverywhere && !creating.some(({ groupId }) => groupId === wanted),
  );
  if (without.length === 0) return passes('roles', finding);
  return warns('roles', `${finding}: none that may create keys in ${firstOf(without)}`, `${GRANT} them.`);
}

const GRANT = 'A person grants the service account or API key the role Project Model Owner in Atlas, in';

function roleText({ role, groupId, orgId }: CredentialDescription['roles'][number]): string {
  const place = groupId ?? orgId;
  return place === undefined ? role : `${role} in ${place}`;
}

function accessListCheck({ kind }: CredentialDescription, accessList: readonly string[]): Check {
  if (accessList.length > 0) return passes('access list', firstOf(accessList));
  if (kind === undefined) return warns('access list', 'unknown: Atlas describes none for this credential');
  return warns(
    'access list',
    'empty: whoever has the credential can use it from any address',
    "A person adds this machine's address in Atlas to the API access list of the service account or API key.",
  );
}

async function projectsCheck(atlas: Atlas, config: Config): Promise<Check> {
  const found = await atlas.listProjects(undefined);
  if (!found.ok) return fails('projects', found.failure.message, found.failure.hint);
  const visible = found.value;
  const unseen = wantedProjects(config).filter((wanted) => visible.every(({ groupId }) => groupId !== wanted));
  if (unseen.length > 0) {
    return fails(
      'projects',
      `the credential cannot see ${firstOf(unseen)}`,
      'Correct allowedProjects and MONGODB_ATLAS_PROJECT_ID, or a person adds the service account or API key to that project in Atlas.',
    );
  }
  if (visible.length === 0) {
    return fails('projects', 'the credential sees none', 'A person adds the service account or API key to a project.');
  }
  const names = visible.map(({ groupId, name }) => `${name} (${groupId})`);
  return passes('projects', `${counted(visible.length, 'project')}: ${firstOf(names)}`);
}

/** The projects that the operator names. */
function wantedProjects({ allowedProjects = [], projectId }: Config): string[] {
  return [...new Set([...allowedProjects, ...(projectId === undefined ? [] : [projectId])])];
}

function clockCheck(date: number | undefined, now: number): Check {
  if (date === undefined) return warns('clock', 'unknown: Atlas did not say what time it is');
  const seconds = Math.round((now - date) / 1000);
  const difference = Math.abs(seconds);
  // Atlas gives whole seconds, and the reply takes a while.
  if (difference <= 2) return passes('clock', 'agrees with that of Atlas');
  const finding = `${difference} s ${seconds > 0 ? 'ahead of' : 'behind'} that of Atlas`;
  if (difference > HARMFUL_SECONDS) return fails('clock', finding, 'Set the clock of this machine (NTP).');
  return difference > TOLERATED_SECONDS
    ? warns('clock', finding, 'Set the clock of this machine (NTP).')
    : passes('clock', finding);
}

const UNDELIVERED = 'undelivered keys';

/** Looks at the projects that the operator named, and at those of the journal. */
async function undeliveredCheck(atlas: Atlas, config: Config): Promise<Check> {
  const read = await openJournal(config.stateDir).read();
  if (!read.ok) return warns(UNDELIVERED, 'unknown: the journal cannot be read');
  const kept = read.value;
  const groups = new Set([...wantedProjects(config), ...kept.intents.map(({ groupId }) => groupId)]);
  const keys: ModelKey[] = [];
  for (const groupId of [...groups].filter((each) => isAllowed(config, each))) {
    const found = await atlas.listKeys(groupId);
    if (!found.ok) return warns(UNDELIVERED, `unknown in ${groupId}: ${found.failure.message}`, found.failure.hint);
    keys.push(...found.value.filter(hasId).filter((key) => nonceOf(key) !== undefined && !isBeingDelivered(key, kept)));
  }
  return judgeUndelivered(keys, kept);
}

function judgeUndelivered(keys: readonly ModelKey[], kept: Kept): Check {
  const own = keys.filter((key) => undeliveredOf(key, kept)?.knownHere);
  if (own.length > 0) {
    return fails(
      UNDELIVERED,
      `${counted(own.length, 'key')} of calls on this machine: ${firstOf(own.map(({ apiKeyId }) => apiKeyId))}`,
      'Have reconcile_ai_model_api_keys called: it says what is true of each, and with apply completes or deletes them.',
    );
  }
  if (keys.length === 0) return passes(UNDELIVERED, 'none');
  return warns(
    UNDELIVERED,
    `${counted(keys.length, 'key')} of other machines: ${firstOf(keys.map(({ apiKeyId }) => apiKeyId))}`,
    'reconcile_ai_model_api_keys on the machine that made them says what is true of each.',
  );
}

function isBeingDelivered(key: ModelKey, { intents }: Kept): boolean {
  return intents.some((intent) => intent.nonce === nonceOf(key) && isUnderWay(intent));
}
