// One request to a store by the rules of src/http, with a credential that is renewed once where the store refuses it; and what a
// reply without success means, in words. Nothing of a reply is shown: it may repeat the secret.

import { readFile } from 'node:fs/promises';
import { readProxy } from '../../config/proxy.ts';
import { parseBaseUrl } from '../../config/base-url.ts';
import { ConfigError } from '../../config/config-error.ts';
import { failed, ok, type Result } from '../../failure.ts';
import { systemCode } from '../../files/file-problem.ts';
import { createTransport, type Exchange, type HttpRequest, type TlsIdentity } from '../../http/transport.ts';
import { isObject, parseObject, type JsonObject } from '../../text/text.ts';
import { notReady, type SinkProblem } from '../sink.ts';
import type { Credential } from './store-credential.ts';
import type { Removal, Written } from './store.ts';

export interface StoreReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined where the body is not a whole JSON object. */
  readonly body: JsonObject | undefined;
}

/** The answer, or why there is none. */
export type StoreAnswer = StoreReply | { readonly lost: string; readonly wasSent: boolean };

export interface ClientOptions {
  /** For people, such as `Vault`. */
  readonly store: string;
  readonly address: string;
  readonly timeoutMs: number;
  readonly tls?: TlsIdentity | undefined;
  readonly environment: Readonly<Record<string, string>>;
}

export interface Client {
  readonly store: string;
  readonly baseUrl: URL;
  send(request: HttpRequest): Promise<StoreAnswer>;
}

/** @returns a problem where the address is not one that a secret may be sent to */
export function createClient(options: ClientOptions): Result<Client, SinkProblem> {
  const { store, address, timeoutMs, tls, environment } = options;
  try {
    const baseUrl = parseBaseUrl(address);
    const proxy = readProxy(environment);
    const transport = createTransport({ baseUrl, timeoutMs, ...(proxy && { proxy }), ...(tls && { tls }) });
    return ok({ store, baseUrl, send: resting(async (request) => answerOf(await transport.send(request))) });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const message = `The address of ${store} is not one to which a secret may be sent.`;
    return failed(
      notReady(message, 'It must be https://HOST[:PORT], or http on loopback, without user, path or query.'),
    );
  }
}

const LONGEST_REST_MS = 60 * 60 * 1000;

/** Sends nothing for as long as the store has asked for after too many requests, and answers as it did. */
function resting(send: Client['send']): Client['send'] {
  let rest: { readonly status: number; readonly endsAt: number; readonly restsUntil: number } | undefined;
  return async (request) => {
    const now = Date.now();
    if (rest && now < rest.restsUntil) {
      const seconds = Math.ceil((rest.endsAt - now) / 1000);
      return { status: rest.status, headers: { 'retry-after': String(seconds) }, body: undefined };
    }
    const answer = await send(request);
    const waitMs = 'lost' in answer || !isLimit(answer) ? 0 : 1000 * (waitOf(answer) ?? 0);
    const at = Date.now();
    if (waitMs > 0 && 'status' in answer)
      rest = { status: answer.status, endsAt: at + waitMs, restsUntil: at + Math.min(waitMs, LONGEST_REST_MS) };
    return answer;
  };
}

function answerOf(exchange: Exchange): StoreAnswer {
  switch (exchange.outcome) {
    case 'not_sent':
      return { lost: exchange.reason, wasSent: false };
    case 'lost':
      return { lost: exchange.reason, wasSent: true };
    case 'reply':
      return { status: exchange.status, headers: exchange.headers, body: parseObject(exchange.body) };
  }
}

/** Sends with the credential; once more with another one where the store does not accept it, since then nothing was done. */
export async function sendAs<C>(
  credential: Credential<C>,
  send: (credential: C) => Promise<StoreAnswer>,
  isRefusal: (reply: StoreReply) => boolean = ({ status }) => status === 401 || status === 403,
): Promise<Result<StoreAnswer, SinkProblem>> {
  const given = await credential.get();
  if (!given.ok) return given;
  const answer = await send(given.value);
  if ('lost' in answer || !isRefusal(answer)) return ok(answer);
  const renewed = await credential.renew(given.value, answer.status !== 403);
  if (renewed === undefined) return ok(answer);
  const again = await send(renewed);
  if (!('lost' in again) && isRefusal(again)) credential.rest();
  return ok(again);
}

/** Certificate authorities from a file; undefined where none is named. */
export async function caOf(
  path: string | undefined,
  setting: string,
): Promise<Result<TlsIdentity | undefined, SinkProblem>> {
  if (path === undefined || path === '') return ok(undefined);
  try {
    const ca = await readFile(path, 'utf8');
    // Without a certificate Node would trust the usual authorities.
    if (/-----BEGIN [A-Z ]*CERTIFICATE-----/.test(ca)) return ok({ ca });
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
  }
  const message = `The file that ${setting} names cannot be read, or has no certificate in PEM.`;
  return failed(notReady(message, 'Correct the file or the setting.'));
}

export function objectAt(value: unknown, ...path: readonly string[]): JsonObject | undefined {
  const found = path.reduce<unknown>(
    (at, name) => (isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined),
    value,
  );
  return isObject(found) ? found : undefined;
}

export function textAt(value: unknown, name: string): string | undefined {
  const found = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return typeof found === 'string' ? found : undefined;
}

export function isSuccess(answer: StoreAnswer): answer is StoreReply {
  return !('lost' in answer) && answer.status >= 200 && answer.status < 300;
}

/** Whether the store had too many requests, for which GitHub has a status of rights too. */
export function isLimit({ status, headers, body }: StoreReply): boolean {
  if (status !== 403) return status === 429;
  const isSaid = 'retry-after' in headers || headers['x-ratelimit-remaining'] === '0';
  return isSaid || /rate limit/i.test(textAt(body, 'message') ?? '');
}

/** For how many seconds a store that had too many requests wants none; undefined where it names no time to come. */
function waitOf({ headers }: StoreReply): number | undefined {
  const numberIn = (name: string) => Number(/^[0-9]{1,12}$/.exec(headers[name] ?? '')?.[0] ?? NaN);
  const [after, reset] = [numberIn('retry-after'), numberIn('x-ratelimit-reset')];
  const date = Date.parse(headers.date ?? '');
  const now = Number.isNaN(date) ? Date.now() : date;
  const isSpent = headers['x-ratelimit-remaining'] === '0';
  const seconds = Number.isNaN(after) && isSpent ? Math.ceil(reset - now / 1000) : after;
  return seconds > 0 ? seconds : undefined;
}

/** Why a store did not do what it was asked, for a person. */
export function problemOf(client: Client, answer: StoreAnswer, hint = ''): SinkProblem {
  const { store } = client;
  if ('lost' in answer) {
    const why = LOST[answer.lost] ?? 'could not be reached';
    return notReady(
      `${store} ${why}.`,
      join(hint, `See that ${client.baseUrl.origin} can be reached from here, and try again.`),
    );
  }
  const { status } = answer;
  if (isLimit(answer)) {
    const wait = waitOf(answer);
    const when = wait === undefined ? 'in a minute' : `in ${wait} seconds`;
    return notReady(`${store} takes no more requests for now (status ${status}).`, `Try again ${when}.`);
  }
  if (status === 401)
    return notReady(
      `${store} does not accept the credential (status 401).`,
      join(hint, 'Give this server another one.'),
    );
  if (status === 403)
    return notReady(
      `${store} does not allow this (status 403).`,
      join(
        hint,
        'See whether the credential is still good, and has the rights that docs/sinks.md wants for this kind.',
      ),
    );
  if (status >= 300 && status < 400)
    return notReady(
      `${store} points elsewhere (status ${status}), and no redirect is followed.`,
      join(hint, 'Configure the address that answers itself.'),
    );
  if (isSuccess(answer))
    return notReady(
      `${store} answered something that could not be understood.`,
      join(hint, 'See what answers at its address.'),
    );
  return notReady(`${store} answered with status ${status}.`, join(hint, 'See how it is, and try again.'));
}

const join = (hint: string, advice: string) => (hint === '' ? advice : `${hint} ${advice}`);

const LOST: Readonly<Record<string, string>> = {
  timeout: 'did not answer in time',
  refused: 'refused the connection',
  unresolved: 'has a host name that could not be resolved',
  tls: 'has no certificate that is trusted (its authority belongs in caFile)',
  connection: 'ended the connection',
  moved: 'is at another address now than when this began',
};

/** What a write that was not a success did. Only a refusal by the store itself says that nothing was written. */
export function unwritten(
  client: Client,
  answer: StoreAnswer,
  hint?: string,
): Exclude<Written, { is: 'written' | 'changed' }> {
  const problem = problemOf(client, answer, hint);
  if ('lost' in answer) return { is: answer.wasSent ? 'uncertain' : 'refused', problem };
  const isRefused = answer.status >= 300 && answer.status < 500 && answer.status !== 408;
  if (isRefused) return { is: 'refused', problem };
  // A store that stumbles, or what stands before it, says so of writes too that are carried out afterwards.
  return { is: 'uncertain', problem };
}

/**
 * What a request that takes something away did.
 *
 * @param isDone whether the store says that it did it; what stands before it may answer with a success too
 */
export function removalOf(
  client: Client,
  asked: Result<StoreAnswer, SinkProblem>,
  isDone: (answer: StoreAnswer) => boolean = isSuccess,
): Removal {
  if (!asked.ok) return 'refused';
  return isDone(asked.value) ? 'done' : unwritten(client, asked.value).is;
}
