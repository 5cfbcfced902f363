// A secret, wherever it comes from: kept once it was fetched, and fetched anew where Atlas refuses it or it is about to
// end. One fetch at a time, however many callers wait for it.

import type { HeldSecret } from '../config/credentials.ts';
import { isSameSecret, Secret } from '../secret/secret.ts';
import { tokenEnd } from '../secret/token-end.ts';
import type { AtlasResult } from './failure.ts';
import { orCancelled } from './or-cancelled.ts';
import { secretOfFile } from './secret-of-file.ts';
import { secretOfProgram } from './secret-of-program.ts';

export interface SecretSource {
  /** What a person does when Atlas does not accept it. */
  readonly remedy: string;
  /** @param signal ends this caller's wait as CANCELLED */
  get(signal?: AbortSignal): Promise<AtlasResult<Secret>>;
  /** Whether there is another one than `refused`, which Atlas has not accepted. */
  renew(refused: Secret): Promise<boolean>;
}

/** Fetches the secret. `refused` is the one that Atlas has not accepted, where there is one. */
export type FetchSecret = (refused: Secret | undefined) => Promise<AtlasResult<Secret>>;

/** A program that failed, or had nothing new, is left alone for so long: it may ask a person each time. */
const REST_MS = 30_000;
const RENEW_AHEAD_MS = 60_000;

/** @param setting by which the operator gave it, where it is the secret itself */
export function secretSource(held: HeldSecret, setting: string): SecretSource {
  if (held instanceof Secret) {
    const remedy = `a person makes a new one in Atlas and sets ${setting}, then restarts this server.`;
    return { remedy, get: () => Promise.resolve({ ok: true, value: held }), renew: () => Promise.resolve(false) };
  }
  if ('file' in held) {
    const remedy = `a person makes a new one in Atlas and puts it into the file of ${held.setting}; no restart is needed.`;
    return fetchedSource(() => secretOfFile(held), { remedy, restMs: 0 });
  }
  const remedy = `a person makes a new one in Atlas and sees that the program of ${held.setting} prints it; no restart is needed.`;
  return fetchedSource(() => secretOfProgram(held), { remedy, restMs: REST_MS });
}

/** Whether a token is so near its end that the next one is needed. What is no JWT is not known to end. */
export function endsSoon(token: Secret): boolean {
  return (tokenEnd(token) ?? Number.POSITIVE_INFINITY) - RENEW_AHEAD_MS <= Date.now();
}

export function fetchedSource(
  fetchSecret: FetchSecret,
  { remedy, restMs = REST_MS }: { readonly remedy: string; readonly restMs?: number },
): SecretSource {
  let kept: Secret | undefined;
  let lastFailure: AtlasResult<Secret> | undefined;
  let restsUntil = 0;
  let underWay: Promise<AtlasResult<Secret>> | undefined;

  /** Where it brought nothing new, it is not asked again at once. */
  const learn = (fetched: AtlasResult<Secret>) => {
    const isNew = fetched.ok && !(kept && isSameSecret(kept, fetched.value)) && !endsSoon(fetched.value);
    restsUntil = isNew ? 0 : Date.now() + restMs;
    lastFailure = fetched.ok ? undefined : fetched;
    if (fetched.ok) kept = fetched.value;
    return fetched;
  };
  const fetchOnce = (refused: Secret | undefined) =>
    (underWay ??= fetchSecret(refused)
      .then(learn)
      .finally(() => {
        underWay = undefined;
      }));

  return {
    remedy,
    async get(signal) {
      if (kept && (!endsSoon(kept) || Date.now() < restsUntil)) return { ok: true, value: kept };
      if (lastFailure && Date.now() < restsUntil) return resting(lastFailure, restsUntil);
      return orCancelled(() => fetchOnce(kept), signal);
    },
    async renew(refused) {
      if (kept && !isSameSecret(kept, refused)) return true;
      if (Date.now() < restsUntil) return false;
      const fetched = await fetchOnce(refused);
      return fetched.ok && !isSameSecret(fetched.value, refused);
    },
  };
}

function resting(last: AtlasResult<Secret>, until: number): AtlasResult<Secret> {
  if (last.ok) return last;
  const seconds = Math.ceil((until - Date.now()) / 1000);
  return { ok: false, failure: { ...last.failure, retryAfterSeconds: seconds } };
}
