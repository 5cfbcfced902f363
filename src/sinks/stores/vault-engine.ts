// Requests to Vault and OpenBao, with what a node that lags behind must know, and which part of a path is the engine's.

import { setTimeout as delay } from 'node:timers/promises';
import { failed, ok, type Result } from '../../failure.ts';
import { openSecret, type Secret } from '../../secret/secret.ts';
import { notReady, type SinkProblem } from '../sink.ts';
import { isSuccess, objectAt, problemOf, sendAs, textAt, type Client, type StoreAnswer } from './store-client.ts';
import type { Credential } from './store-credential.ts';

export type Call = (
  method: 'GET' | 'POST' | 'PUT' | 'PATCH',
  path: string,
  body?: object,
) => Promise<Result<StoreAnswer, SinkProblem>>;

export function callOf(client: Client, common: Readonly<Record<string, string>>, token: Credential<Secret>): Call {
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
      largestReply: LARGEST,
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
/** An entry of its storage has 1 MiB at most. */
const LARGEST = 2 * 1024 * 1024;

/** What an answer of Vault means beside its status. */
export function hintFor(answer: StoreAnswer): string {
  const errors = 'lost' in answer ? undefined : answer.body?.errors;
  return Array.isArray(errors) && errors.includes('Vault is sealed') ? 'Vault is sealed: have it unsealed.' : '';
}

export const pathOf = (path: string) => path.split('/').map(encodeURIComponent).join('/');

export interface Engine {
  readonly mount: string;
  readonly path: string;
}

/** Which part of the path is the engine's; only version 2 can refuse to overwrite. */
export async function findEngine(client: Client, call: Call, given: Engine): Promise<Result<Engine, SinkProblem>> {
  const path = `${given.mount}/${given.path}`;
  const asked = await call('GET', `sys/internal/ui/mounts/${pathOf(path)}`);
  if (!asked.ok) return asked;
  const reply = asked.value;
  // What stands before Vault may keep it back; the engine then speaks for itself.
  if (!('lost' in reply) && [403, 404].includes(reply.status)) return ok(given);
  const data = isSuccess(reply) ? objectAt(reply.body, 'data') : undefined;
  const mount = textAt(data, 'path')?.replace(/\/$/, '');
  if (!data || mount === undefined || !path.startsWith(`${mount}/`))
    return failed(problemOf(client, reply, hintFor(reply) || `Vault tells nothing of the engine at ${path}.`));
  const rest = path.slice(mount.length + 1);
  if (textAt(objectAt(data, 'options'), 'version') === '2')
    return ok({ mount, path: mount === given.mount ? rest : rest.replace(/^data\//, '') });
  const message = `The engine at ${mount} is not KV version 2, so that it could overwrite what nobody has seen.`;
  return failed(notReady(message, `Use an engine of version 2, or run: vault kv enable-versioning ${mount}`));
}
