// Vault as far as a sink of it asks: a KV engine of version 2 at `secret/`, one of version 1 at `old/`, tokens, AppRole. After the
// API documentation of Vault and OpenBao, and OpenBao's source (builtin/logical/kv: path_data.go, path_destroy.go).

import { listOf, recordOf, standIn, type Call, type Reply, type StandIn } from './stand-in.ts';

interface Version {
  data: Record<string, unknown> | undefined;
  isDestroyed: boolean;
}

export interface VaultStandIn extends StandIn {
  /** By path below the engine. */
  readonly secrets: Map<string, Version[]>;
  /** What each token may do; a token that is not here is refused. */
  readonly tokens: Map<string, readonly string[]>;
  isSealed: boolean;
  put(path: string, data: Record<string, unknown>): void;
  /** The current version; undefined where it is deleted, destroyed or not there. */
  current(path: string): Record<string, unknown> | undefined;
}

const ALL = ['create', 'read', 'update', 'patch', 'delete'];
export const ROLE = { id: 'role-of-tests-0123', secret: 'canary-secret-id-0123456789' };

export async function vaultStandIn(token: string, rights: readonly string[] = ALL): Promise<VaultStandIn> {
  const secrets = new Map<string, Version[]>();
  const tokens = new Map([[token, rights]]);
  let logins = 0;
  const login = ({ body }: Call): Reply => {
    if (body.role_id !== ROLE.id || body.secret_id !== ROLE.secret)
      return { status: 400, body: { errors: ['invalid role or secret ID'] } };
    logins += 1;
    const client_token = `hvs.canary-login-${logins}-0123456789`;
    tokens.set(client_token, rights);
    return { status: 200, body: { auth: { client_token, lease_duration: 3600 } } };
  };
  const server = await standIn((call) => {
    if (own.isSealed) return { status: 503, body: { errors: ['Vault is sealed'] } };
    if (call.path === '/v1/auth/approle/login') return login(call);
    const given = tokens.get(String(call.headers['x-vault-token']));
    if (!given) return DENIED;
    if (call.path.startsWith('/v1/sys/internal/ui/mounts/')) return mountOf(call.path.slice(27));
    if (call.path === '/v1/sys/capabilities-self') {
      const path = String(listOf(call.body.paths)[0]);
      return { status: 200, body: { data: { [path]: given }, capabilities: given } };
    }
    return engine(secrets, call, new Set(given));
  });
  const own: VaultStandIn = Object.assign(server, {
    secrets,
    states: [secrets],
    tokens,
    isSealed: false,
    put(path: string, data: Record<string, unknown>) {
      secrets.set(path, [...(secrets.get(path) ?? []), { data, isDestroyed: false }]);
    },
    current: (path: string) => secrets.get(path)?.at(-1)?.data,
  });
  return own;
}

const DENIED = { status: 403, body: { errors: ['1 error occurred:\n\t* permission denied\n\n'] } };

function mountOf(path: string): Reply {
  if (path.startsWith('old/'))
    return { status: 200, body: { data: { path: 'old/', type: 'kv', options: { version: '1' } } } };
  if (!path.startsWith('secret/'))
    return { status: 403, body: { errors: ['preflight capability check returned 403'] } };
  return { status: 200, body: { data: { path: 'secret/', type: 'kv', options: { version: '2' } } } };
}

function engine(
  secrets: Map<string, Version[]>,
  { method, path, body, headers }: Call,
  rights: ReadonlySet<string>,
): Reply {
  const [, kind = '', name = ''] = /^\/v1\/secret\/(data|metadata|destroy|delete)\/(.+)$/.exec(path) ?? [];
  const versions = secrets.get(name) ?? [];
  const last = versions.at(-1);
  if (kind === 'metadata') return rights.has('read') || rights.has('read metadata') ? metadata(versions) : DENIED;
  if (kind === 'destroy' || kind === 'delete') {
    if (!rights.has(kind === 'destroy' ? 'update' : 'delete')) return DENIED;
    for (const number of listOf(body.versions)) {
      const version = versions[Number(number) - 1];
      if (version) Object.assign(version, { data: undefined, isDestroyed: kind === 'destroy' });
    }
    return { status: 204 };
  }
  if (kind === '')
    return { status: 404, body: { errors: [`no handler for route "${path.slice(4)}". route entry not found.`] } };
  if (method === 'GET') {
    if (!rights.has('read')) return DENIED;
    if (!last) return { status: 404, body: { errors: [] } };
    const about = {
      version: versions.length,
      destroyed: last.isDestroyed,
      deletion_time: last.data ? '' : '2026-01-01T00:00:00Z',
    };
    return { status: last.data ? 200 : 404, body: { data: { data: last.data ?? null, metadata: about } } };
  }
  const right = method === 'PATCH' ? 'patch' : last ? 'update' : 'create';
  if (!rights.has(right)) return DENIED;
  const { cas } = recordOf(body.options);
  if (cas !== versions.length)
    return { status: 400, body: { errors: ['check-and-set parameter did not match the current version'] } };
  const data = recordOf(body.data);
  if (method === 'PATCH') {
    if (headers['content-type'] !== 'application/merge-patch+json')
      return { status: 415, body: { errors: ['unsupported'] } };
    if (!last?.data) return { status: 404, body: { errors: [] } };
  }
  const merged = method === 'PATCH' ? { ...last?.data, ...data } : data;
  const kept = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null));
  secrets.set(name, [...versions, { data: kept, isDestroyed: false }]);
  return { status: 200, body: { data: { version: versions.length + 1, destroyed: false, deletion_time: '' } } };
}

function metadata(versions: readonly Version[]): Reply {
  if (versions.length === 0) return { status: 404, body: { errors: [] } };
  const each = versions.map(({ data, isDestroyed }, index): [string, object] => [
    String(index + 1),
    { destroyed: isDestroyed, deletion_time: data ? '' : '2026-01-01T00:00:00Z' },
  ]);
  return {
    status: 200,
    body: { data: { current_version: versions.length, versions: Object.fromEntries(each) } },
  };
}
