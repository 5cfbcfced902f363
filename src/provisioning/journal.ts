// Keeps every create on the disk, step by step, so that a killed process leaves no key unreported. One file an intent,
// exchanged whole and synced; for several processes at once, without a lock. It never holds a secret.
//
// A file's name is the hash of project and key name, and a count. The file of a count can be made once, so of two
// processes that create the same key on this machine one is refused; a dead process keeps nobody out, since the next
// count is free.

import { createHash } from 'node:crypto';
import { readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { redactJson } from '../secret/redaction.ts';
import { makeMissing, walk } from '../sinks/files/ancestors.ts';
import { placeNew, readFound, temporaryName, withNewFile } from '../sinks/files/atomic-file.ts';
import { attempt, passed, systemCode, unlessMissing, type Checked } from '../sinks/files/file-problem.ts';
import { withDirectory, type SafeDirectory } from '../sinks/files/safe-directory.ts';
import { refusal, type Failure } from './failure.ts';
import { parseIntent, serializeIntent, type Intent, type Plan, type Step } from './intent.ts';
import { isAlive, thisProcess } from '../sinks/files/process-owner.ts';

export interface Journal {
  /**
   * Written before anything is sent. A failure says that nothing may be sent.
   *
   * @param since when the caller looked whether the name is free (milliseconds since the epoch): another create of that
   *   name, on this machine and since then, makes the look worthless
   */
  open(plan: Plan, since: number): Promise<OpenIntent | Failure>;
  /** Every intent that is kept, oldest first, ended ones of the last 30 days included; undefined where it cannot be read. */
  read(): Promise<readonly Intent[] | undefined>;
  /** The next step of an intent of a process that does no more about it. Answers false where it could not be written. */
  settle(intent: Intent, state: Step): Promise<boolean>;
}

/** An intent of this process. */
export interface OpenIntent {
  readonly id: string;
  /** Answers false where it could not be written. */
  record(state: Step): Promise<boolean>;
  /** As {@link record}, and this process does no more about it. */
  release(state: Step): Promise<boolean>;
}

const KEPT_MS = 30 * 24 * 60 * 60 * 1000;
const LARGEST_FILE = 64 * 1024;
const FILE = /^([0-9a-f]{32})-([0-9]{1,9})\.json$/;

export function openJournal(stateDirectory: string): Journal {
  const directory = join(stateDirectory, 'intents');
  return {
    async open(plan, since) {
      const opened = await attempt(`the journal ${directory} cannot be written`, () => open(directory, plan, since));
      return opened.ok ? opened.value : journalFailure(opened.problem.message);
    },
    async read() {
      const found = await attempt(`the journal ${directory} cannot be read`, () => readAll(directory));
      return found.ok ? found.value : undefined;
    },
    settle: (intent, state) => write(directory, { ...intent, owner: null, updatedAt: now(), state }),
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

async function open(directory: string, plan: Plan, since: number): Promise<Checked<OpenIntent | Failure>> {
  const way = await walk(directory);
  if (!way.ok) return way;
  await makeMissing(way.value);
  const hash = createHash('sha256').update(`${plan.groupId}\0${plan.name}`).digest('hex').slice(0, 32);
  return withDirectory<OpenIntent | Failure>(directory, async (opened) => {
    const intents = await readFrom(opened);
    await removeOld(opened, intents);
    const namesakes = intents.filter(({ id }) => id.startsWith(`${hash}-`));
    if (namesakes.some((intent) => isUnderWay(intent) || Date.parse(intent.updatedAt) >= since))
      return passed(underWay);
    const count = 1 + Math.max(0, ...namesakes.map(({ id }) => Number(id.slice(hash.length + 1))));
    const intent: Intent = {
      ...plan,
      id: `${hash}-${count}`,
      owner: thisProcess(),
      openedAt: now(),
      updatedAt: now(),
      state: { step: 'sending' },
    };
    try {
      await placeNew(opened, fileOf(intent.id), bytesOf(intent));
    } catch (error) {
      if (systemCode(error) === 'EEXIST') return passed(underWay);
      throw error;
    }
    return passed(handleOf(directory, intent));
  });
}

function handleOf(directory: string, intent: Intent): OpenIntent {
  return {
    id: intent.id,
    record: (state) => write(directory, { ...intent, updatedAt: now(), state }),
    release: (state) => write(directory, { ...intent, owner: null, updatedAt: now(), state }),
  };
}

/** Exchanges the file as a whole. */
async function write(directory: string, intent: Intent): Promise<boolean> {
  const written = await attempt('the journal cannot be written', () =>
    withDirectory(directory, async (opened) => {
      const temporary = temporaryName(fileOf(intent.id));
      await withNewFile(opened, temporary, bytesOf(intent), () =>
        rename(opened.path(temporary), opened.path(fileOf(intent.id))),
      );
      await opened.sync();
      return passed(undefined);
    }),
  );
  return written.ok;
}

async function readAll(directory: string): Promise<Checked<readonly Intent[]>> {
  const way = await walk(directory);
  if (!way.ok) return way;
  if (way.value.missing.length > 0) return passed([]);
  return withDirectory(directory, async (opened) => passed(await readFrom(opened)));
}

async function readFrom(directory: SafeDirectory): Promise<Intent[]> {
  const names = (await readdir(directory.path('.'))).filter((name) => FILE.test(name));
  const intents = await Promise.all(
    names.map(async (name) => {
      const found = await readFound(directory, name, LARGEST_FILE);
      return parseIntent(name.slice(0, -'.json'.length), found?.bytes?.toString('utf8') ?? '');
    }),
  );
  return intents.filter((intent) => intent !== undefined).sort((a, b) => a.openedAt.localeCompare(b.openedAt));
}

async function removeOld(directory: SafeDirectory, intents: readonly Intent[]): Promise<void> {
  // As long as one create of a name is open, what became of the others says which keys are not its own.
  const open = new Set(intents.filter(({ state }) => state.step !== 'ended').map(nameOf));
  const old = intents.filter(
    (intent) => !open.has(nameOf(intent)) && Date.now() - Date.parse(intent.updatedAt) > KEPT_MS,
  );
  // Another process may be doing the same.
  for (const { id } of old) await unlessMissing(unlink(directory.path(fileOf(id))));
}

/** The hash of project and key name. */
function nameOf({ id }: Intent): string {
  return id.slice(0, id.lastIndexOf('-'));
}

function fileOf(id: string): string {
  return `${id}.json`;
}

function bytesOf(intent: Intent): Buffer {
  return Buffer.from(`${redactJson(serializeIntent(intent))}\n`, 'utf8');
}

function now(): string {
  return new Date().toISOString();
}

const underWay = refusal(
  'NAME_IN_USE',
  'Another call on this machine is creating a key of this name right now.',
  'Wait for it, or choose another name.',
);

function journalFailure(message: string): Failure {
  return refusal(
    'CONFIG_INVALID',
    `Nothing was created: ${message}`,
    'The operator sets ATLAS_MODEL_KEYS_STATE_DIR to a directory of this user with room on its disk (mode 0700), and restarts this server.',
  );
}
