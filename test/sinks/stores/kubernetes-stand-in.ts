// The API of Kubernetes as far as a sink of it and kubectl ask: Secrets, with optimistic concurrency, dry runs and merge patches. Its
// answers are those of a kube-apiserver of version 1.20: .ci/k8s asks both the same (kubernetes-real.test.ts).

import { request as httpRequest } from 'node:http';
import { createServer } from 'node:https';
import { TLSSocket } from 'node:tls';
import { onTestFinished } from 'vitest';
import { certificateIn } from './certificates.ts';
import { portOf, recordOf, standIn, textsOf, type Call, type Reply, type StandIn } from './stand-in.ts';

interface StoredSecret {
  readonly uid: string;
  readonly version: number;
  readonly type: string;
  readonly data: Readonly<Record<string, string>>;
  readonly isImmutable: boolean;
  /** It has finalizers, and only they keep it. */
  readonly isBeingDeleted?: boolean;
}

export interface KubernetesStandIn extends StandIn {
  /** By `namespace/name`. */
  readonly secrets: Map<string, StoredSecret>;
  /** Bearer tokens that are known, and names in client certificates, with the verbs that each may use. */
  readonly tokens: Map<string, readonly string[]>;
  put(name: string, data: Record<string, string>, more?: Partial<StoredSecret>): void;
  /** Decoded. */
  held(name: string, key: string): string | undefined;
}

/** A namespace that is not there. */
export const NO_NAMESPACE = 'no-such-namespace';
const USER = 'tester';
const VERBS = ['get', 'create', 'patch', 'delete'];

/** What the parts of it share. */
interface World {
  readonly secrets: Map<string, StoredSecret>;
  readonly next: () => number;
}

/** One request that is allowed. */
interface Asked {
  readonly call: Call;
  readonly namespace: string;
  /** Empty for a Secret that is to be made. */
  readonly name: string;
}

export async function kubernetesStandIn(token: string, verbs: readonly string[] = VERBS): Promise<KubernetesStandIn> {
  const tokens = new Map([[token, verbs]]);
  let clock = 100;
  const world: World = { secrets: new Map(), next: () => (clock += 1) };
  const { secrets, next } = world;
  const server = await standIn((call) => {
    const { authorization, [CERTIFICATE]: certified } = call.headers;
    const isAnonymous = authorization === undefined && certified === undefined;
    const rights = tokens.get(String(certified ?? authorization).replace(/^Bearer /, ''));
    if (!rights && !isAnonymous) return failure(401, 'Unauthorized', 'Unauthorized');
    if (rights && Object.hasOwn(DISCOVERY, call.path)) return { status: 200, body: DISCOVERY[call.path] };
    return answerTo(world, call, rights);
  });
  return Object.assign(server, {
    secrets,
    states: [secrets],
    tokens,
    put(name: string, data: Record<string, string>, more: Partial<StoredSecret> = {}) {
      const before = secrets.get(name) ?? { uid: `uid-${next()}`, type: 'Opaque', isImmutable: false };
      const all = { ...secrets.get(name)?.data, ...encoded(data) };
      secrets.set(name, { ...before, version: next(), data: all, ...more });
    },
    held(name: string, key: string) {
      const value = secrets.get(name)?.data[key];
      return value === undefined ? undefined : Buffer.from(value, 'base64').toString('utf8');
    },
  });
}

function encoded(data: object): Record<string, string> {
  const pairs = Object.entries(textsOf(data));
  return Object.fromEntries(pairs.map(([key, value]) => [key, Buffer.from(value, 'utf8').toString('base64')]));
}

/** What kubectl asks first. */
const DISCOVERY: Readonly<Record<string, object>> = {
  '/api': { kind: 'APIVersions', versions: ['v1'] },
  '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [] },
  '/api/v1': {
    kind: 'APIResourceList',
    groupVersion: 'v1',
    resources: [{ name: 'secrets', singularName: '', namespaced: true, kind: 'Secret', verbs: VERBS }],
  },
};

function failure(code: number, reason: string, message: string, details?: object): Reply {
  const more = { message, reason, ...(details && { details }), code };
  return { status: code, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', ...more } };
}

function invalid(name: string, field: string, reason: string, message: string): Reply {
  const cause = { reason, message, field };
  // It is said twice of an id.
  const causes = field === 'metadata.uid' ? [cause, cause] : [cause];
  const details = { ...(name !== '' && { name }), kind: 'Secret', causes };
  return failure(422, 'Invalid', `Secret "${name}" is invalid: ${field}: ${message}`, details);
}

const conflict = (name: string, why: string, kind = 'secrets') =>
  failure(409, 'Conflict', `Operation cannot be fulfilled on ${kind} "${name}": ${why}`, { name, kind });

function answerTo(world: World, call: Call, rights: readonly string[] | undefined): Reply {
  const [, namespace = '', name = ''] = /^\/api\/v1\/namespaces\/([^/]+)\/secrets(?:\/([^/]+))?$/.exec(call.path) ?? [];
  const user = rights ? USER : 'system:anonymous';
  if (namespace === '')
    return failure(403, 'Forbidden', `forbidden: User "${user}" cannot get path "${call.path}"`, {});
  const verb = { GET: 'get', POST: 'create', PATCH: 'patch', DELETE: 'delete' }[call.method] ?? '';
  if (!rights?.includes(verb)) {
    const what = name === '' ? 'secrets' : `secrets "${name}"`;
    const where = `resource "secrets" in API group "" in the namespace "${namespace}"`;
    const details = { ...(name !== '' && { name }), kind: 'secrets' };
    return failure(403, 'Forbidden', `${what} is forbidden: User "${user}" cannot ${verb} ${where}`, details);
  }
  return call.method === 'POST'
    ? creation(world, { call, namespace, name })
    : onExisting(world, { call, namespace, name });
}

function shown(namespace: string, name: string, secret: StoredSecret, isNew = false): object {
  const { uid, version, type, data, isImmutable, isBeingDeleted } = secret;
  const at = '2026-01-01T00:00:00Z';
  const deletion = isBeingDeleted === true && { deletionTimestamp: at, deletionGracePeriodSeconds: 0 };
  const metadata = { name, namespace, uid, ...(!isNew && { resourceVersion: String(version) }), creationTimestamp: at };
  return {
    kind: 'Secret',
    apiVersion: 'v1',
    metadata: { ...metadata, ...deletion, managedFields: [] },
    ...(Object.keys(data).length > 0 && { data }),
    ...(isImmutable && { immutable: true }),
    type,
  };
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const KEY = /^(?!\.\.?$|\.\.)[-._a-zA-Z0-9]{1,253}$/;
const SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

function notASubdomain(name: string): string {
  const letters = "must consist of lower case alphanumeric characters, '-' or '.', and must start and end with";
  const pattern = String.raw`[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*`;
  const example = `an alphanumeric character (e.g. 'example.com', regex used for validation is '${pattern}')`;
  return `Invalid value: "${name}": a lowercase RFC 1123 subdomain ${letters} ${example}`;
}

/** What is wrong with these data. */
function flawIn(name: string, data: Readonly<Record<string, string>>): Reply | undefined {
  if (!Object.values(data).every((value) => BASE64.test(value)))
    return failure(400, 'BadRequest', 'Secret in version "v1" cannot be handled as a Secret: illegal base64 data');
  const wrong = Object.keys(data).find((key) => !KEY.test(key));
  return wrong === undefined
    ? undefined
    : invalid(name, `data[${wrong}]`, 'FieldValueInvalid', `Invalid value: "${wrong}": must not start with '..'`);
}

function creation({ secrets, next }: World, { call, namespace }: Asked): Reply {
  const { body } = call;
  const metadata: Partial<Record<string, string>> = textsOf(body.metadata);
  const { name = '', namespace: said = namespace } = metadata;
  if (said !== namespace) {
    const why = 'the namespace of the provided object does not match the namespace sent on the request';
    return failure(400, 'BadRequest', why);
  }
  if (namespace === NO_NAMESPACE) {
    const details = { name: namespace, kind: 'namespaces' };
    return failure(404, 'NotFound', `namespaces "${namespace}" not found`, details);
  }
  if (name === '')
    return invalid('', 'metadata.name', 'FieldValueRequired', 'Required value: name or generateName is required');
  if (!SUBDOMAIN.test(name)) return invalid(name, 'metadata.name', 'FieldValueInvalid', notASubdomain(name));
  const data = { ...textsOf(body.data), ...encoded(recordOf(body.stringData)) };
  const flaw = flawIn(name, data);
  if (flaw) return flaw;
  const id = `${namespace}/${name}`;
  if (secrets.has(id))
    return failure(409, 'AlreadyExists', `secrets "${name}" already exists`, { name, kind: 'secrets' });
  const type = typeof body.type === 'string' ? body.type : 'Opaque';
  const made = { uid: `uid-${next()}`, version: next(), type, data, isImmutable: body.immutable === true };
  const isDry = call.query.get('dryRun') === 'All';
  if (!isDry) secrets.set(id, made);
  return { status: 201, body: shown(namespace, name, made, isDry) };
}

function onExisting(world: World, asked: Asked): Reply {
  const { call, namespace, name } = asked;
  if (call.method === 'PATCH' && call.headers['content-type'] !== 'application/merge-patch+json')
    return failure(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {});
  const held = world.secrets.get(`${namespace}/${name}`);
  if (!held) return failure(404, 'NotFound', `secrets "${name}" not found`, { name, kind: 'secrets' });
  if (call.method === 'GET') return { status: 200, body: shown(namespace, name, held) };
  return call.method === 'DELETE' ? deletion(world, asked, held) : patch(world, asked, held);
}

function deletion({ secrets }: World, { call, namespace, name }: Asked, held: StoredSecret): Reply {
  const { uid = held.uid, resourceVersion = String(held.version) } = textsOf(call.body.preconditions);
  if (uid !== held.uid) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${held.uid}).`;
    return conflict(name, `${why} The object might have been deleted and then recreated`, 'Secret');
  }
  if (resourceVersion !== String(held.version)) {
    const record = `the ResourceVersion in record (${held.version})`;
    const why = `the ResourceVersion in the precondition (${resourceVersion}) does not match ${record}.`;
    return conflict(name, `${why} The object might have been modified`, 'Secret');
  }
  secrets.delete(`${namespace}/${name}`);
  const details = { name, kind: 'secrets', uid };
  return { status: 200, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details } };
}

function patch({ secrets, next }: World, { call, namespace, name }: Asked, held: StoredSecret): Reply {
  const { body } = call;
  const { uid = held.uid, resourceVersion = String(held.version) } = textsOf(body.metadata);
  if (resourceVersion !== String(held.version))
    return conflict(
      name,
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  const immutable = (field: string, value: string) =>
    invalid(name, field, 'FieldValueInvalid', `Invalid value: "${value}": field is immutable`);
  if (uid !== held.uid) return immutable('metadata.uid', uid);
  const { type = held.type } = textsOf(body);
  if (type !== held.type) return immutable('type', type);
  const all = { ...held.data, ...recordOf(body.data), ...encoded(recordOf(body.stringData)) };
  const data = textsOf(Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null)));
  const flaw = flawIn(name, data);
  if (flaw) return flaw;
  const isSame = JSON.stringify(Object.entries(data).sort()) === JSON.stringify(Object.entries(held.data).sort());
  if (held.isImmutable && !isSame) {
    const why = 'Forbidden: field is immutable when `immutable` is set';
    return invalid(name, 'data', 'FieldValueForbidden', why);
  }
  const isImmutable = held.isImmutable || body.immutable === true;
  const isDry = call.query.get('dryRun') === 'All';
  // What changes nothing makes no version, and a dry run shows the one that is there.
  const isUnchanged = isDry || (isSame && isImmutable === held.isImmutable);
  const changed = { ...held, version: isUnchanged ? held.version : next(), data, isImmutable };
  if (!isDry) secrets.set(`${namespace}/${name}`, changed);
  return { status: 200, body: shown(namespace, name, changed) };
}

/** The header in which a front says whom a client certificate names. */
const CERTIFICATE = 'x-remote-user';

/**
 * The address at which the stand-in is reached by TLS, and by client certificates.
 *
 * @param folder with the certificates of the server and of the authority
 */
export async function securely(server: StandIn, folder: string): Promise<string> {
  const { cert: ca } = certificateIn(folder, 'ca');
  const options = { ...certificateIn(folder, 'server'), ca, requestCert: true, rejectUnauthorized: false };
  const front = createServer(options, (request, response) => {
    const { method, url = '', headers, socket } = request;
    const subject = socket instanceof TLSSocket ? socket.getPeerCertificate().subject : {};
    const { CN: named }: Partial<Record<string, string>> = textsOf(subject);
    const isKnown = socket instanceof TLSSocket && socket.authorized;
    const who = named === undefined ? {} : { [CERTIFICATE]: isKnown ? named : 'a stranger' };
    const onward = { method, headers: { ...headers, ...who }, agent: false };
    const passed = httpRequest(new URL(url, server.address), onward, (reply) => {
      response.writeHead(reply.statusCode ?? 0, reply.headers);
      reply.pipe(response);
    });
    passed.on('error', () => response.destroy());
    request.pipe(passed);
  });
  const port = await portOf(front);
  onTestFinished(() => {
    front.closeAllConnections();
    front.close();
  });
  return `https://127.0.0.1:${port}`;
}
