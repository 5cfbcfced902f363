// GitHub as far as a sink of its secrets asks, by its REST documentation. It opens the sealed boxes with libsodium, as GitHub does.

import sodium from 'libsodium-wrappers';
import { standIn, textsOf, type Reply, type StandIn } from './stand-in.ts';

export interface GithubStandIn extends StandIn {
  /** By the path of the secret, opened. */
  readonly secrets: Map<string, { value: string; updated: string; visibility?: string }>;
  readonly tokens: Set<string>;
  put(path: string, value: string, visibility?: string): void;
}

export async function githubStandIn(token: string): Promise<GithubStandIn> {
  await sodium.ready;
  const keys = sodium.crypto_box_keypair();
  const secrets: GithubStandIn['secrets'] = new Map();
  const tokens = new Set([token]);
  // Each write is a second later, so that each has a time of its own.
  let clock = Date.parse('2026-01-01T00:00:00Z');
  const put = (path: string, value: string, visibility?: string) => {
    clock += 1000;
    const updated = new Date(clock).toISOString().replace('.000', '');
    secrets.set(path, { value, updated, ...(visibility !== undefined && { visibility }) });
  };
  const server = await standIn(({ method, path, headers, body }): Reply => {
    if (headers['user-agent'] === undefined) return { status: 403, body: { message: 'user agent' } };
    if (!tokens.has(String(headers.authorization).replace(/^Bearer /, '')))
      return { status: 401, body: { message: 'Bad credentials' } };
    if (!/^\/(?:repos\/acme\/app\/(?:actions|environments\/prod env)|orgs\/acme\/actions)\/secrets\//.test(path))
      return NOT_FOUND;
    if (path.endsWith('/public-key'))
      return {
        status: 200,
        body: { key_id: '568250167242549743', key: Buffer.from(keys.publicKey).toString('base64') },
      };
    const held = secrets.get(path);
    if (method === 'PUT') {
      const sealed = Buffer.from(String(body.encrypted_value), 'base64');
      const opened = sodium.crypto_box_seal_open(sealed, keys.publicKey, keys.privateKey);
      put(path, Buffer.from(opened).toString('utf8'), textsOf(body).visibility);
      return held ? { status: 204 } : { status: 201, body: {} };
    }
    if (!held) return NOT_FOUND;
    if (method === 'DELETE') {
      secrets.delete(path);
      return { status: 204 };
    }
    const name = path.slice(path.lastIndexOf('/') + 1);
    const visibility = held.visibility === undefined ? {} : { visibility: held.visibility };
    return { status: 200, body: { name, created_at: held.updated, updated_at: held.updated, ...visibility } };
  });
  return Object.assign(server, { secrets, states: [secrets], tokens, put });
}

const NOT_FOUND: Reply = { status: 404, body: { message: 'Not Found' } };
