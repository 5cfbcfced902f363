// Secrets of GitHub Actions: of a repository, an environment or an organization. GitHub shows nobody a value, and has no condition
// for a write: what was absent is told from what may not be seen by the public key, which both need.

import type { Environment } from '../../programs/child-environment.ts';
import { setTimeout as delay } from 'node:timers/promises';
import type { GithubSpec } from '../../config/store-spec.ts';
import { failed, ok, type Result } from '../../failure.ts';
import { bearerAuthorization } from '../../secret/opened-secret.ts';
import { openSecret, type Secret } from '../../secret/secret.ts';
import { expand, notReady, type SecretReference, type SinkProblem } from '../sink.ts';
import { sealedFor } from './sealed-box.ts';
import {
  caOf,
  createClient,
  isLimit,
  isSuccess,
  problemOf,
  removalOf,
  sendAs,
  textAt,
  unwritten,
  type StoreAnswer,
  type Client,
} from './store-client.ts';
import {
  checkedSecret,
  keptSecret,
  printedByHelper,
  secretOfVariable,
  variableOf,
  type Credential,
} from './store-credential.ts';
import {
  lookPast,
  type Look,
  type PutBack,
  type Removal,
  type Slot,
  type Store,
  type StorePlace,
  type Written,
} from './store.ts';

interface Place {
  readonly client: Client;
  readonly token: Credential<Secret>;
  /** Of its API: all secrets of the repository, environment or organization. */
  readonly secrets: string;
  /** The same for the repository itself; absent for an organization. */
  readonly repository: string | undefined;
  readonly name: string;
  readonly isOrganization: boolean;
  readonly visibility: 'all' | 'private';
}

export async function openGithub(spec: GithubSpec, environment: Environment): Promise<Result<Store, SinkProblem>> {
  const tls = await caOf(spec.caFile, 'caFile');
  if (!tls.ok) return tls;
  const host = variableOf(environment, 'GH_HOST') ?? 'github.com';
  const isEnterprise = host !== 'github.com' && !host.endsWith('.ghe.com');
  const own = isEnterprise ? `https://${host}/api/v3` : `https://api.${host}`;
  const api = spec.address ?? variableOf(environment, 'GITHUB_API_URL') ?? own;
  // GitHub Enterprise has its API below a path.
  const prefix = api.endsWith('/api/v3') ? '/api/v3' : '';
  const address = api.slice(0, api.length - prefix.length);
  const client = createClient({ store: 'GitHub', address, timeoutMs: spec.timeoutMs, tls: tls.value, environment });
  if (!client.ok) return client;
  const names = isEnterprise ? ['GH_ENTERPRISE_TOKEN', 'GITHUB_ENTERPRISE_TOKEN'] : ['GH_TOKEN', 'GITHUB_TOKEN'];
  const common = { client: client.value, token: githubToken(spec, environment, host, names) };
  return ok({ open: (reference) => Promise.resolve(placeOf(spec, reference, prefix, common)) });
}

function placeOf(
  spec: GithubSpec,
  reference: SecretReference,
  prefix: string,
  common: Pick<Place, 'client' | 'token'>,
): Result<StorePlace, SinkProblem> {
  const name = expand(spec.name, reference).toUpperCase();
  if (!/^(?!GITHUB_)[A-Z_][A-Z0-9_]*$/.test(name)) {
    const hint = 'It must be letters, digits and _, begin with no digit and not with GITHUB_; pass another entry.';
    return failed(notReady(`${name} is not a name for a secret of GitHub.`, hint));
  }
  const { repo, environment: of, visibility = 'private' } = spec;
  const owner = expand(spec.owner, reference);
  const isOrganization = repo === '*';
  const root = isOrganization ? `/orgs/${owner}/actions` : `/repos/${owner}/${repo}`;
  const within = of === undefined ? (isOrganization ? '' : '/actions') : `/environments/${encodeURIComponent(of)}`;
  const repository = isOrganization ? undefined : prefix + root;
  const secrets = `${prefix}${root}${within}/secrets`;
  const place = { ...common, repository, name, isOrganization, visibility, secrets };
  const location = `github:${owner}/${repo}${of === undefined ? '' : `?environment=${of}`}#${name}`;
  const at = `${location.toLowerCase()} at ${common.client.baseUrl.origin}${prefix}`;
  return ok({ location, place: at, turn: at, readsLag: true, look: () => look(place) });
}

function githubToken(
  spec: GithubSpec,
  environment: Environment,
  host: string,
  names: readonly string[],
): Credential<Secret> {
  return keptSecret(async () => {
    for (const name of names) {
      const given = await secretOfVariable(environment, name);
      if (given) return given;
    }
    const argv = ['gh', 'auth', 'token', '--hostname', host] as const;
    const printed = await printedByHelper({ argv, passed: ['GH_CONFIG_DIR'], timeoutMs: spec.timeoutMs }, environment);
    return printed.ok ? checkedSecret(printed.value, 'gh auth token') : printed;
  });
}

async function ask({ client, token }: Place, method: 'GET' | 'PUT' | 'DELETE', path: string, body?: object) {
  return sendAs(
    token,
    (held) =>
      client.send({
        method,
        path,
        headers: {
          accept: 'application/vnd.github+json',
          'x-github-api-version': '2022-11-28',
          'user-agent': 'atlas-model-keys-mcp',
          authorization: bearerAuthorization(held),
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
      }),
    // Whoever may not see something gets 404; of a single secret that says no more than that it is not there.
    (reply) => {
      const { status } = reply;
      return status === 401 || (status === 403 && !isLimit(reply)) || (status === 404 && path.endsWith(PUBLIC_KEY));
    },
  );
}

const PUBLIC_KEY = '/public-key';

/** What a refusal by GitHub may mean beside what its status says. */
function hintFor(answer: StoreAnswer): string {
  const status = 'lost' in answer ? 0 : answer.status;
  if (status >= 300 && status < 400)
    return 'The repository or its owner may have another name now: configure that one.';
  if (status !== 403 && status !== 404) return '';
  return 'The token may have no right to the secrets there, or the repository, environment or organization is not there.';
}

interface PublicKey {
  readonly id: string;
  readonly bytes: Buffer;
}

async function look(place: Place): Promise<Look> {
  const { client, secrets, name } = place;
  // Who gets the key may see the names too, whatever the documentation says of the key (github/docs, issue 29818).
  const keyed = await ask(place, 'GET', `${secrets}${PUBLIC_KEY}`);
  if (!keyed.ok) return { is: 'unreadable', problem: keyed.failure };
  const body = isSuccess(keyed.value) ? keyed.value.body : undefined;
  const [id, text] = [textAt(body, 'key_id'), textAt(body, 'key')];
  if (id === undefined || text === undefined)
    return { is: 'unreadable', problem: problemOf(client, keyed.value, hintFor(keyed.value)) };
  const key = { id, bytes: Buffer.from(text, 'base64') };
  const asked = await ask(place, 'GET', `${secrets}/${name}`);
  if (!asked.ok) return { is: 'unreadable', problem: asked.failure };
  const answer = asked.value;
  if (!('lost' in answer) && answer.status === 404) return { is: 'nothing', slot: slotOf(place, key, undefined) };
  const updated = isSuccess(answer) ? textAt(answer.body, 'updated_at') : undefined;
  if (!isSuccess(answer) || updated === undefined || textAt(answer.body, 'name')?.toUpperCase() !== name)
    return { is: 'unreadable', problem: problemOf(client, answer, hintFor(answer)) };
  const visibility = textAt(answer.body, 'visibility');
  const at = Date.parse(answer.headers.date ?? '');
  return { is: 'something', slot: slotOf(place, key, { updated, visibility, at }) };
}

/** A secret as it was seen. */
interface Seen {
  readonly updated: string;
  readonly visibility: string | undefined;
  /** By the clock of GitHub; NaN where it does not say. */
  readonly at: number;
}

function slotOf(place: Place, key: PublicKey, seen: Seen | undefined): Slot {
  const selected = seen?.visibility === 'selected';
  return {
    id: seen?.updated ?? ABSENT,
    isHidden: true,
    async prove() {
      if (selected) return SELECTED;
      return sealedFor(key.bytes, '') === undefined ? NO_KEY : proveRepository(place);
    },
    write: ({ secret }) => put(place, key, seen, secret),
    takeOut: (putBack) => takeOut(place, putBack),
  };
}

/** An archived one shows its secrets, and takes none. */
async function proveRepository(place: Place): Promise<SinkProblem | undefined> {
  if (place.repository === undefined) return undefined;
  const asked = await ask(place, 'GET', place.repository);
  if (!asked.ok || 'lost' in asked.value) return undefined;
  // After it the write would not be sent.
  if (isLimit(asked.value)) return problemOf(place.client, asked.value);
  const isArchived = isSuccess(asked.value) && asked.value.body?.archived === true;
  return isArchived ? ARCHIVED : undefined;
}

const ARCHIVED: SinkProblem = notReady(
  'The repository is archived, so that no secret of it can be written.',
  'Have it unarchived, or use another repository.',
);

const ABSENT = 'absent';
const SELECTED: SinkProblem = notReady(
  'That secret of the organization is for selected repositories, and a new value would take the selection away.',
  'Use a secret that all or all private repositories see, or one of each repository.',
);

const NO_KEY: SinkProblem = notReady('The public key that GitHub gave is not one.', 'See what answers at its address.');

/** Whether it is still what was seen, once what is written can be told from it: times have seconds only. */
async function isDistinct(place: Place, { updated, at }: Seen): Promise<boolean> {
  if (!(at - Date.parse(updated) < SECOND_MS)) return true;
  await delay(SECOND_MS);
  const still = await look(place);
  return still.is === 'something' && still.slot.id === updated;
}

const SECOND_MS = 1100;

async function put(place: Place, key: PublicKey, seen: Seen | undefined, secret: Secret): Promise<Written> {
  const { client, secrets, name, isOrganization } = place;
  const sealed = sealedFor(key.bytes, openSecret(secret));
  if (sealed === undefined) return { is: 'refused', problem: NO_KEY };
  if (seen && !(await isDistinct(place, seen))) return { is: 'changed' };
  const visibility = isOrganization ? { visibility: seen?.visibility ?? place.visibility } : {};
  const asked = await ask(place, 'PUT', `${secrets}/${name}`, {
    encrypted_value: sealed,
    key_id: key.id,
    ...visibility,
  });
  if (!asked.ok) return { is: 'refused', problem: asked.failure };
  const answer = asked.value;
  if (!isSuccess(answer)) return unwritten(client, answer, hintFor(answer));
  const after = await lookPast(() => look(place), seen?.updated ?? ABSENT);
  if (after.is === 'unreadable') return { is: 'uncertain', problem: after.problem };
  if (after.is !== 'something' || after.slot.id === seen?.updated) return { is: 'uncertain', problem: NOT_SHOWN };
  // Both times are of GitHub's clock. NaN, where it does not say one, is never later.
  const isOfAnother = Date.parse(after.slot.id) - Date.parse(answer.headers.date ?? '') > LONGEST_WRITE_MS;
  if (isOfAnother) return { is: 'uncertain', problem: writtenAfter(name) };
  const warning = `Something else made ${name} meanwhile, and its value gave way: GitHub has no condition for a write.`;
  return { is: 'written', id: after.slot.id, ...(!seen && answer.status === 204 && { warning }) };
}

/** How long after the reply to a write the time of that write may be; both have seconds only. */
const LONGEST_WRITE_MS = 2000;

function writtenAfter(name: string): SinkProblem {
  return notReady(
    `GitHub confirmed the write, and something else wrote ${name} after it.`,
    'That secret is probably not the one of this key. See what else writes there before anything else.',
  );
}

const NOT_SHOWN: SinkProblem = notReady(
  'GitHub confirmed the write, and does not show it yet.',
  'See its page before anything else.',
);

/** What this write made goes; GitHub cannot put back what stood there. */
async function takeOut(place: Place, { before }: PutBack): Promise<Removal> {
  if (before !== ABSENT) return 'refused';
  return removalOf(place.client, await ask(place, 'DELETE', `${place.secrets}/${place.name}`));
}
