// The API of Kubernetes as far as a sink of it asks: Secrets, with optimistic concurrency, dry runs and merge patches. After what a
// kube-apiserver of version 1.20 answered; .ci/k8s runs the same tests against a real one.

import { recordOf, standIn, textsOf, type Call, type Reply, type StandIn } from './stand-in.ts';

interface StoredSecret {
  uid: string;
  version: number;
  data: Record<string, string>;
  isImmutable?: boolean;
}

export interface KubernetesStandIn extends StandIn {
  /** By `namespace/name`. */
  readonly secrets: Map<string, StoredSecret>;
  /** Bearer tokens that are known, with the verbs that each may use. */
  readonly tokens: Map<string, readonly string[]>;
  put(name: string, data: Record<string, string>): void;
  /** Decoded. */
  held(name: string, key: string): string | undefined;
}

const VERBS = ['get', 'create', 'patch', 'delete'];

export async function kubernetesStandIn(token: string, verbs: readonly string[] = VERBS): Promise<KubernetesStandIn> {
  const secrets = new Map<string, StoredSecret>();
  const tokens = new Map([[token, verbs]]);
  let clock = 100;
  const next = () => (clock += 1);
  const server = await standIn((call) => {
    const rights = tokens.get(String(call.headers.authorization).replace(/^Bearer /, ''));
    if (!rights) return status(401, 'Unauthorized');
    const [, namespace = '', name = ''] =
      /^\/api\/v1\/namespaces\/([^/]+)\/secrets(?:\/([^/]+))?$/.exec(call.path) ?? [];
    if (namespace === '') return { status: 404, body: '404 page not found' };
    return secretCall(secrets, next, call, rights, namespace, name);
  });
  return Object.assign(server, {
    secrets,
    states: [secrets],
    tokens,
    put(name: string, data: Record<string, string>) {
      const held = secrets.get(name);
      const encoded = Object.entries(data).map(([key, value]): [string, string] => [
        key,
        Buffer.from(value, 'utf8').toString('base64'),
      ]);
      const all = { ...held?.data, ...textsOf(Object.fromEntries(encoded)) };
      secrets.set(name, { uid: held?.uid ?? `uid-${next()}`, version: next(), data: all });
    },
    held(name: string, key: string) {
      const value = secrets.get(name)?.data[key];
      return value === undefined ? undefined : Buffer.from(value, 'base64').toString('utf8');
    },
  });
}

function status(code: number, reason: string): Reply {
  return { status: code, body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, code } };
}

function shown(namespace: string, name: string, { uid, version, data }: StoredSecret): object {
  const metadata = { name, namespace, uid, resourceVersion: String(version) };
  return { kind: 'Secret', apiVersion: 'v1', metadata, type: 'Opaque', data };
}

function secretCall(
  secrets: Map<string, StoredSecret>,
  next: () => number,
  { method, query, body, headers }: Call,
  rights: readonly string[],
  namespace: string,
  named: string,
): Reply {
  const isDry = query.get('dryRun') === 'All';
  const metadata: Partial<Record<string, string>> = textsOf(body.metadata);
  const name = named === '' ? (metadata.name ?? '') : named;
  const id = `${namespace}/${name}`;
  const held = secrets.get(id);
  const verb = { GET: 'get', POST: 'create', PATCH: 'patch', DELETE: 'delete' }[method] ?? '';
  if (!rights.includes(verb)) return status(403, 'Forbidden');
  if (method === 'POST') {
    if (held) return status(409, 'AlreadyExists');
    const made = { uid: `uid-${next()}`, version: next(), data: textsOf(body.data) };
    if (!isDry) secrets.set(id, made);
    return { status: 201, body: shown(namespace, name, made) };
  }
  if (!held) return status(404, 'NotFound');
  if (method === 'GET') return { status: 200, body: shown(namespace, name, held) };
  if (method === 'DELETE') {
    const { uid, resourceVersion } = textsOf(body.preconditions);
    if (uid !== held.uid || resourceVersion !== String(held.version)) return status(409, 'Conflict');
    secrets.delete(id);
    return { status: 200, body: { kind: 'Status', status: 'Success' } };
  }
  if (headers['content-type'] !== 'application/merge-patch+json') return status(415, 'UnsupportedMediaType');
  if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== String(held.version))
    return status(409, 'Conflict');
  if (metadata.uid !== undefined && metadata.uid !== held.uid) return status(409, 'Conflict');
  if (held.isImmutable) return status(422, 'Invalid');
  const merged = Object.entries({ ...held.data, ...recordOf(body.data) }).filter(([, value]) => value !== null);
  const changed = { ...held, version: next(), data: textsOf(Object.fromEntries(merged)) };
  if (!isDry) secrets.set(id, changed);
  return { status: 200, body: shown(namespace, name, changed) };
}
