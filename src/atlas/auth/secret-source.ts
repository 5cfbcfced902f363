// Fetches a secret from where it is (a setting, a file, a program), keeps it, and fetches it again where Atlas refuses it or it
// is about to end. It makes one fetch at a time, however many callers wait. Nothing that a program prints is shown.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { HeldSecret, SecretCommand, SecretFile } from '../../config/credentials.ts';
import { secretProblem } from '../../config/secret-text.ts';
import { failed, ok, refusal, type Failure, type Result } from '../../failure.ts';
import { privacySentence } from '../../files/machine.ts';
import { searchPathOf } from '../../programs/child-environment.ts';
import { describeEnd, readProgram, type Program } from '../../programs/child-process.ts';
import { findExecutable } from '../../programs/executable.ts';
import { tokenEnd } from '../../secret/opened-secret.ts';
import { isSameSecret, Secret } from '../../secret/secret.ts';
import { noResponseFailure } from '../api/no-response.ts';

export interface SecretSource {
  /** What a person does when Atlas does not accept it. */
  readonly remedy: string;
  /** @param signal ends this caller's wait as CANCELLED */
  get(signal?: AbortSignal): Promise<Result<Secret>>;
  /** Whether there is another one than `refused`, which Atlas has not accepted. */
  renew(refused: Secret): Promise<boolean>;
}

/** A program that failed, or gave nothing new, is not run again for so long: it may ask a person each time. */
const REST_MS = 30_000;
const RENEW_AHEAD_MS = 60_000;

/** @param setting by which the operator gave it, where it is the secret itself */
export function secretSource(held: HeldSecret, setting: string): SecretSource {
  if (held instanceof Secret) {
    const remedy = `a person makes a new one in Atlas and sets ${setting}, then restarts this server.`;
    return { remedy, get: () => Promise.resolve(ok(held)), renew: () => Promise.resolve(false) };
  }
  if ('file' in held) {
    const remedy = `a person makes a new one in Atlas and puts it into the file of ${held.setting}; no restart is needed.`;
    return fetchedSource(() => secretOfFile(held), { remedy, restMs: 0 });
  }
  const remedy = `a person makes a new one in Atlas and sees that the program of ${held.setting} prints it; no restart is needed.`;
  return fetchedSource(() => secretOfProgram(held), { remedy, restMs: REST_MS });
}

/** Whether a token is so near its end that the next one is needed. What is not a JWT is not known to end. */
export function endsSoon(token: Secret): boolean {
  return (tokenEnd(token) ?? Number.POSITIVE_INFINITY) - RENEW_AHEAD_MS <= Date.now();
}

/** @param fetchSecret is given the secret that Atlas has not accepted, where there is one */
export function fetchedSource(
  fetchSecret: (refused: Secret | undefined) => Promise<Result<Secret>>,
  { remedy, restMs = REST_MS }: { readonly remedy: string; readonly restMs?: number },
): SecretSource {
  let kept: Secret | undefined;
  let lastFailure: Failure | undefined;
  let restsUntil = 0;
  let underWay: Promise<Result<Secret>> | undefined;

  /** Where it brought nothing new, it is not asked again at once. */
  const learn = (fetched: Result<Secret>) => {
    const isNew = fetched.ok && !(kept && isSameSecret(kept, fetched.value)) && !endsSoon(fetched.value);
    restsUntil = isNew ? 0 : Date.now() + restMs;
    lastFailure = fetched.ok ? undefined : fetched.failure;
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
      if (kept && (!endsSoon(kept) || Date.now() < restsUntil)) return ok(kept);
      if (lastFailure && Date.now() < restsUntil)
        return failed({ ...lastFailure, retryAfterSeconds: Math.ceil((restsUntil - Date.now()) / 1000) });
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

const LONGEST_FILE = 64 * 1024;

/**
 * Reads the file at the first call, and again after a refusal. It may lie on a slow or dead mount, so nothing here waits
 * synchronously. Symbolic links are followed: Docker and Kubernetes mount their secrets that way.
 */
async function secretOfFile({ setting, file }: SecretFile): Promise<Result<Secret>> {
  const read = await readText(file);
  const problem = read.ok ? secretProblem(read.value) : read.failure;
  if (read.ok && problem === undefined) return ok(new Secret(read.value));
  return unusable(
    `The file that ${setting} names ${problem ?? ''}.`,
    'The operator corrects the file or the setting; the file is read again at the next call.',
  );
}

/** Without the blanks around it; or what is wrong with the file. */
async function readText(path: string): Promise<Result<string, string>> {
  try {
    // A FIFO without a writer must not hold up the call.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await handle.stat();
      if (!stat.isFile() || stat.size > LONGEST_FILE) {
        return failed('is not a regular file that holds the secret and nothing else');
      }
      const text = (await handle.readFile('utf8')).trim();
      return text === '' ? failed('is empty') : ok(text);
    } finally {
      await handle.close();
    }
  } catch (error) {
    const advice = privacySentence(error) ?? 'check that it exists and that this user may read it';
    return failed(`cannot be read; ${advice}`);
  }
}

/** No shell, no terminal, no input. */
async function secretOfProgram({
  setting,
  argv: [name, ...args],
  environment,
  timeoutMs,
}: SecretCommand): Promise<Result<Secret>> {
  // Not by its name, which may be the secret itself in the wrong setting.
  const subject = `The program of ${setting}`;
  const search = findExecutable(name, searchPathOf(environment), subject);
  if (!search.ok) return unusable(search.failure.message, search.failure.hint);
  const printed = await printedBy({ path: search.value, args, env: environment, timeoutMs }, subject);
  if (!printed.ok) return unusable(printed.failure, tryByHand(setting), true);
  const problem = /[\r\n](?!\0)/.test(printed.value) ? 'is more than one line' : secretProblem(printed.value);
  if (problem === undefined) return ok(new Secret(printed.value));
  return unusable(`What the program of ${setting} prints ${problem}.`, tryByHand(setting), true);
}

/** What a program printed, without the blanks around it; or in a sentence why there is nothing. */
export async function printedBy(program: Program, subject: string): Promise<Result<string, string>> {
  const end = await readProgram(program);
  if (end.by !== 'exit') return failed(describeEnd(program, end, subject));
  const text = end.output.toString('utf8').trim();
  end.output.fill(0);
  if (end.code !== 0) return failed(describeEnd(program, end, subject));
  return text === '' ? failed(`${subject} printed nothing.`) : ok(text);
}

function tryByHand(setting: string): string {
  return (
    `Run the command of ${setting} by hand: it must print the secret in one line and nothing else. Here it runs in /, ` +
    'without a terminal or input, and with the environment of this server but MONGODB_ATLAS_… and MDB_MCP_…. ' +
    'After a failure it is not run again for 30 s.'
  );
}

/** What comes first: the result that several callers wait for, or this caller's leaving. What is under way goes on all the same. */
export function orCancelled<T>(begin: () => Promise<Result<T>>, signal: AbortSignal | undefined): Promise<Result<T>> {
  if (!signal) return begin();
  const cancelled = failed(noResponseFailure({ outcome: 'not_sent', reason: 'cancelled' }));
  if (signal.aborted) return Promise.resolve(cancelled);
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      resolve(cancelled);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    void begin()
      .then(resolve, reject)
      .finally(() => {
        signal.removeEventListener('abort', onAbort);
      });
  });
}

/** A credential that is configured and cannot be had. Nothing was sent. */
export function unusable(message: string, hint: string, retryable = false): Result<never> {
  return failed({ ...refusal('CREDENTIALS_MISSING', message, hint), retryable });
}
