// Keeps every create on the disk, step by step, so that a killed process leaves no key unreported. One file an intent, named
// by the nonce of its call, a line a step, synced; for several processes at once, without a lock. It never holds a secret.
//
// A process writes its intent first and then looks for those of others, and removes its own where another has the same name:
// of two at once, at most one finds no other. The intent of a process that has ended excludes nobody.

import { randomInt } from 'node:crypto';
import { readdirSync, renameSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { walk } from '../../files/path-walk.ts';
import { placeNew, readFound } from '../../files/atomic-file.ts';
import { privateMode, attempt, unlessMissing, type FileProblem } from '../../files/file-problem.ts';
import {
  isAlive,
  makeLifeFile,
  removeUnlessHeld,
  thisProcess,
  type ProcessOwner,
  serialized,
} from '../../files/process-owner.ts';
import { askFirst } from '../../files/machine.ts';
import { withDirectory, withMadeDirectory, type SafeDirectory, appendLine } from '../../files/safe-directory.ts';
import type { Fingerprint } from '../../secret/opened-secret.ts';
import { failed, ok, refusal, type Failure, type Result } from '../../failure.ts';
import {
  findRival,
  HOUR_MS,
  isSpent,
  quotaExceeded,
  parseIntent,
  serializeClaim,
  serializeIntent,
  type Intent,
  type Plan,
  type Step,
} from './intent.ts';

export interface Journal {
  /**
   * Written before anything is sent. A failure says that nothing may be sent.
   *
   * One more than `maxPerHour` of this machine is refused, whether the earlier ones were carried out or refused.
   */
  open(plan: Plan, limits: OpenLimits): Promise<Result<OpenIntent>>;
  /** What is kept; CONFIG_INVALID where it cannot be read. Changes nothing. */
  read(): Promise<Result<Kept>>;
  /** Takes over an intent that no process works on, as it is now; undefined where one does, or it has ended, or its file is gone. */
  claim(nonce: string): Promise<OpenIntent | undefined>;
}

export interface Kept {
  /** Oldest first, ended ones of the last 30 days included, and delivered ones of the last 400. */
  readonly intents: readonly Intent[];
  /** Nonces of files that hold no intent, after a power failure; they are told of until a person takes the files away. */
  readonly unreadable: readonly string[];
}

interface OpenLimits {
  /**
   * When the caller looked whether the name is free (milliseconds since the epoch): another create of that name, on this
   * machine and since then, makes the look worthless.
   */
  readonly since: number;
  readonly maxPerHour: number;
  /** Whether a later write overwrites an earlier one, so that only one call at a time may write there. */
  readonly isOnePlace: boolean;
}

/** An intent of this process. */
export interface OpenIntent extends Intent {
  /** Answers false where it could not be written. A `version` is kept with every later step too. */
  record(state: Step, version?: Fingerprint): Promise<boolean>;
  /**
   * As {@link record}, and this process does no more about it. An end is not waited for on the disk: should the power fail,
   * the step before says no less.
   */
  release(state: Step): Promise<boolean>;
}

const KEPT_MS = 30 * 24 * HOUR_MS;
/**
 * Of what was delivered, the fingerprint says later whose secret a place holds: when a key is rotated once a year, and when it
 * is deleted and another is to take its place. Beyond 30 days only so many, since each is a file.
 */
const DELIVERED_KEPT_MS = 400 * 24 * HOUR_MS;
const MOST_DELIVERED = 2_000;
const LARGEST_FILE = 4 * 1024 * 1024;
const FILE = /^([0-9a-f]{12})\.jsonl$/;
const SET_ASIDE = /^([0-9a-f]{12})\.unreadable$/;
/** Tries of two processes that keep meeting each other, and the longest pause between them in milliseconds. */
const MOST_TRIES = 6;
const LONGEST_PAUSE_MS = 40;

/** @param self the process whose intents these are */
export function openJournal(stateDirectory: string, self: ProcessOwner = thisProcess()): Journal {
  const directory = join(stateDirectory, 'intents');
  const settled: Settled = new Map();
  const handle = (intent: Intent): OpenIntent => {
    let { version } = intent;
    const tell = (owner: ProcessOwner | null) => (state: Step) =>
      write(directory, { ...intent, owner, version }, state);
    const record: OpenIntent['record'] = (state, given) => {
      version = given ?? version;
      return tell(intent.owner)(state);
    };
    return { ...intent, record, release: tell(null) };
  };
  return {
    async open(plan, limits) {
      // One after the other, so that only another process can come in between.
      const opened = await serialized(directory, () =>
        attempt(`the journal ${directory} cannot be written`, () => open(directory, { plan, self }, limits, settled)),
      );
      if (!opened.ok) return failed(notWritable(opened.failure.message));
      return opened.value.ok ? ok(handle(opened.value.value)) : opened.value;
    },
    async read() {
      const found = await attempt(`the journal ${directory} cannot be read`, () => readAll(directory, settled));
      return found.ok ? found : failed(notReadable());
    },
    async claim(nonce) {
      const claimed = await serialized(directory, () =>
        attempt(`the journal ${directory} cannot be written`, () =>
          withDirectory(directory, (opened) => claim(opened, nonce, signed(self, opened, directory))),
        ),
      );
      return claimed.ok && claimed.value ? handle(claimed.value) : undefined;
    },
  };
}

/** Whether the process of an intent still works on it. An owner that has a life file here was seen to hold it. */
export function isUnderWay({ owner, updatedAt, state }: Intent): boolean {
  return state.step !== 'ended' && owner !== null && isAlive(owner, Date.parse(updatedAt), undefined, () => true);
}

/** An intent that no process works on, and whose key may be alive without its final name. */
export function isUnfinished(intent: Intent): boolean {
  return intent.state.step !== 'ended' && !isUnderWay(intent);
}

interface Opening {
  readonly plan: Plan;
  readonly self: ProcessOwner;
}

async function open(
  directory: string,
  { plan, self }: Opening,
  limits: OpenLimits,
  settled: Settled,
): Promise<Result<Result<Intent>, FileProblem>> {
  return withMadeDirectory<Result<Intent>>(directory, async (opened) => {
    for (let tries = 1; ; tries += 1) {
      const { intents, unreadable } = await readFrom(opened, settled);
      removeOld(opened, intents);
      for (const nonce of unreadable) setAside(opened, nonce);
      const refused = refusalOf(plan, intents, limits);
      if (refused) return ok(failed(refused));
      const intent = begun(plan, signed(self, opened, directory));
      await placeNew(opened, fileOf(plan.nonce), Buffer.from(`${serializeIntent(intent)}\n`, 'utf8'));
      const known = new Set([plan.nonce, ...intents.map(({ nonce }) => nonce)]);
      const { intents: now } = await readFrom(opened, settled);
      const isAlone = now.every(({ nonce }) => known.has(nonce));
      const rival = isAlone ? undefined : refusalOf(plan, now.filter(isOther(plan)), limits);
      if (!rival) return ok(ok(intent));
      unlinkSync(opened.path(fileOf(plan.nonce)));
      if (tries === MOST_TRIES) return ok(failed(rival));
      await delay(randomInt(LONGEST_PAUSE_MS));
    }
  });
}

function refusalOf(plan: Plan, intents: readonly Intent[], limits: OpenLimits): Failure | undefined {
  const spent = intents.filter(isSpent);
  if (spent.length >= limits.maxPerHour) return quotaExceeded(limits.maxPerHour, spent);
  return findRival(plan, intents, limits, isUnderWay);
}

/** Where the system has no procfs, a process is told by a file that it holds. */
function signed(self: ProcessOwner, opened: SafeDirectory, directory: string): ProcessOwner {
  const lifeFile = makeLifeFile(opened, directory);
  return lifeFile === undefined ? self : { ...self, lifeFile };
}

/** Without an owner whose file nobody holds any more. What cannot be seen is told by its process number. */
function withLivingOwner(directory: SafeDirectory, intent: Intent): Intent {
  const { owner } = intent;
  if (owner?.lifeFile === undefined || intent.state.step === 'ended') return intent;
  const { lifeFile, ...rest } = owner;
  const isHeld = removeUnlessHeld(directory, lifeFile);
  if (isHeld === true) return intent;
  return { ...intent, owner: isHeld === undefined ? rest : null };
}

function isOther({ nonce }: Plan): (intent: Intent) => boolean {
  return (intent) => intent.nonce !== nonce;
}

function begun(plan: Plan, owner: ProcessOwner): Intent {
  const time = now();
  return { ...plan, owner, openedAt: time, updatedAt: time, state: { step: 'sending' } };
}

/** Of several that take an intent over at once, the one whose line came first has it. */
async function claim(
  directory: SafeDirectory,
  nonce: string,
  owner: ProcessOwner,
): Promise<Result<Intent | undefined, FileProblem>> {
  const found = await readFile(directory, nonce);
  const told = found === undefined ? undefined : parseIntent(nonce, found);
  if (!told || told.intent.state.step === 'ended') return ok(undefined);
  if (isUnderWay(withLivingOwner(directory, told.intent))) return ok(undefined);
  const line = serializeClaim({ owner, at: now(), after: told.lines });
  await appendLine(directory, fileOf(nonce), line, { creates: false, syncs: true });
  const lines = (await readFile(directory, nonce))?.split('\n') ?? [];
  const isFirst = lines[told.lines] === line;
  return ok(isFirst ? { ...told.intent, owner } : undefined);
}

async function write(directory: string, intent: Intent, state: Step): Promise<boolean> {
  const written = await attempt('the journal cannot be written', () =>
    withDirectory(directory, async (opened) => {
      const line = serializeIntent({ ...intent, updatedAt: now(), state });
      await appendLine(opened, fileOf(intent.nonce), line, { creates: false, syncs: state.step !== 'ended' });
      return ok(undefined);
    }),
  );
  return written.ok;
}

async function readAll(directory: string, settled: Settled): Promise<Result<Kept, FileProblem>> {
  await askFirst(directory);
  const way = walk(directory);
  if (!way.ok) return way;
  if (way.value.missing.length > 0) return ok({ intents: [], unreadable: [] });
  return withDirectory(directory, async (opened) => ok(await readFrom(opened, settled)));
}

async function readFrom(directory: SafeDirectory, settled: Settled): Promise<Kept> {
  const names = readdirSync(directory.path('.'));
  const noncesIn = (form: RegExp) => names.flatMap((name) => form.exec(name)?.[1] ?? []);
  const nonces = noncesIn(FILE);
  const kept = nonces.flatMap((nonce) => settled.get(nonce) ?? []);
  const others = nonces.filter((nonce) => !settled.has(nonce));
  const read = await Promise.all(others.map((nonce) => readIntent(directory, nonce)));
  const found = read.filter((intent) => typeof intent === 'object');
  for (const intent of found) if (intent.state.step === 'ended') settled.set(intent.nonce, intent);
  if (settled.size > nonces.length)
    for (const nonce of settled.keys()) if (!nonces.includes(nonce)) settled.delete(nonce);
  return {
    intents: [...kept, ...found].sort(byOpening),
    unreadable: [...others.filter((_nonce, index) => read[index] === 'no intent'), ...noncesIn(SET_ASIDE)],
  };
}

/** Times in ISO 8601 are in the order of their characters; a comparison by language loads the tables of all languages. */
function byOpening(one: Intent, other: Intent): number {
  if (one.openedAt === other.openedAt) return 0;
  return one.openedAt < other.openedAt ? -1 : 1;
}

/** By their nonces: intents that nobody changes any more, and that need not be read again. */
type Settled = Map<string, Intent>;

/** Undefined where the file is gone meanwhile. */
async function readIntent(directory: SafeDirectory, nonce: string): Promise<Intent | 'no intent' | undefined> {
  const text = await readFile(directory, nonce);
  if (text === undefined) return undefined;
  const told = parseIntent(nonce, text);
  return told ? withLivingOwner(directory, told.intent) : 'no intent';
}

async function readFile(directory: SafeDirectory, nonce: string): Promise<string | undefined> {
  const found = await readFound(directory, fileOf(nonce), LARGEST_FILE);
  return found && (found.bytes?.toString('utf8') ?? '');
}

/** Under a name that is not read any more, for a person; its nonce stays in the name. */
function setAside(directory: SafeDirectory, nonce: string): void {
  unlessMissing(() => {
    renameSync(directory.path(fileOf(nonce)), directory.path(`${nonce}.unreadable`));
  });
}

function removeOld(directory: SafeDirectory, intents: readonly Intent[]): void {
  // Another process may be doing the same.
  const delivered = intents.filter((intent) => isKeptLong(intent) && ageOf(intent) > KEPT_MS);
  const surplus = new Set(delivered.slice(0, -MOST_DELIVERED));
  for (const { nonce } of intents.filter((intent) => isOld(intent) || surplus.has(intent)))
    unlessMissing(() => {
      unlinkSync(directory.path(fileOf(nonce)));
    });
}

/** A refused create is kept only because it counts for the quota; one whose reply was lost may still appear. */
function isOld(intent: Intent): boolean {
  const { owner, state } = intent;
  const age = ageOf(intent);
  if (isKeptLong(intent)) return age > DELIVERED_KEPT_MS;
  if (state.step === 'ended') return age > (state.outcome === 'not_created' ? HOUR_MS : KEPT_MS);
  return state.step === 'sending' && owner === null && age > KEPT_MS;
}

function ageOf({ updatedAt }: Intent): number {
  return Date.now() - Date.parse(updatedAt);
}

function isKeptLong({ state }: Intent): boolean {
  return state.step === 'ended' && state.outcome === 'delivered' && state.fingerprint !== undefined;
}

function fileOf(nonce: string): string {
  return `${nonce}.jsonl`;
}

function now(): string {
  return new Date().toISOString();
}

function notReadable(): Failure {
  return refusal(
    'CONFIG_INVALID',
    'The journal cannot be read, so that nothing can be said of unfinished creates.',
    `The operator makes ATLAS_MODEL_KEYS_STATE_DIR a directory that belongs only to this user${privateMode()} and can be read, and moves files away from its intents that are not intents.`,
  );
}

function notWritable(message: string): Failure {
  return refusal(
    'CONFIG_INVALID',
    `Nothing was created: ${message}`,
    `The operator sets ATLAS_MODEL_KEYS_STATE_DIR to a directory of this user${privateMode()} with room on its disk, and restarts this server.`,
  );
}
