// Keeps every create on the disk, step by step, so that a killed process leaves no key unreported. One file an intent, a
// line a step, synced; for several processes at once, without a lock. It never holds a secret.
//
// A file's name is the hash of project and key name, and a count. The file of a count can be made once, so of two
// processes that create the same key on this machine one is refused; a dead process keeps nobody out, since the next
// count is free.

import { createHash } from 'node:crypto';
import { readdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { sameName } from '../../atlas/model-keys.ts';
import { redactJson } from '../../secret/redaction.ts';
import { walk } from '../../files/ancestors.ts';
import { placeNew, readFound } from '../../files/atomic-file.ts';
import { attempt, passed, refused, systemCode, unlessMissing, type Checked } from '../../files/file-problem.ts';
import { withDirectory, withMadeDirectory, type SafeDirectory } from '../../files/safe-directory.ts';
import { refusal, type Failure } from '../failure.ts';
import { appendLine } from '../../files/append-line.ts';
import { parseIntent, serializeIntent, type Intent, type Plan, type Step } from './intent.ts';
import { isAlive, thisProcess } from '../../files/process-owner.ts';
import { inTurn } from '../../files/turns.ts';

export interface Journal {
  /**
   * Written before anything is sent. A failure says that nothing may be sent.
   *
   * One more than `maxPerHour` of this machine is refused; two processes that come to the limit at once are both refused.
   */
  open(plan: Plan, limits: OpenLimits): Promise<OpenIntent | Failure>;
  /** Every intent that is kept, oldest first, ended ones of the last 30 days included; undefined where it cannot be read. */
  read(): Promise<readonly Intent[] | undefined>;
  /** The next step of an intent of a process that does no more about it. Answers false where it could not be written. */
  settle(intent: Intent, state: Step): Promise<boolean>;
}

export interface OpenLimits {
  /**
   * When the caller looked whether the name is free (milliseconds since the epoch): another create of that name, on this
   * machine and since then, makes the look worthless.
   */
  readonly since: number;
  readonly maxPerHour: number;
}

/** An intent of this process. */
export interface OpenIntent {
  readonly id: string;
  /** How many others nobody is at, whose keys may be alive without being in a sink. */
  readonly unfinished: number;
  /** Answers false where it could not be written. */
  record(state: Step): Promise<boolean>;
  /**
   * As {@link record}, and this process does no more about it. An end is not waited for on the disk: should the power fail,
   * the step before says no less.
   */
  release(state: Step): Promise<boolean>;
}

const HOUR_MS = 60 * 60 * 1000;
const KEPT_MS = 30 * 24 * HOUR_MS;
const LARGEST_FILE = 64 * 1024;
const FILE = /^([0-9a-f]{32})-([0-9]{1,9})\.jsonl$/;

export function openJournal(stateDirectory: string): Journal {
  const directory = join(stateDirectory, 'intents');
  const settled: Settled = new Map();
  return {
    async open(plan, limits) {
      // One after the other, so that only another process can make a count wrong.
      const opened = await inTurn(directory, () =>
        attempt(`the journal ${directory} cannot be written`, () => open(directory, plan, limits, settled)),
      );
      return opened.ok ? opened.value : journalFailure(opened.problem.message);
    },
    async read() {
      const found = await attempt(`the journal ${directory} cannot be read`, () => readAll(directory, settled));
      return found.ok ? found.value : undefined;
    },
    async settle(intent, state) {
      const isSaid = intent.owner === null && isDeepStrictEqual(intent.state, state);
      return isSaid || write(directory, { ...intent, owner: null, updatedAt: now(), state });
    },
  };
}

/** Whether the process of an intent is still at it. */
export function isUnderWay({ owner, updatedAt, state }: Intent): boolean {
  return state.step !== 'ended' && owner !== null && isAlive(owner, Date.parse(updatedAt));
}

/** An intent that nobody is at, and whose key may be alive without being in a sink. */
export function isUnfinished(intent: Intent): boolean {
  return intent.state.step !== 'ended' && !isUnderWay(intent);
}

async function open(
  directory: string,
  plan: Plan,
  { since, maxPerHour }: OpenLimits,
  settled: Settled,
): Promise<Checked<OpenIntent | Failure>> {
  const hash = createHash('sha256')
    .update(`${plan.groupId}\0${plan.name.normalize('NFC')}`)
    .digest('hex')
    .slice(0, 32);
  return withMadeDirectory<OpenIntent | Failure>(directory, async (opened) => {
    const read = await readFrom(opened, settled);
    if (!read.ok) return read;
    const intents = read.value;
    removeOld(opened, intents);
    const namesakes = intents.filter(({ id }) => id.startsWith(`${hash}-`));
    if (isTaken(plan, intents, namesakes, since)) return passed(underWay);
    const spent = intents.filter(countsNow);
    if (spent.length >= maxPerHour) return passed(quotaExceeded(maxPerHour, spent));
    const count = 1 + Math.max(0, ...namesakes.map(({ id }) => Number(id.slice(hash.length + 1))));
    const intent = begun(plan, `${hash}-${count}`);
    try {
      await placeNew(opened, fileOf(intent.id), Buffer.from(`${lineOf(intent)}\n`, 'utf8'));
    } catch (error) {
      if (systemCode(error) === 'EEXIST') return passed(underWay);
      throw error;
    }
    const others = newcomers(opened, [...intents, intent]);
    const unfinished = intents.filter(isUnfinished).length;
    if (spent.length + others < maxPerHour) return passed(handleOf(directory, intent, unfinished));
    unlinkSync(opened.path(fileOf(intent.id)));
    return passed(quotaExceeded(maxPerHour, spent));
  });
}

function begun(plan: Plan, id: string): Intent {
  const time = now();
  return { ...plan, id, owner: thisProcess(), openedAt: time, updatedAt: time, state: { step: 'sending' } };
}

/** Whether somebody else is at that name, or at the key that it is to replace. */
function isTaken(plan: Plan, intents: readonly Intent[], namesakes: readonly Intent[], since: number): boolean {
  return (
    namesakes.some((intent) => isUnderWay(intent) || Date.parse(intent.updatedAt) >= since) ||
    intents.some((other) => isUnderWay(other) && isRivalOf(plan, other))
  );
}

/** A rotation of the same key, or one whose new key is about to have the name of the plan. */
function isRivalOf({ groupId, name, replaces }: Plan, other: Intent): boolean {
  if (other.replaces === undefined || other.groupId !== groupId) return false;
  return other.replaces.apiKeyId === replaces?.apiKeyId || sameName(other.replaces.finalName, name);
}

/** Whether a create counts for the limit of an hour: not where Atlas refused it. */
function countsNow({ openedAt, state }: Intent): boolean {
  if (state.step === 'ended' && state.outcome === 'not_created') return false;
  return Date.now() - Date.parse(openedAt) < HOUR_MS;
}

/** How many intents other processes have opened since these were read. */
function newcomers(directory: SafeDirectory, known: readonly Intent[]): number {
  const files = new Set(known.map(({ id }) => fileOf(id)));
  const names = readdirSync(directory.path('.'));
  return names.filter((name) => FILE.test(name) && !files.has(name)).length;
}

function handleOf(directory: string, intent: Intent, unfinished: number): OpenIntent {
  return {
    id: intent.id,
    unfinished,
    record: (state) => write(directory, { ...intent, updatedAt: now(), state }),
    release: (state) => write(directory, { ...intent, owner: null, updatedAt: now(), state }),
  };
}

async function write(directory: string, intent: Intent): Promise<boolean> {
  const written = await attempt('the journal cannot be written', () =>
    withDirectory(directory, async (opened) => {
      const syncs = intent.state.step !== 'ended';
      await appendLine(opened, fileOf(intent.id), lineOf(intent), { creates: false, syncs });
      return passed(undefined);
    }),
  );
  return written.ok;
}

async function readAll(directory: string, settled: Settled): Promise<Checked<readonly Intent[]>> {
  const way = walk(directory);
  if (!way.ok) return way;
  if (way.value.missing.length > 0) return passed([]);
  return withDirectory(directory, (opened) => readFrom(opened, settled));
}

/** Refuses as a whole where a file is no intent: which keys it knew cannot be said, and so nothing of others. */
async function readFrom(directory: SafeDirectory, settled: Settled): Promise<Checked<readonly Intent[]>> {
  const names = readdirSync(directory.path('.')).filter((name) => FILE.test(name));
  const read = await Promise.all(names.map(async (name) => settled.get(name) ?? (await readIntent(directory, name))));
  const strange = names.find((_name, index) => read[index] === 'no intent');
  if (strange !== undefined) {
    return refused('unknown content', strange, `the journal's file ${strange} is no intent of this server.`);
  }
  const intents = read.filter((intent) => typeof intent === 'object');
  settled.clear();
  for (const intent of intents.filter(isSettled)) settled.set(fileOf(intent.id), intent);
  return passed(intents.sort(byOpening));
}

/** Times in ISO 8601 are in the order of their characters; a comparison by language loads the tables of all languages. */
function byOpening(one: Intent, other: Intent): number {
  if (one.openedAt === other.openedAt) return 0;
  return one.openedAt < other.openedAt ? -1 : 1;
}

/** By the names of their files: intents that nobody changes any more, and that need not be read again. */
type Settled = Map<string, Intent>;

/** One that was not found may still be found. */
function isSettled({ state }: Intent): boolean {
  return state.step === 'ended' && state.outcome !== 'not_found';
}

/** Undefined where the file is gone meanwhile. */
async function readIntent(directory: SafeDirectory, name: string): Promise<Intent | 'no intent' | undefined> {
  const found = await readFound(directory, name, LARGEST_FILE);
  if (found === undefined) return undefined;
  return parseIntent(name.slice(0, -'.jsonl'.length), found.bytes?.toString('utf8') ?? '') ?? 'no intent';
}

function removeOld(directory: SafeDirectory, intents: readonly Intent[]): void {
  // As long as one create of a name is open, what became of the others says which keys are not its own.
  const open = new Set(intents.filter(({ state }) => state.step !== 'ended').map(nameOf));
  const old = intents.filter(
    (intent) => !open.has(nameOf(intent)) && Date.now() - Date.parse(intent.updatedAt) > KEPT_MS,
  );
  // Another process may be doing the same.
  for (const { id } of old)
    unlessMissing(() => {
      unlinkSync(directory.path(fileOf(id)));
    });
}

/** The hash of project and key name. */
function nameOf({ id }: Intent): string {
  return id.slice(0, id.lastIndexOf('-'));
}

function fileOf(id: string): string {
  return `${id}.jsonl`;
}

function lineOf(intent: Intent): string {
  return redactJson(serializeIntent(intent));
}

function now(): string {
  return new Date().toISOString();
}

const underWay = refusal(
  'NAME_IN_USE',
  'Another call on this machine is creating a key of this name right now.',
  'Wait for it, or choose another name.',
);

function quotaExceeded(maxPerHour: number, spent: readonly Intent[]): Failure {
  const oldest = Math.min(Date.now(), ...spent.map(({ openedAt }) => Date.parse(openedAt)));
  return {
    ...refusal(
      'QUOTA_EXCEEDED',
      `The operator allows ${maxPerHour} creates and rotations an hour on this machine, and they are used up.`,
      'Nothing was created. Call again later, or the operator raises ATLAS_MODEL_KEYS_MAX_CREATES_PER_HOUR.',
    ),
    retryable: true,
    retryAfterSeconds: Math.ceil((oldest + HOUR_MS - Date.now()) / 1000),
  };
}

function journalFailure(message: string): Failure {
  return refusal(
    'CONFIG_INVALID',
    `Nothing was created: ${message}`,
    'The operator sets ATLAS_MODEL_KEYS_STATE_DIR to a directory of this user with room on its disk (mode 0700), and restarts this server.',
  );
}
