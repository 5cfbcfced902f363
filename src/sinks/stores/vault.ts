// Vault and OpenBao: one field of a secret of a KV engine, version 2. Writes name the version that was seen (`cas`); a version that
// is taken out is destroyed by its number. Facts: the API documentation of both, and OpenBao's source.

import type { Environment } from '../../programs/child-environment.ts';
import { setTimeout as delay } from 'node:timers/promises';
import type { VaultSpec } from '../../config/store-spec.ts';
import { failed, ok, type Result } from '../../failure.ts';
import { openSecret, type Secret } from '../../secret/secret.ts';
import type { JsonObject } from '../../text/text.ts';
import { expand, notReady, type SecretReference, type SinkProblem } from '../sink.ts';
import { endpointIn, forEndpoint, memberBytes, slotWhereSame, staysSame, withFields } from './json-fields.ts';
import {
  expandGiven,
  placeAt,
  type Look,
  type PutBack,
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
  sendAs,
  textAt,
  unwritten,
  type StoreAnswer,
  type Client,
  type StoreReply,
} from './store-client.ts';
import type { Credential } from './store-credential.ts';
import { namespaceOf, vaultToken, vaultVariable } from './vault-login.ts';

type Call = (
  method: 'GET' | 'POST' | 'PUT' | 'PATCH',
  path: string,
  body?: object,
) => Promise<Result<StoreAnswer, SinkProblem>>;

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

function callOf(client: Client, common: Readonly<Record<string, string>>, token: Credential<Secret>): Call {
  /** What was written last, for nodes that lag behind: they answer 412 until they have it. */
  let state: string | undefined;
  const exchange = async (held: Secret, [method, path, body]: Parameters<Call>): Promise<StoreAnswer> => {
    const answer = await client.send({
      method,
      path: `/v1/${path}`,
      headers: {
        ...common,
        'x-vault-token': openSecret(held),
        ...(state !== undefined && { 'x-vault-index': state }),
        ...(body && { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const told = method !== 'GET' && isSuccess(answer) ? answer.headers['x-vault-index'] : undefined;
    if (told !== undefined && /^[\x21-\x7e]{1,1024}$/.test(told)) state = told;
    return answer;
  };
  return (...request) =>
    sendAs(token, async (held) => {
      let answer = await exchange(held, request);
      for (let tries = 1; tries < 4 && !('lost' in answer) && answer.status === 412; tries += 1) {
        await delay(tries * LAG_MS);
        answer = await exchange(held, request);
      }
      return answer;
    });
}

const LAG_MS = 200;

const pathOf = (path: string) => path.split('/').map(encodeURIComponent).join('/');

interface Engine {
  readonly mount: string;
  readonly path: string;
}

/** Which part of the path is the engine's; only version 2 can refuse to overwrite. */
async function findEngine(client: Client, call: Call, given: Engine): Promise<Result<Engine, SinkProblem>> {
  const path = `${given.mount}/${given.path}`;
  const asked = await call('GET', `sys/internal/ui/mounts/${pathOf(path)}`);
  if (!asked.ok) return asked;
  const reply = asked.value;
  // What stands before Vault may keep it back; the engine then speaks for itself.
  if (!('lost' in reply) && [403, 404].includes(reply.status)) return ok(given);
  const data = isSuccess(reply) ? objectAt(reply.body, 'data') : undefined;
  const mount = textAt(data, 'path')?.replace(/\/$/, '');
  if (!data || mount === undefined || !path.startsWith(`${mount}/`))
    return failed(problemOf(client, reply, `Vault tells nothing of the engine at ${path}.`));
  const rest = path.slice(mount.length + 1);
  if (textAt(objectAt(data, 'options'), 'version') === '2')
    return ok({ mount, path: mount === given.mount ? rest : rest.replace(/^data\//, '') });
  const message = `The engine at ${mount} is not KV version 2, so that it could overwrite what nobody has seen.`;
  return failed(notReady(message, `Use an engine of version 2, or run: vault kv enable-versioning ${mount}`));
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
  return placeAt(`vault:${mount}/${path}#${field}`, server, () => look(place));
}

async function look(place: Place): Promise<Look> {
  const { client, call, mount, path, field } = place;
  const read = await call('GET', `${mount}/data/${pathOf(path)}`);
  if (!read.ok) return { is: 'unreadable', problem: read.failure };
  const reply = read.value;
  const data = 'lost' in reply ? undefined : objectAt(reply.body, 'data');
  const version = numberAt(objectAt(data, 'metadata'), 'version');
  if (isSuccess(reply) && version !== undefined) {
    const fields = objectAt(data, 'data');
    if (fields) {
      const slot = slotOf(place, version, true, fields);
      if (!Object.hasOwn(fields, field)) return { is: 'nothing', slot };
      const bytes = memberBytes(fields[field]);
      return bytes ? { is: 'value', bytes, slot } : { is: 'unreadable', problem: tooDeep(field) };
    }
    // A version that was deleted, or written without data.
    if (data?.data === null) return { is: 'nothing', slot: slotOf(place, version, false) };
  }
  if (isNotFound(reply)) return { is: 'nothing', slot: slotOf(place, version ?? 0, false) };
  if (!('lost' in reply) && reply.status === 403) return lookAtMetadata(place);
  return { is: 'unreadable', problem: problemOf(client, reply) };
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
  if (isNotFound(read.value)) return { is: 'nothing', slot: slotOf(place, 0, false) };
  const reply = isSuccess(read.value) ? read.value : undefined;
  const data = objectAt(reply?.body, 'data');
  const version = numberAt(data, 'current_version');
  if (version === undefined) return { is: 'unreadable', problem: problemOf(client, read.value) };
  const current = objectAt(data, 'versions', String(version));
  const isGone = version === 0 || (current && (current.destroyed === true || endOf(current) <= timeOf(reply)));
  return isGone
    ? { is: 'nothing', slot: slotOf(place, version, false) }
    : { is: 'something', slot: slotOf(place, version, true) };
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

/** @param fields absent where they cannot be read */
function slotOf(place: Place, version: number, isLive: boolean, fields?: JsonObject): Slot {
  const { field, endpointField } = place;
  const patch = (changed: Changed) => writeVersion(place, version, changed, { isLive, fields });
  const held = endpointIn(fields, endpointField);
  return {
    id: String(version),
    endpoint: held,
    prove: () => prove(place, version, isLive),
    async write(value: StoredValue) {
      const { secret, endpoint } = value;
      const written = await patch({
        [field]: openSecret(secret),
        ...(endpoint !== undefined && endpointField !== undefined && { [endpointField]: endpoint }),
      });
      const triesLeft = (place.triesLeft ?? TRIES) - 1;
      const isUnseen = isLive && !fields;
      if (written.is !== 'changed' || isUnseen || triesLeft === 0) return written;
      const now = await look({ ...place, triesLeft });
      return (await slotWhereSame(now, { field, fields, endpoint: held })?.write(value)) ?? written;
    },
    takeOut: (putBack) => takeOut(place, version, fields, putBack, patch),
  };
}

const TRIES = 20;

/** The default policy lets every token ask. */
async function prove({ call, mount, path }: Place, version: number, isLive: boolean): Promise<SinkProblem | undefined> {
  const at = `${mount}/data/${path}`;
  const asked = await call('POST', 'sys/capabilities-self', { paths: [at] });
  const data = asked.ok && isSuccess(asked.value) ? asked.value.body : undefined;
  const given = objectAt(data, 'data')?.[at] ?? data?.[at];
  if (!Array.isArray(given)) return undefined;
  const has = (...wanted: string[]) => wanted.some((each) => given.includes(each));
  const suffices =
    has('root') || (isLive ? has('patch') || (has('update') && has('read')) : has(version === 0 ? 'create' : 'update'));
  if (suffices) return undefined;
  const wanted = isLive ? 'patch, or update and read' : version === 0 ? 'create' : 'update';
  return notReady(`The policy of the token does not allow to write ${at}.`, `It needs ${wanted} there.`);
}

type Changed = Readonly<Record<string, string | undefined>>;

interface Onto {
  readonly isLive: boolean;
  readonly fields: JsonObject | undefined;
}

/** By a patch, which leaves other fields as they are; where the policy has none, by all fields together. */
async function writeVersion(place: Place, cas: number, changed: Changed, { isLive, fields }: Onto): Promise<Written> {
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

/** Versions are taken out by their number, so that no later one can be met. */
async function takeOut(
  place: Place,
  version: number,
  fields: JsonObject | undefined,
  { old, wasUnseen, withEndpoint }: PutBack,
  patch: (changed: Changed) => Promise<Written>,
): Promise<void> {
  const { call, mount, path, field, endpointField } = place;
  // What stood there before cannot be read, so that it cannot be put back.
  if (wasUnseen) return;
  const ours = [field, ...(withEndpoint && endpointField !== undefined ? [endpointField] : [])];
  const others = fields ? Object.keys(fields).filter((name) => !ours.includes(name)) : [];
  if (old || others.length > 0) {
    const changed = Object.fromEntries(ours.map((name) => [name, undefined]));
    const written = await patch({ ...changed, [field]: old && openSecret(old) });
    if (written.is !== 'written') return;
  }
  const destroyed = await call('PUT', `${mount}/destroy/${pathOf(path)}`, { versions: [version] });
  if (destroyed.ok && isSuccess(destroyed.value)) return;
  await call('POST', `${mount}/delete/${pathOf(path)}`, { versions: [version] });
}
