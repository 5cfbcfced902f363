// Vault as far as a sink of it asks: KV engines of version 2 at `secret/` and `team/kv/`, one of version 1 at `old/`, tokens with
// rights, AppRole, Kubernetes. After the source of OpenBao and of Vault's engine (kv: path_data.go, path_metadata.go, path_destroy.go,
// passthrough.go; sdk: response_util.go; vault: logical_system.go), with their words and statuses.

import { listOf, recordOf, standIn, type Call, type Reply, type StandIn } from './stand-in.ts';

interface Version {
  /** Undefined once it is destroyed; null where somebody wrote no data. */
  data: Record<string, unknown> | null | undefined;
  /** Gone from then on, in milliseconds since the epoch; such a version can be had back. */
  deletedAt?: number | undefined;
  readonly madeAt?: string;
}

export interface VaultStandIn extends StandIn {
  /** By path, the engine's included, such as `secret/apps/app`. */
  readonly secrets: Map<string, Version[]>;
  /** What each token may do; a token that is not here is refused. */
  readonly tokens: Map<string, readonly string[]>;
  isSealed: boolean;
  /** Before Vault 1.9 there was none. */
  hasPatch: boolean;
  /** Writes without `cas` are refused. */
  isCasRequired: boolean;
  /** Where tokens, logins and engines are; the root where it is undefined. */
  namespace: string | undefined;
  /** Of each version that is written, in milliseconds (`delete_version_after`). */
  versionsLiveFor: number | undefined;
  /** @param path below `secret/` */
  put(path: string, data: Record<string, unknown> | null): void;
  softDelete(path: string): void;
  destroy(path: string): void;
  /** The current version; undefined where it is deleted, destroyed or not there. */
  current(path: string): Record<string, unknown> | undefined;
}

/** Of a token: what the policy grants on `data`, and on other paths of the engine where one is named. */
const ALL = ['create', 'read', 'update', 'patch', 'delete', 'read metadata', 'update destroy', 'update delete'];
export const ROLE = { id: 'role-of-tests-0123', secret: 'canary-secret-id-0123456789' };
export const POD = { role: 'keys', token: 'canary-jwt-of-the-pod-0123456789' };
const ENGINES = new Map([
  ['secret/', '2'],
  ['team/kv/', '2'],
  ['old/', '1'],
]);

export async function vaultStandIn(token: string, rights: readonly string[] = ALL): Promise<VaultStandIn> {
  let logins = 0;
  const login = (isAccepted: boolean, refusal: Reply): Reply => {
    if (!isAccepted) return refusal;
    logins += 1;
    const client_token = `hvs.canary-login-${logins}-0123456789`;
    own.tokens.set(client_token, rights);
    return { status: 200, body: { ...ENVELOPE, data: null, auth: { client_token, lease_duration: 3600 } } };
  };
  const server = await standIn((call) => {
    const { path, body, headers } = call;
    if (own.isSealed) return refused(503, 'Vault is sealed');
    if (path === '/v1/sys/health') return { status: 200, body: { sealed: false } };
    if (headers['x-vault-namespace'] !== own.namespace)
      return refused(404, `no handler for route "${path.slice(4)}". route entry not found.`);
    if (path === '/v1/auth/approle/login')
      return login(
        body.role_id === ROLE.id && body.secret_id === ROLE.secret,
        refused(400, 'invalid role or secret ID'),
      );
    if (path === '/v1/auth/kubernetes/login')
      return login(body.role === POD.role && body.jwt === POD.token, refused(403, 'permission denied'));
    const given = own.tokens.get(String(headers['x-vault-token']));
    if (!given) return refused(403, '2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n');
    return answer(own, call, new Set(given));
  });
  const secrets = new Map<string, Version[]>();
  const own: VaultStandIn = Object.assign(server, {
    secrets,
    states: [secrets],
    tokens: new Map([[token, rights]]),
    isSealed: false,
    hasPatch: true,
    isCasRequired: false,
    namespace: undefined,
    versionsLiveFor: undefined,
    put(path: string, data: Record<string, unknown> | null) {
      own.secrets.set(`secret/${path}`, [...(own.secrets.get(`secret/${path}`) ?? []), versionOf(own, data)]);
    },
    softDelete(path: string) {
      Object.assign(own.secrets.get(`secret/${path}`)?.at(-1) ?? {}, { deletedAt: Date.now() - 1000 });
    },
    destroy(path: string) {
      Object.assign(own.secrets.get(`secret/${path}`)?.at(-1) ?? {}, { data: undefined });
    },
    current(path: string) {
      const last = own.secrets.get(`secret/${path}`)?.at(-1);
      return last && !isGone(last) && last.data ? last.data : undefined;
    },
  });
  return own;
}

const ENVELOPE = {
  request_id: 'b2e7',
  lease_id: '',
  lease_duration: 0,
  renewable: false,
  wrap_info: null,
  warnings: null,
};
const refused = (status: number, ...errors: string[]): Reply => ({ status, body: { errors } });
const DENIED = refused(403, '1 error occurred:\n\t* permission denied\n\n');
const NOT_FOUND = refused(404);
const ok = (data: unknown, status = 200): Reply => ({ status, body: { ...ENVELOPE, auth: null, data } });

const versionOf = ({ versionsLiveFor }: VaultStandIn, data: Version['data']): Version => ({
  data,
  deletedAt: versionsLiveFor === undefined ? undefined : Date.now() + versionsLiveFor,
  // To the nanosecond, of which no two are the same.
  madeAt: new Date().toISOString().replace('Z', `${String((made += 1)).padStart(6, '0')}Z`),
});
let made = 0;
const isGone = ({ data, deletedAt = Infinity }: Version) => data === undefined || deletedAt <= Date.now();
const aboutVersion = ({ data, deletedAt, madeAt }: Version) => ({
  created_time: madeAt ?? '2026-01-01T00:00:00.123456789Z',
  deletion_time: deletedAt === undefined ? '' : new Date(deletedAt).toISOString().replace('Z', '000123Z'),
  destroyed: data === undefined,
});

function answer(vault: VaultStandIn, call: Call, rights: ReadonlySet<string>): Reply {
  const path = call.path.slice('/v1/'.length);
  const engineOf = (of: string) => [...ENGINES.keys()].find((each) => of.startsWith(each));
  if (path.startsWith('sys/internal/ui/mounts/')) {
    const asked = path.slice('sys/internal/ui/mounts/'.length);
    const mount = engineOf(`${asked}/`);
    if (mount === undefined || rights.size === 0)
      return refused(
        403,
        `preflight capability check returned 403, please ensure client's policies grant access to path "${asked}/"`,
      );
    return ok({ path: mount, type: 'kv', uuid: 'u', options: { version: ENGINES.get(mount) }, local: false });
  }
  if (path === 'sys/capabilities-self') {
    if (rights.has('no default policy')) return DENIED;
    const asked = String(listOf(call.body.paths)[0]);
    const given = [...rights].filter((right) => !right.includes(' '));
    const capabilities = given.length === 0 ? ['deny'] : given;
    return { status: 200, body: { ...ENVELOPE, [asked]: capabilities, capabilities, data: { [asked]: capabilities } } };
  }
  const mount = engineOf(path);
  if (mount === undefined) return refused(404, `no handler for route "${path}". route entry not found.`);
  if (ENGINES.get(mount) === '1') return unversioned(vault, call, path);
  const [, kind = '', name = ''] = /^(data|metadata|destroy|delete)\/(.+)$/.exec(path.slice(mount.length)) ?? [];
  if (kind === '') return refused(404, '1 error occurred:\n\t* unsupported path\n\n');
  return engine(vault, call, { kind, at: `${mount}${name}`, rights });
}

/** Version 1 keeps whatever is sent, and says nothing of it. */
function unversioned({ secrets }: VaultStandIn, { method, body }: Call, path: string): Reply {
  const held = secrets.get(path)?.at(-1)?.data;
  if (method === 'GET') return held ? ok(held) : NOT_FOUND;
  secrets.set(path, [{ data: { ...body } }]);
  return { status: 204 };
}

interface Asked {
  readonly kind: string;
  readonly at: string;
  readonly rights: ReadonlySet<string>;
}

function engine(vault: VaultStandIn, call: Call, { kind, at, rights }: Asked): Reply {
  const { method, body } = call;
  const versions = vault.secrets.get(at) ?? [];
  if (kind === 'metadata' && method === 'DELETE') {
    if (!rights.has('delete')) return DENIED;
    vault.secrets.delete(at);
    return { status: 204 };
  }
  if (kind === 'metadata') {
    if (!rights.has('read metadata')) return DENIED;
    return versions.length === 0 ? NOT_FOUND : ok(metadataOf(versions));
  }
  if (kind === 'destroy' || kind === 'delete') {
    if (!rights.has(`update ${kind}`)) return DENIED;
    for (const number of listOf(body.versions)) {
      const change = kind === 'destroy' ? { data: undefined } : { deletedAt: Date.now() - 1 };
      Object.assign(versions[Number(number) - 1] ?? {}, change);
    }
    return { status: 204 };
  }
  if (method === 'GET') return rights.has('read') ? read(versions) : DENIED;
  if (method === 'PATCH' && !vault.hasPatch) return refused(405, '1 error occurred:\n\t* unsupported operation\n\n');
  if (!rights.has(method === 'PATCH' ? 'patch' : versions.length > 0 ? 'update' : 'create')) return DENIED;
  return write(vault, call, at, versions);
}

function read(versions: readonly Version[]): Reply {
  const last = versions.at(-1);
  if (!last) return NOT_FOUND;
  const metadata = { version: versions.length, ...aboutVersion(last), custom_metadata: null };
  return isGone(last) ? ok({ data: null, metadata }, 404) : ok({ data: last.data, metadata });
}

function metadataOf(versions: readonly Version[]): object {
  const each = versions.map((version, index) => [String(index + 1), aboutVersion(version)] as const);
  return {
    current_version: versions.length,
    oldest_version: 1,
    max_versions: 0,
    cas_required: false,
    delete_version_after: '0s',
    custom_metadata: null,
    versions: Object.fromEntries(each),
  };
}

function write(vault: VaultStandIn, { method, body, headers }: Call, at: string, versions: readonly Version[]): Reply {
  const last = versions.at(-1);
  const isPatch = method === 'PATCH';
  if (isPatch && headers['content-type'] !== 'application/merge-patch+json')
    return refused(415, 'PATCH requires Content-Type of application/merge-patch+json, provided application/json');
  if (!('data' in body)) return refused(400, 'no data provided');
  if (isPatch && !last) return NOT_FOUND;
  const { cas } = recordOf(body.options);
  if (cas === undefined && vault.isCasRequired) return refused(400, 'check-and-set parameter required for this call');
  if (cas !== undefined && Number(cas) !== versions.length)
    return refused(400, 'check-and-set parameter did not match the current version');
  if (isPatch && last && isGone(last)) return ok({ version: versions.length, ...aboutVersion(last) }, 404);
  if (isPatch && !last?.data) return refused(500, '1 error occurred:\n\t* resource does not exist\n\n');
  const data = recordOf(body.data);
  const merged = { ...last?.data, ...data };
  const kept = isPatch ? Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null)) : data;
  const version = versionOf(vault, kept);
  vault.secrets.set(at, [...versions, version]);
  return ok({ version: versions.length + 1, ...aboutVersion(version), custom_metadata: null });
}
