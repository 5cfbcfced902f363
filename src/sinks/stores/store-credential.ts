// Where the credential of a store comes from: a variable, the file that it names, the store's own command line. It is kept, and
// had again once where the store refuses it. Nothing of it is shown, and nothing that a program prints.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { secretProblem } from '../../config/secret-text.ts';
import { failed, ok, type Result } from '../../failure.ts';
import { systemCode } from '../../files/file-problem.ts';
import { childEnvironment, pickedVariables, searchPathOf, type Environment } from '../../programs/child-environment.ts';
import { describeEnd, readProgram } from '../../programs/child-process.ts';
import { findExecutable } from '../../programs/executable.ts';
import { isSameSecret, Secret } from '../../secret/secret.ts';
import { notReady, type SinkProblem } from '../sink.ts';

export interface Credential<C> {
  get(): Promise<Result<C, SinkProblem>>;
  /**
   * Another one than `refused`; undefined where there is none.
   *
   * @param isCertain whether the store refused the credential itself, and not perhaps what it may do
   */
  renew(refused: C, isCertain: boolean): Promise<C | undefined>;
  /** The renewed one was refused as well, so that it is not the credential: none is fetched for a while. */
  rest(): void;
}

/** What gave nothing new is not asked again for so long: a program may ask a person each time, a login may be counted. */
const REST_MS = 30_000;
/** A call is over by then, and whoever calls again may have logged in anew. */
const SOON_MS = 1_000;

/** @param endsAt when a credential ends, in milliseconds since the epoch, where it says so */
export function kept<C>(
  fetch: () => Promise<Result<C, SinkProblem>>,
  isSame: (one: C, other: C) => boolean,
  endsAt: (credential: C) => number | undefined = () => undefined,
): Credential<C> {
  let held: C | undefined;
  let rests = { until: 0, isInVain: false };
  /** From when on a credential that was refused is asked for again, in milliseconds since the epoch. */
  let doubtedFrom = Infinity;
  const fetchOnce = oneAtATime(fetch);
  const learn = async () => {
    const fetched = await fetchOnce();
    if (fetched.ok) held = fetched.value;
    return fetched;
  };
  return {
    rest() {
      rests = restsFrom(true);
    },
    async get() {
      const isGood = held !== undefined && (endsAt(held) ?? Infinity) > Date.now() + 60_000;
      if (held !== undefined && isGood && Date.now() < doubtedFrom) return ok(held);
      const last = isGood ? held : undefined;
      const fetched = await learn();
      doubtedFrom = fetched.ok || last === undefined ? Infinity : Date.now() + REST_MS;
      // A store refuses what a policy does not allow too: the one that is held may be the only one that there is.
      return fetched.ok || last === undefined ? fetched : ok(last);
    },
    async renew(refused, isCertain) {
      if (held !== undefined && !isSame(held, refused)) return held;
      const doubtAfterMs = isCertain ? 0 : SOON_MS;
      if (Date.now() >= rests.until) {
        const fetched = await learn();
        if (fetched.ok && !isSame(fetched.value, refused)) return fetched.value;
        rests = restsFrom(false);
        doubtedFrom = Date.now() + (fetched.ok || isCertain ? doubtAfterMs : REST_MS);
      } else if (!rests.isInVain && doubtedFrom === Infinity) doubtedFrom = Date.now() + doubtAfterMs;
      return undefined;
    },
  };
}

const restsFrom = (isInVain: boolean) => ({ until: Date.now() + REST_MS, isInVain });

/** Those who ask while it is under way get the same answer. */
function oneAtATime<T>(action: () => Promise<T>): () => Promise<T> {
  let underWay: Promise<T> | undefined;
  return () =>
    (underWay ??= action().finally(() => {
      underWay = undefined;
    }));
}

export function keptSecret(fetch: () => Promise<Result<Secret, SinkProblem>>): Credential<Secret> {
  return kept(fetch, isSameSecret);
}

/** The first of these variables that is filled in. */
export function variableOf(environment: Environment, ...names: readonly string[]): string | undefined {
  return names.map((name) => environment[name]).find((value) => value !== undefined && value !== '');
}

/** The secret of a variable, or of the file that the variable with `_FILE` names. Undefined where neither is set. */
export async function secretOfVariable(
  environment: Environment,
  name: string,
): Promise<Result<Secret, SinkProblem> | undefined> {
  const value = environment[name];
  if (value !== undefined && value !== '') return checkedSecret(value, name);
  const path = environment[`${name}_FILE`];
  return path === undefined || path === '' ? undefined : secretOfFile(path, `${name}_FILE`);
}

const LONGEST_FILE = 64 * 1024;

/** The file is read again each time: what keeps it fresh writes there. */
export async function secretOfFile(path: string, setting: string): Promise<Result<Secret, SinkProblem>> {
  const text = await textOfFile(path);
  if (text === undefined)
    return failed(
      notReady(`The file of ${setting} cannot be read.`, 'See that it exists, and that this user may read it.'),
    );
  return checkedSecret(text.trim(), setting);
}

/** Undefined where there is no such file, or it cannot be read. */
export async function textOfFile(path: string): Promise<string | undefined> {
  try {
    // A FIFO without a writer must not hold up the call.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await handle.stat();
      return stat.isFile() && stat.size <= LONGEST_FILE ? await handle.readFile('utf8') : undefined;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}

export function checkedSecret(value: string, setting: string): Result<Secret, SinkProblem> {
  const problem = secretProblem(value);
  if (problem === undefined) return ok(new Secret(value));
  return failed(notReady(`The credential of ${setting} ${problem}.`, 'Give it as it was issued, and nothing else.'));
}

interface Helper {
  readonly argv: readonly [program: string, ...args: string[]];
  /** Variables that it gets beside the short list that programs inherit: names, and beginnings of names. */
  readonly passed: readonly string[];
  readonly families?: readonly string[];
  readonly added?: Environment;
  readonly timeoutMs: number;
}

/** What a store's own command line prints. */
export async function printedByHelper(helper: Helper, environment: Environment): Promise<Result<string, SinkProblem>> {
  const { argv, passed, families = [], added = {}, timeoutMs } = helper;
  const [program, ...args] = argv;
  const ofFamilies = Object.keys(environment).filter((name) => families.some((family) => name.startsWith(family)));
  const env = childEnvironment(environment, { ...pickedVariables(environment, [...passed, ...ofFamilies]), ...added });
  const search = findExecutable(program, searchPathOf(env));
  if (!search.ok) return failed(notReady(search.failure.message, search.failure.hint));
  const run = { path: search.value, args, env, timeoutMs };
  const end = await readProgram(run);
  if (end.by !== 'exit') return failed(notReady(describeEnd(run, end), 'It was run for the credential of a sink.'));
  const text = end.output.toString('utf8').trim();
  end.output.fill(0);
  if (end.code === 0 && text !== '') return ok(text);
  const message = end.code === 0 ? 'It printed nothing' : describeEnd(run, end);
  return failed(
    notReady(
      `${message.replace(/\.$/, '')}, so that a sink has no credential.`,
      `Run ${program} ${args.slice(0, 2).join(' ')} by hand to see what it says.`,
    ),
  );
}
