// Kubernetes: one key of a Secret. Each write and each deletion names the version that was seen (`resourceVersion`, `uid`), and the
// server refuses where it is another one by then. Other keys of the Secret stay as they are.

import type { Environment } from '../../programs/child-environment.ts';
import type { KubernetesSpec } from '../../config/store-spec.ts';
import { failed, ok, type Result } from '../../failure.ts';
import { openSecret } from '../../secret/secret.ts';
import { isObject, type JsonObject } from '../../text/text.ts';
import { expand, notReady, type SecretReference, type SinkProblem } from '../sink.ts';
import { forEndpoint } from './json-fields.ts';
import { kubernetesAccess, type Access } from './kubernetes-access.ts';
import {
  isSuccess,
  objectAt,
  problemOf,
  sendAs,
  textAt,
  unwritten,
  type StoreAnswer,
  type Client,
} from './store-client.ts';
import type { Credential } from './store-credential.ts';
import {
  expandGiven,
  placeAt,
  removalBy,
  type Look,
  type PutBack,
  type Removal,
  type Slot,
  type Store,
  type StorePlace,
  type Written,
} from './store.ts';

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** An answer, with who gave it. */
type Asked =
  | { readonly ok: true; readonly answer: StoreAnswer; readonly client: Client }
  | { readonly ok: false; readonly problem: SinkProblem };

interface Place {
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
  readonly endpointField: string | undefined;
  readonly call: (method: Method, path: string, body?: object) => Promise<Asked>;
}

export function openKubernetes(spec: KubernetesSpec, environment: Environment, folder?: string): Store {
  const access = kubernetesAccess(spec, environment, folder);
  return {
    async open(reference) {
      const names = namesOf(spec, reference);
      if (![names.namespace, names.name].every((each) => NAME.test(each))) {
        const hint = 'It must be lower-case letters, digits, dots and dashes; pass another entry.';
        return failed(notReady(`${names.namespace}/${names.name} is not a name of a Secret.`, hint));
      }
      const taken = forEndpoint(names.key, names.endpointField);
      if (taken) return failed(taken);
      const asked = await access.get();
      if (!asked.ok) return asked;
      // The address is part of the place: two clusters have two places.
      const cluster = clusterOf(asked.value);
      return ok(placeOf({ ...names, call: callOf(access, cluster) }, cluster));
    },
  };
}

const clusterOf = ({ client, prefix }: Access) => client.baseUrl.origin + prefix;

function callOf(access: Credential<Access>, cluster: string): Place['call'] {
  return async (method, path, body) => {
    let by: Client | undefined;
    const sent = await sendAs(
      access,
      (asking) => {
        const { client, prefix, authorization } = asking;
        by = client;
        // A person may have switched the context of the kubeconfig, which is read again for a new credential.
        if (clusterOf(asking) !== cluster) return Promise.resolve({ lost: 'moved', wasSent: false });
        const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
        const headers = {
          accept: 'application/json',
          ...(authorization && { authorization: openSecret(authorization) }),
          ...(body && { 'content-type': type }),
        };
        const request = { method, path: prefix + path, headers, largestReply: LARGEST };
        return client.send({ ...request, ...(body && { body: JSON.stringify(body) }) });
      },
      // 403 is a right that is missing: another token of the same account has none more.
      ({ status }) => status === 401,
    );
    if (!sent.ok) return { ok: false, problem: sent.failure };
    return by ? { ok: true, answer: sent.value, client: by } : { ok: false, problem: NEVER_ASKED };
  };
}

/** A Secret holds 1 MiB at most, here in base64. */
const LARGEST = 2 * 1024 * 1024;
const NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
const NEVER_ASKED = notReady('Kubernetes was not asked.', 'Try again.');

function namesOf(spec: KubernetesSpec, reference: SecretReference): Omit<Place, 'call'> {
  const [namespace, name, key] = [spec.namespace, spec.name, spec.key].map((each) => expand(each, reference));
  const endpointField = expandGiven(spec.endpointField, reference);
  return { namespace: namespace ?? '', name: name ?? '', key: key ?? '', endpointField };
}

function placeOf(place: Place, origin: string): StorePlace {
  return placeAt(`k8s:${place.namespace}/${place.name}#${place.key}`, origin, () => look(place));
}

const collection = ({ namespace }: Place) => `/api/v1/namespaces/${namespace}/secrets`;
const DRY_RUN = '?dryRun=All';
/** The id of a slot without a Secret. */
const ABSENT = 'absent';

async function look(place: Place): Promise<Look> {
  const found = await find(place);
  if (!found.ok) return { is: 'unreadable', problem: found.failure };
  const slot = slotOf(place, found.value);
  const value = textAt(found.value?.data, place.key);
  return value === undefined ? { is: 'nothing', slot } : { is: 'value', bytes: Buffer.from(value, 'base64'), slot };
}

/** Undefined where there is no such Secret. */
async function find(place: Place): Promise<Result<Seen | undefined, SinkProblem>> {
  const asked = await place.call('GET', `${collection(place)}/${place.name}`);
  if (!asked.ok) return failed(asked.problem);
  const { answer, client } = asked;
  // Something else than this API may answer 404 too.
  if (isNotFound(answer)) return ok(undefined);
  const metadata = isSuccess(answer) ? objectAt(answer.body, 'metadata') : undefined;
  const [version, uid] = [textAt(metadata, 'resourceVersion'), textAt(metadata, 'uid')];
  const data = isSuccess(answer) ? (answer.body?.data ?? {}) : undefined;
  const isWhole = isObject(data) && Object.values(data).every((value) => typeof value === 'string');
  if (!isWhole || version === undefined || uid === undefined) return failed(problemOf(client, answer));
  // What holds it back may let it go at any time, with all that was written into it meanwhile.
  if (textAt(metadata, 'deletionTimestamp') !== undefined)
    return failed(notReady(`The Secret ${place.name} is being deleted.`, 'See which finalizers hold it back.'));
  return ok({ version, uid, data });
}

function isNotFound(answer: StoreAnswer): boolean {
  return !('lost' in answer) && answer.status === 404 && textAt(answer.body, 'reason') === 'NotFound';
}

/** A Secret as it was seen. */
interface Seen {
  readonly version: string;
  readonly uid: string;
  readonly data: JsonObject;
}

const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64');

function slotOf(place: Place, seen: Seen | undefined): Slot {
  const { key, endpointField } = place;
  const held = endpointField === undefined ? undefined : textAt(seen?.data, endpointField);
  return {
    id: seen ? `${seen.uid}/${seen.version}` : ABSENT,
    endpoint: held === undefined ? undefined : Buffer.from(held, 'base64').toString('utf8'),
    async prove() {
      const written = await put(place, seen, { [key]: base64('to see whether this may be written') }, DRY_RUN);
      if (written.is !== 'changed') return 'problem' in written ? written.problem : undefined;
      // Somebody wrote meanwhile, and the delivery looks again; or the server never takes it.
      const now = await find(place);
      return now.ok && now.value?.version === seen?.version ? CONFLICT : undefined;
    },
    write: ({ secret, endpoint }) =>
      putWhereSame(place, seen, {
        [key]: base64(openSecret(secret)),
        ...(endpoint !== undefined && endpointField !== undefined && { [endpointField]: base64(endpoint) }),
      }),
    takeOut: (putBack) => (seen ? takeOut(place, seen, putBack) : Promise.resolve('refused')),
  };
}

const CONFLICT = notReady(
  'Kubernetes answers a write with a conflict (status 409), although nobody has written there meanwhile.',
  'See whether an admission webhook, or a quota, refuses it.',
);

const HINTS: Readonly<Record<number, string>> = {
  404: 'The namespace must exist.',
  422: 'The Secret may be immutable, or the key not of a form that Kubernetes takes.',
};

/** What is null is taken away. */
type Data = Readonly<Record<string, string | null>>;

/** What others do at once beside this key keeps no write away. */
const TRIES = 20;

/** {@link put}, and again onto what others made of the Secret meanwhile, as long as the fields of `data` are as they were seen. */
async function putWhereSame(place: Place, seen: Seen | undefined, data: Data): Promise<Written> {
  let onto = seen;
  for (let tries = 1; ; tries += 1) {
    const written = await put(place, onto, data);
    if (written.is !== 'changed' || tries === TRIES) return written;
    const found = await find(place);
    if (!found.ok) return written;
    onto = found.value;
    if (!Object.keys(data).every((field) => textAt(onto?.data, field) === textAt(seen?.data, field))) return written;
  }
}

async function put(place: Place, seen: Seen | undefined, data: Data, query = ''): Promise<Written> {
  const { name, namespace, call } = place;
  const anew = { apiVersion: 'v1', kind: 'Secret', type: 'Opaque', metadata: { name, namespace }, data };
  const asked = seen
    ? await call('PATCH', `${collection(place)}/${name}${query}`, {
        metadata: { resourceVersion: seen.version, uid: seen.uid },
        data,
      })
    : await call('POST', collection(place) + query, anew);
  if (!asked.ok) return { is: 'refused', problem: asked.problem };
  const { answer, client } = asked;
  const status = 'lost' in answer ? 0 : answer.status;
  if (status === 409 || (seen && isNotFound(answer))) return { is: 'changed' };
  const metadata = isSuccess(answer) ? objectAt(answer.body, 'metadata') : undefined;
  if (!metadata)
    return isSuccess(answer)
      ? { is: 'uncertain', problem: problemOf(client, answer) }
      : unwritten(client, answer, HINTS[status]);
  return { is: 'written', id: `${textAt(metadata, 'uid') ?? ''}/${textAt(metadata, 'resourceVersion') ?? ''}` };
}

/** A Secret that holds nothing else is deleted, by its id and version; where that is not allowed, only the key goes. */
async function takeOut(place: Place, seen: Seen, { old, before, withEndpoint }: PutBack): Promise<Removal> {
  const { key, endpointField, name, call } = place;
  const ours = [key, ...(withEndpoint && endpointField !== undefined ? [endpointField] : [])];
  const isAlone = Object.keys(seen.data).every((each) => ours.includes(each));
  if (!old && isAlone && before === ABSENT) {
    const preconditions = { uid: seen.uid, resourceVersion: seen.version };
    const asked = await call('DELETE', `${collection(place)}/${name}`, {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      preconditions,
    });
    if (asked.ok && isSuccess(asked.answer)) return 'done';
  }
  const gone = Object.fromEntries(ours.map((each) => [each, null]));
  return removalBy(await putWhereSame(place, seen, { ...gone, [key]: old ? base64(openSecret(old)) : null }));
}
