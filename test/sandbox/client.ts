// The plainest client there is, for tests of the sandbox: one request, one reply, nothing clever.

import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import type { Simulator } from '../atlas-simulator/simulator.ts';

export { sandboxFor } from '../atlas-simulator/sandbox-for.ts';

const VERSION = '2025-03-12';
export const FIRST_PROJECT = '69681d39c9e8cfd375386316';

export type Fields = Record<string, unknown>;

export interface Received {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly text: string;
  /** The body as a JSON object; empty where it is none. */
  readonly json: Fields;
  /** The rows of a page. */
  readonly rows: readonly Fields[];
}

export interface Sending {
  readonly body?: unknown;
  /** Null: no such header. */
  readonly accept?: string | null;
  readonly contentType?: string | null;
  /** Null: no credentials. Default: the access token. */
  readonly authorization?: string | null;
}

export async function call(sandbox: Simulator, method: string, path: string, sending: Sending = {}): Promise<Received> {
  const media = `application/vnd.atlas.${VERSION}+json`;
  const headers = new Headers();
  const set = (name: string, value: string | null) => {
    if (value !== null) headers.set(name, value);
  };
  set('accept', sending.accept === undefined ? media : sending.accept);
  set('authorization', sending.authorization === undefined ? bearer(sandbox) : sending.authorization);
  if (sending.body !== undefined) set('content-type', sending.contentType === undefined ? media : sending.contentType);
  const body = typeof sending.body === 'string' ? sending.body : JSON.stringify(sending.body);
  const reply = await fetch(`${sandbox.baseUrl}/api/atlas/v2${path}`, {
    method,
    headers,
    redirect: 'manual',
    ...(sending.body !== undefined && { body }),
  });
  return received(reply);
}

export async function received(reply: Response): Promise<Received> {
  const text = await reply.text();
  const json = fieldsOf(text);
  const rows: unknown[] = Array.isArray(json.results) ? json.results : [];
  const { status, statusText, headers } = reply;
  return { status, statusText, headers, text, json, rows: rows.map(fields) };
}

/** For comparisons: any text, any number, any object. */
export const TEXT: unknown = expect.any(String);
export const NUMBER: unknown = expect.any(Number);
export const OBJECT: unknown = expect.any(Object);

export const KEYS = `/groups/${FIRST_PROJECT}/aiModelApiKeys`;

const KEY_BODY = { name: 'n', cloud: 'ANY', geography: 'ANY' };

export function create(sandbox: Simulator, body: unknown = KEY_BODY): Promise<Received> {
  return call(sandbox, 'POST', KEYS, { body });
}

export function bearer(sandbox: Simulator): string {
  return `Bearer ${sandbox.credentials.accessToken}`;
}

export function basic(id: string, secret: string): string {
  return `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
}

export interface TokenRequest {
  readonly authorization?: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly path?: string;
}

export async function askToken(sandbox: Simulator, request: TokenRequest = {}): Promise<Received> {
  const { clientId, clientSecret } = sandbox.credentials;
  return received(
    await fetch(`${sandbox.baseUrl}${request.path ?? '/api/oauth/token'}`, {
      method: 'POST',
      headers: {
        authorization: request.authorization ?? basic(clientId, clientSecret),
        'content-type': request.contentType ?? 'application/x-www-form-urlencoded',
      },
      body: request.body ?? 'grant_type=client_credentials',
    }),
  );
}

/**
 * A digest header by the book (RFC 7616, section 3.4.1), with whatever is to be wrong in it; `shown uri` goes
 * into the header while `uri` goes into the response, and so for each.
 */
export function digestHeader(sandbox: Simulator, parts: Readonly<Record<string, string>>): string {
  const all: Record<string, string> = {
    username: sandbox.credentials.publicKey,
    password: sandbox.credentials.privateKey,
    realm: 'MMS Public API',
    qop: 'auth',
    nc: '00000001',
    cnonce: 'abc',
    method: 'GET',
    ...parts,
  };
  const value = (name: string) => all[name] ?? '';
  const md5 = (...texts: string[]) => createHash('md5').update(texts.join(':')).digest('hex');
  const ha1 = md5(value('username'), value('realm'), value('password'));
  const ha2 = md5(value('method'), value('uri'));
  const response = md5(ha1, value('nonce'), value('nc'), value('cnonce'), value('qop'), ha2);
  const shown = (name: string) => all[`shown ${name}`] ?? value(name);
  const quoted = ['username', 'realm', 'nonce', 'uri', 'cnonce'].map((name) => `${name}="${shown(name)}"`);
  return `Digest ${quoted.join(', ')}, response="${response}", qop=${value('qop')}, nc=${value('nc')}`;
}

export function nonceIn(reply: Received): string {
  return /nonce="([^"]+)"/.exec(reply.headers.get('www-authenticate') ?? '')?.[1] ?? '';
}

function fieldsOf(text: string): Fields {
  try {
    return fields(JSON.parse(text));
  } catch {
    return {};
  }
}

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
