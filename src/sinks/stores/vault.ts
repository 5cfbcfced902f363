// Vault and OpenBao: one field of a secret of a KV engine, version 2. Writes name the version that was seen (`cas`); a version that
// is taken out is destroyed by its number. Facts: the API documentation of both, and OpenBao's source.

import type { Environment } from '../../programs/child-environment.ts';
import type { VaultSpec } from '../../config/store-spec.ts';
import { failed, ok, type Result } from '../../failure.ts';
import { openSecret } from '../../secret/secret.ts';
import type { JsonObject } from '../../text/text.ts';
import { expand, notReady, type SecretReference, type SinkProblem } from '../sink.ts';
import { endpointIn, forEndpoint, memberBytes, slotWhereSame, staysSame, withFields } from './json-fields.ts';
import {
  expandGiven,
  placeAt,
  removalBy,
  type Look,
  type PutBack,
  type Removal,
  type Slot,
  type Store,
  type StoredValue,
  type StorePlace,
  type Written,
} from './store.ts';
import {
  caOf,
  createClient,
  isSuccess,
  objectAt,
  problemOf,
  removalOf,
  textAt,
  unwritten,
  type StoreAnswer,
  type Client,
  type StoreReply,
} from './store-client.ts';
import { callOf, findEngine, hintFor, pathOf, type Call, type Engine } from './vault-engine.ts';
import { namespaceOf, vaultToken, vaultVariable } from './vault-login.ts';

export async function openVault(spec: VaultSpec, environment: Environment): Promise<Result<Store, SinkProblem>> {
  const tls = await caOf(spec.caFile ?? vaultVariable(environment, 'CACERT'), 'caFile or VAULT_CACERT');
  const address = (spec.address ?? vaultVariable(environment, 'ADDR'))?.replace(/\/$/, '');
  const noAddress = notReady('It is not known where Vault is.', 'Set VAULT_ADDR, or "address" of the sink.');
  const made = !tls.ok
    ? tls
    : address === undefined
      ? failed(noAddress)
      : createClient({ store: 'Vault', address, timeoutMs: spec.timeoutMs, tls: tls.value, environment });
  if (!made.ok) return made;
  const client = made.value;
  const common = namespaceOf(spec, environment);
  if (!/^[\x20-\x7e]*$/.test(common['x-vault-namespace'] ?? ''))
    return failed(
      notReady(
        'The namespace of Vault holds a character that no request can carry.',
        'Correct VAULT_NAMESPACE, or "namespace" of the sink.',
      ),
    );
  const call = callOf(client, common, vaultToken(client, spec, environment));
  const server = `${client.baseUrl.origin}/${common['x-vault-namespace'] ?? ''}`;
  return ok({
    async open(reference) {
      const fields = fieldsFor(spec, reference);
      const taken = forEndpoint(fields.field, fields.endpointField);
      if (taken) return failed(taken);
      const found = await findEngine(client, call, {
        mount: expand(spec.mount, reference),
        path: expand(spec.path, reference),
      });
      return found.ok ? ok(placeOf({ client, call, server, ...found.value, ...fields })) : found;
    },
  });
}

interface Fields {
  readonly field: string;
  readonly endpointField: string | undefined;
}

function fieldsFor({ field, endpointField }: VaultSpec, reference: SecretReference): Fields {
  return {
    field: expand(field, reference),
    endpointField: expandGiven(endpointField, reference),
  };
}

interface Place extends Engine, Fields {
  readonly client: Client;
  readonly call: Call;
  /** The address, with the namespace. */
  readonly server: string;
  /** What others do at once beside the field keeps no write away. */
  readonly triesLeft?: number;
}

function placeOf(place: Place): StorePlace {
  const { server, mount, path, field } = place;
  // A standby may answer, and lag behind.
  return placeAt(`vault:${mount}/${path}#${field}`, server, () => look(place), true);
}

async function look(place: Place): Promise<Look> {
  const { client, call, mount, path, field } = place;
  const read = await call('GET', `${mount}/data/${pathOf(path)}`);
  if (!read.ok) return { is: 'unreadable', problem: read.failure };
  const reply = read.value;
  const data = 'lost' in reply ? undefined : objectAt(reply.body, 'data');
  const metadata = objectAt(data, 'metadata');
  const version = numberAt(metadata, 'version');
  const seen = { version: version ?? 0, made: textAt(metadata, 'created_time') };
  if (isSuccess(reply) && version !== undefined) {
    const fields = objectAt(data, 'data');
    if (fields) {
      const slot = slotOf(place, { ...seen, isLive: true, fields });
      if (!Object.hasOwn(fields, field)) return { is: 'nothing', slot };
      const bytes = memberBytes(fields[field]);
      return bytes ? { is: 'value', bytes, slot } : { is: 'unreadable', problem: tooDeep(field) };
    }
    // A version that was deleted, or written without data.
    if (data?.data === null) return { is: 'nothing', slot: slotOf(place, { ...seen, isLive: false }) };
  }
  if (isNotFound(reply)) return { is: 'nothing', slot: slotOf(place, { ...seen, isLive: false }) };
  if (!('lost' in reply) && reply.status === 403) return lookAtMetadata(place);
  return { is: 'unreadable', problem: problemOf(client, reply, hintFor(reply)) };
}

function tooDeep(field: string): SinkProblem {
  return notReady(`The field ${field} holds an object that is too deep to be read.`, 'Pass another entry.');
}

/** A 404 of a path that has no engine has words in `errors`. */
function isNotFound(answer: StoreAnswer): boolean {
  if ('lost' in answer || answer.status !== 404) return false;
  const errors = answer.body?.errors;
  const isEmpty = Array.isArray(errors) && errors.length === 0;
  return isEmpty || objectAt(answer.body, 'data', 'metadata') !== undefined;
}

async function lookAtMetadata(place: Place): Promise<Look> {
  const { client, call, mount, path } = place;
  const read = await call('GET', `${mount}/metadata/${pathOf(path)}`);
  if (!read.ok) return { is: 'unreadable', problem: read.failure };
  const hidden = { isLive: false, isHidden: true };
  if (isNotFound(read.value)) return { is: 'nothing', slot: slotOf(place, { ...hidden, version: 0 }) };
  const reply = isSuccess(read.value) ? read.value : undefined;
  const data = objectAt(reply?.body, 'data');
  const version = numberAt(data, 'current_version');
  if (version === undefined) return { is: 'unreadable', problem: problemOf(client, read.value) };
  const current = objectAt(data, 'versions', String(version));
  const isGone = version === 0 || (current && (current.destroyed === true || endOf(current) <= timeOf(reply)));
  const seen = { ...hidden, version, made: textAt(current, 'created_time') };
  return isGone
    ? { is: 'nothing', slot: slotOf(place, seen) }
    : { is: 'something', slot: slotOf(place, { ...seen, isLive: true }) };
}

/** By the clock of the store, to the end of the second: the one of this machine may be wrong. Not a number where it is not said. */
function timeOf(reply: StoreReply | undefined): number {
  return Date.parse(reply?.headers.date ?? '') + 999;
}

/** When a version is deleted, which may be yet to come; not a number where it stays. */
function endOf(version: JsonObject | undefined): number {
  return Date.parse(textAt(version, 'deletion_time') ?? '');
}

function numberAt(value: JsonObject | undefined, name: string): number | undefined {
  const found = value?.[name];
  return typeof found === 'number' && Number.isSafeInteger(found) && found >= 0 ? found : undefined;
}

/** A secret as it was seen. */
interface Seen {
  /** 0 where there is none. */
  readonly version: number;
  /** When that version was made, as Vault says it. */
  readonly made?: string | undefined;
  readonly isLive: boolean;
  readonly isHidden?: boolean;
  /** Absent where they cannot be read. */
  readonly fields?: JsonObject;
}

function slotOf(place: Place, seen: Seen): Slot {
  const { field, endpointField } = place;
  const { version, made, isLive, isHidden = false, fields } = seen;
  const held = endpointIn(fields, endpointField);
  return {
    id: String(version),
    stamp: made,
    isHidden,
    endpoint: held,
    prove: () => prove(place, seen),
    async write(value: StoredValue) {
      const { secret, endpoint } = value;
      const written = await writeVersion(place, seen, {
        [field]: openSecret(secret),
        ...(endpoint !== undefined && endpointField !== undefined && { [endpointField]: endpoint }),
      });
      const triesLeft = (place.triesLeft ?? TRIES) - 1;
      const isUnseen = isLive && !fields;
      if (written.is !== 'changed' || isUnseen || triesLeft === 0) return written;
      const now = await look({ ...place, triesLeft });
      return (await slotWhereSame(now, { field, fields, endpoint: held })?.write(value)) ?? written;
    },
    takeOut: (putBack) => takeOut(place, seen, putBack),
  };
}

const TRIES = 20;

/** The default policy lets every token ask. */
async function prove(
  { call, mount, path }: Place,
  { version, isLive, fields }: Seen,
): Promise<SinkProblem | undefined> {
  const at = `${mount}/data/${path}`;
  const asked = await call('POST', 'sys/capabilities-self', { paths: [at] });
  const data = asked.ok && isSuccess(asked.value) ? asked.value.body : undefined;
  const given = objectAt(data, 'data')?.[at] ?? data?.[at];
  if (!Array.isArray(given)) return undefined;
  const has = (...wanted: string[]) => wanted.some((each) => given.includes(each));
  // Without a patch, all fields are written again.
  const isKept = fields !== undefined && staysSame(fields);
  const whole = has('update') && has('read');
  const byField = has('patch') || (whole && isKept);
  if (has('root') || (isLive ? byField : has(version === 0 ? 'create' : 'update'))) return undefined;
  if (isLive && whole && fields) return notReady(NOT_KEPT, `Allow patch at ${at}, which leaves other fields alone.`);
  const wanted = isLive ? 'patch, or update and read' : version === 0 ? 'create' : 'update';
  return notReady(`The policy of the token does not allow to write ${at}.`, `It needs ${wanted} there.`);
}

type Changed = Readonly<Record<string, string | undefined>>;

const NOT_KEPT = 'A field beside it holds a number that could not be written again as it is.';

/** By a patch, which leaves other fields as they are; where the policy has none, by all fields together. */
async function writeVersion(place: Place, { version: cas, isLive, fields }: Seen, changed: Changed): Promise<Written> {
  const { client, call, mount, path } = place;
  const at = `${mount}/data/${pathOf(path)}`;
  if (isLive) {
    const nulled = Object.fromEntries(Object.entries(changed).map(([name, value]) => [name, value ?? null]));
    const patched = await call('PATCH', at, { options: { cas }, data: nulled });
    if (!patched.ok) return { is: 'refused', problem: patched.failure };
    const isPatchRefused = !('lost' in patched.value) && [403, 405].includes(patched.value.status);
    if (!isPatchRefused || !fields || !staysSame(fields)) return writtenBy(client, patched.value, cas);
  }
  const data: unknown = JSON.parse(withFields(isLive ? (fields ?? {}) : {}, changed));
  const posted = await call('POST', at, { options: { cas }, data });
  return posted.ok ? writtenBy(client, posted.value, cas) : { is: 'refused', problem: posted.failure };
}

function writtenBy(client: Client, answer: StoreAnswer, cas: number): Written {
  if (isSuccess(answer)) {
    const made = objectAt(answer.body, 'data');
    const version = numberAt(made, 'version');
    const end = endOf(made);
    const warning = Number.isNaN(end) ? '' : `Vault deletes this version at ${new Date(end).toISOString()}.`;
    if (version !== undefined && version > cas)
      return { is: 'written', id: String(version), ...(warning !== '' && { warning }) };
    return { is: 'uncertain', problem: problemOf(client, answer) };
  }
  if (!('lost' in answer) && isConflict(answer)) return { is: 'changed' };
  return unwritten(client, answer);
}

/** Vault has no status or code of its own for it. */
function isConflict({ status, body }: StoreReply): boolean {
  const errors = body?.errors;
  return (
    status === 400 &&
    Array.isArray(errors) &&
    errors.some((each) => typeof each === 'string' && each.includes('check-and-set parameter did not match'))
  );
}

/** Versions are taken out by their numbers, so that no later one can be met: from the one that was written to the one that was seen. */
async function takeOut(place: Place, seen: Seen, { old, wasUnseen, written, withEndpoint }: PutBack): Promise<Removal> {
  const { client, call, mount, path, field, endpointField } = place;
  const { version, fields } = seen;
  // What stood there before cannot be read, so that it cannot be put back.
  if (wasUnseen) return 'refused';
  const ours = [field, ...(withEndpoint && endpointField !== undefined ? [endpointField] : [])];
  const others = fields ? Object.keys(fields).filter((name) => !ours.includes(name)) : [];
  if (old || others.length > 0) {
    const changed = Object.fromEntries(ours.map((name) => [name, undefined]));
    const end = await writeVersion(place, seen, { ...changed, [field]: old && openSecret(old) });
    if (end.is !== 'written') return removalBy(end);
  }
  const from = Math.max(Number(written ?? version), version - MOST_DESTROYED);
  const versions = Array.from({ length: version - from + 1 }, (_, index) => from + index);
  const destroyed = await call('PUT', `${mount}/destroy/${pathOf(path)}`, { versions });
  if (destroyed.ok && isSuccess(destroyed.value)) return 'done';
  const end = removalOf(client, await call('POST', `${mount}/delete/${pathOf(path)}`, { versions }));
  // By then another version is the current one.
  return old || others.length > 0 ? 'done' : end;
}

/** Those that others wrote beside the secret since. */
const MOST_DESTROYED = 100;
