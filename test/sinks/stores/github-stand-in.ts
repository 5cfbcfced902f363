// GitHub as far as a sink of its secrets and the gh client ask, by its REST documentation. It opens the sealed boxes with libsodium,
// as GitHub does. The gh client is its judge (gh.test.ts).

import sodium from 'libsodium-wrappers';
import { standIn, textsOf, type Call, type Reply, type StandIn } from './stand-in.ts';

interface GithubSecret {
  readonly value: string;
  readonly updated: string;
  readonly visibility?: string;
}

export interface GithubStandIn extends StandIn {
  /** By the path of the secret, opened. */
  readonly secrets: Map<string, GithubSecret>;
  /** And what each may do. */
  readonly tokens: Map<string, 'read' | 'write'>;
  put(path: string, value: string, visibility?: string): void;
  /** As GitHub does now and then: what was sealed for the key of before is refused. */
  exchangeKey(): void;
  /** Whether the repository is. */
  isArchived: boolean;
  /** Of the next write, in milliseconds since the epoch. */
  clock: () => number;
}

const REPOSITORY = '/repos/acme/app';
const PLACE = /^\/(?:repos\/acme\/app\/(?:actions|environments\/prod env)|orgs\/acme\/actions)\/secrets/;

export async function githubStandIn(token: string): Promise<GithubStandIn> {
  await sodium.ready;
  let key = { id: '568250167242549743', ...sodium.crypto_box_keypair() };
  const secrets: GithubStandIn['secrets'] = new Map();
  const tokens: GithubStandIn['tokens'] = new Map([[token, 'write']]);
  // Each write is a second later, so that each has a time of its own.
  let seconds = Date.parse('2026-01-01T00:00:00Z');
  const put: GithubStandIn['put'] = (path, value, visibility) => {
    const updated = `${new Date(own.clock()).toISOString().slice(0, 19)}Z`;
    secrets.set(path, { value, updated, ...(visibility !== undefined && { visibility }) });
  };
  const server = await standIn((call): Reply => {
    const refusal = refusalOf(call, tokens);
    if (refusal) return refusal;
    const { method, path, body } = call;
    if (path === REPOSITORY) return { status: 200, body: { full_name: 'acme/app', archived: own.isArchived } };
    const [place = ''] = PLACE.exec(path) ?? [];
    const name = path.slice(place.length + 1).toUpperCase();
    if (name === '') return { status: 200, body: listOf(place, secrets) };
    if (name === 'PUBLIC-KEY')
      return { status: 200, body: { key_id: key.id, key: Buffer.from(key.publicKey).toString('base64') } };
    const at = `${place}/${name}`;
    const held = secrets.get(at);
    if (method === 'PUT') {
      const { key_id: keyId, encrypted_value: sealed = '', visibility } = textsOf(body);
      const isPlaced = place.startsWith('/orgs/') === (visibility !== undefined);
      if (keyId !== key.id || !/^(?!GITHUB_)[A-Z_][A-Z0-9_]*$/.test(name) || !isPlaced) return UNPROCESSABLE;
      const opened = sodium.crypto_box_seal_open(Buffer.from(sealed, 'base64'), key.publicKey, key.privateKey);
      put(at, Buffer.from(opened).toString('utf8'), visibility);
      return held ? { status: 204 } : { status: 201, body: {} };
    }
    if (!held) return NOT_FOUND;
    if (method === 'GET') return { status: 200, body: shown(name, held) };
    secrets.delete(at);
    return { status: 204 };
  });
  const own: GithubStandIn = Object.assign(server, {
    secrets,
    states: [secrets],
    tokens,
    put,
    isArchived: false,
    clock: () => (seconds += 1000),
    exchangeKey() {
      key = { id: `${key.id}0`, ...sodium.crypto_box_keypair() };
    },
  });
  return own;
}

/** Why a call gets nothing, whatever it asks for. */
function refusalOf({ method, path, headers }: Call, tokens: GithubStandIn['tokens']): Reply | undefined {
  if (headers['user-agent'] === undefined) return { status: 403, body: { message: 'user agent' } };
  const may = tokens.get(String(headers.authorization).replace(/^(?:Bearer|token) /, ''));
  if (may === undefined) return { status: 401, body: { message: 'Bad credentials' } };
  if (path.startsWith('/repos/acme/renamed/')) return { status: method === 'GET' ? 301 : 307, headers: MOVED };
  if (!PLACE.test(path) && path !== REPOSITORY) return NOT_FOUND;
  if (method !== 'GET' && may !== 'write')
    return { status: 403, body: { message: 'Resource not accessible by personal access token' } };
  return undefined;
}

function listOf(place: string, secrets: GithubStandIn['secrets']) {
  const there = [...secrets].filter(([path]) => path.startsWith(`${place}/`));
  return {
    total_count: there.length,
    secrets: there.map(([path, held]) => shown(path.slice(place.length + 1), held)),
  };
}

function shown(name: string, { updated, visibility }: GithubSecret) {
  return { name, created_at: updated, updated_at: updated, ...(visibility !== undefined && { visibility }) };
}

const MOVED = { location: 'https://api.github.com/repositories/1296269' };
const NOT_FOUND: Reply = { status: 404, body: { message: 'Not Found' } };
const UNPROCESSABLE: Reply = { status: 422, body: { message: 'Validation Failed' } };
