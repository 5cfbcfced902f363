// Reads, edits and replaces a .env file as one step, and refuses a file that only looks like one. Other processes of this
// program wait meanwhile; a change by any other program is noticed, and the step done again.

import type { BigIntStats } from 'node:fs';
import { failed, ok, type Result } from '../../failure.ts';
import { PRIVATE, placeNew, readFound, removeIfSame, replaceVersion, type FoundFile } from '../../files/atomic-file.ts';
import { withLock } from '../../files/process-owner.ts';
import { fileProblem, isOpenToOthers, modeOf, shellWord, systemCode } from '../../files/file-problem.ts';
import type { SafeDirectory } from '../../files/safe-directory.ts';
import { openSecret, type Secret } from '../../secret/secret.ts';
import { keptReaders } from '../access-list.ts';
import type { Environment } from '../../programs/child-environment.ts';
import type { FilePath } from '../file-path.ts';
import { changedMeanwhile } from '../old-secret.ts';
import { entryExists, inDirectory, notReady, sinkProblem, worded, type SinkProblem } from '../sink.ts';
import { replaceVariable, linesWith, setVariable, takeBack, type Trace } from './dotenv-text.ts';
import { valueOf } from './node-reader.ts';

/** One variable of one file. */
export interface Variable {
  readonly place: FilePath;
  readonly variable: string;
}

export interface Assignment extends Variable {
  /** By which programs are found. */
  readonly environment: Environment;
  /** Of the call, for the names of temporary files. */
  readonly nonce?: string | undefined;
  /** Adds to the text in which the variable has its value: both are one write. */
  readonly besides?: ((text: string) => Beside) | undefined;
}

export interface Beside {
  readonly text: string;
  readonly warnings: readonly string[];
  /** What was added; absent where nothing was. */
  readonly line?: { readonly variable: string; readonly value: string; readonly trace: Trace };
}

/** What {@link assign} did, as far as {@link unassign} and people must know. */
export interface Assigned {
  /** The mode of the file that was there before; absent where there was none. */
  readonly oldMode?: number;
  /** Of who can read the file now, or could before. */
  readonly access: readonly string[];
  readonly trace: Trace;
  /** What stood on the line beside the value and does not any more. */
  readonly dropped: readonly string[];
  /** The readers that do not read the variable in this file. */
  readonly blind: readonly string[];
  readonly beside?: Omit<Beside, 'text'>;
  /** The value that gave way. */
  readonly old?: Secret;
}

interface DotenvFile {
  readonly text: string;
  readonly stats: BigIntStats;
}

/** In bytes. The time that Node takes to parse a hostile text grows with the square of its length. */
const LARGEST = 64 * 1024;
const MOST_TRIES = 5;

/** The file, or undefined where there is none. Refuses what is not safe to hold a secret, or no text. */
export async function readDotenv(
  directory: SafeDirectory,
  place: FilePath,
): Promise<Result<DotenvFile | undefined, SinkProblem>> {
  const found = await readFound(directory, place.name, LARGEST);
  if (found === undefined) return ok(undefined);
  const problem = fileProblem(place.path, found.stats);
  if (problem !== undefined) return failed(sinkProblem(problem));
  if (isOpenToOthers(place.path, found.stats)) {
    return failed(notReady(`Other users can write to ${place.path}.`, `Run: chmod 600 ${shellWord(place.path)}`));
  }
  return textOf(place, found);
}

/** As {@link readDotenv}, but of any regular file: what was delivered is taken back from an unsafe one too. */
async function readDelivered(
  directory: SafeDirectory,
  place: FilePath,
): Promise<Result<DotenvFile | undefined, SinkProblem>> {
  const found = await readFound(directory, place.name, LARGEST);
  return found?.stats.isFile() === true ? textOf(place, found) : ok(undefined);
}

function textOf(place: FilePath, { bytes, stats }: FoundFile): Result<DotenvFile, SinkProblem> {
  if (bytes === undefined) return failed(tooLarge(place));
  const foreign = foreignFormat(bytes, place.path);
  if (foreign !== undefined) return failed(foreign);
  const text = decode(bytes);
  if (text !== undefined) return ok({ text, stats });
  return failed(
    bytes.includes(0)
      ? notReady(`${place.path} holds a NUL character.`, 'Write it without it, or configure another path.')
      : notReady(`${place.path} is not UTF-8 text.`, 'Convert it to UTF-8, or configure another path.'),
  );
}

/** The text with the value in it, or why not. Only the old secret, if there is one, gives way to it. */
export function edited({ place, variable }: Variable, text: string, value: string, old?: Secret) {
  const edit = old
    ? replaceVariable(text, variable, openSecret(old), value)
    : setVariable(text, variable, value, isForDirenv(place));
  switch (edit.outcome) {
    case 'edited':
      // It could be written, but not be read back.
      return Buffer.byteLength(edit.text) > LARGEST ? failed(tooLarge(place)) : ok(edit);
    case 'has value': {
      const whose = edit.readers.includes('Node') ? '' : `, as ${inWords(edit.readers)} would read it`;
      return failed(
        entryExists(
          `${variable} has a value in ${place.path} already${whose}.`,
          'Nothing is overwritten. Take the variable out of the file first, or use another one.',
        ),
      );
    }
    case 'has changed':
      return failed(changedMeanwhile(`${variable} in ${place.path}`));
    case 'unclear':
      return failed(unclear({ place, variable }, edit.readers, linesWith(text, variable), old));
  }
}

function unclear({ place, variable }: Variable, readers: readonly string[], lines: readonly number[], old?: Secret) {
  const whom = readers.length === 0 ? '' : ` for ${inWords(readers)}`;
  const doubled = lines.length < 2 ? '' : ` It is assigned in the lines ${inWords(lines)}: leave one of them.`;
  const plainly = old
    ? `or write the line plainly, as ${variable}=VALUE.`
    : `or add an empty line ${variable}= by hand.`;
  return notReady(
    `${place.path} cannot be given ${variable} without changing what else it says${whom}.`,
    `Check its quotes and its lines without "=", ${plainly}${doubled}`,
  );
}

/** A script of direnv, which it runs with bash. */
export function isForDirenv({ name }: FilePath): boolean {
  return /^\.envrc(?:\.|$)/.test(name);
}

export function inWords(items: readonly (string | number)[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.slice(-1).join('')}`;
}

/** Gives the variable its value, in the place of the old secret if there is one, and adds what goes beside it. `note` is called before each write. */
export function assign(
  assignment: Assignment,
  value: string,
  old: Secret | undefined,
  note: (assigned: Assigned) => void,
): Promise<Result<Assigned, SinkProblem>> {
  return untilSettled(assignment.place, async (directory) => {
    const { place, nonce, environment } = assignment;
    const current = await readDotenv(directory, place);
    if (!current.ok) return current;
    const edit = edited(assignment, current.value?.text ?? '', value, old);
    if (!edit.ok) return edit;
    const { text, trace, dropped, blind } = edit.value;
    const { text: whole, ...beside } = assignment.besides?.(text) ?? { text, warnings: [] };
    const bytes = Buffer.from(whole, 'utf8');
    const stats = current.value?.stats;
    const readers = stats && (await keptReaders(place.path, stats, environment));
    if (readers?.ok === false) return readers;
    const { access, warnings } = readers?.value ?? { access: PRIVATE, warnings: [] };
    const assigned = {
      trace,
      dropped,
      blind,
      beside,
      access: warnings,
      ...(stats && { oldMode: modeOf(stats) }),
      ...(old && { old }),
    };
    note(assigned);
    const isWritten =
      stats === undefined
        ? await placeUnlessTaken(directory, place.name, bytes, nonce)
        : await replaceVersion(directory, place.name, bytes, stats, { token: nonce, access });
    return isWritten ? ok(assigned) : undefined;
  });
}

/** Undoes {@link assign}, all of it, but only while the variable has that value. The file goes where it holds nothing else. */
export async function unassign(
  assignment: Assignment,
  value: string,
  assigned: Assigned,
): Promise<Result<undefined, SinkProblem>> {
  // Nobody needs to be waited for where there is nothing to undo.
  const held = await isHeld(assignment, value);
  if (!held.ok) return held;
  if (!held.value) return ok(undefined);
  return untilSettled(assignment.place, async (directory) => {
    const { place, variable, nonce, environment } = assignment;
    // An old secret comes back in any case.
    const current = await (assigned.old ? readDelivered : readDotenv)(directory, place);
    if (!current.ok) return current;
    if (current.value === undefined) return ok(undefined);
    const { text, stats } = current.value;
    const line = assigned.beside?.line;
    const without = line && takeBack(text, line.variable, line.value, line.trace);
    const old = assigned.old && openSecret(assigned.old);
    const undone = takeBack(without ?? text, variable, value, assigned.trace, old);
    if (undone === undefined) return ok(undefined);
    if (undone === '' && assigned.oldMode === undefined) {
      await removeIfSame(directory, place.name, stats);
      return ok(undefined);
    }
    const bytes = Buffer.from(undone, 'utf8');
    const readers = await keptReaders(place.path, stats, environment);
    const access = readers.ok ? readers.value.access : PRIVATE;
    const replaced = await replaceVersion(directory, place.name, bytes, stats, { token: nonce, access });
    return replaced ? ok(undefined) : undefined;
  });
}

/** Whether the variable has that value. */
export function isHeld({ place, variable }: Variable, value: string): Promise<Result<boolean, SinkProblem>> {
  return inDirectory(place.directory, async (directory) => {
    const current = await readDelivered(directory, place);
    if (!current.ok) return current;
    return ok(current.value !== undefined && valueOf(current.value.text, variable) === value);
  });
}

/** Tries again while `step` answers undefined, which means that somebody else changed the file. */
async function untilSettled<T>(
  place: FilePath,
  step: (directory: SafeDirectory) => Promise<Result<T, SinkProblem> | undefined>,
): Promise<Result<T, SinkProblem>> {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const result = await inDirectory(place.directory, async (directory) =>
      worded(await withLock(directory, place, async () => ok(await step(directory)))),
    );
    if (!result.ok) return result;
    if (result.value !== undefined) return result.value;
  }
  return failed(restless(place));
}

function tooLarge(place: FilePath): SinkProblem {
  return notReady(
    `${place.path} is larger than ${LARGEST / 1024} KiB, or would be.`,
    'Make it smaller, or configure the path of another .env file.',
  );
}

function restless(place: FilePath): SinkProblem {
  return notReady(
    `${place.path} was changed by another program again and again.`,
    'Close the program that writes to it, then try again.',
  );
}

async function placeUnlessTaken(
  directory: SafeDirectory,
  name: string,
  bytes: Buffer,
  nonce: string | undefined,
): Promise<boolean> {
  try {
    await placeNew(directory, name, bytes, nonce);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Exactly the text of these bytes, with its byte order mark; undefined where they are not text. */
function decode(bytes: Buffer): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * A file that looks like a .env file, or stands in its place, and is not one: encrypted by a program that has to write it
 * itself, or in UTF-16. It is named as what it is, with that program's own command.
 */
interface Format {
  readonly pattern: RegExp;
  readonly message: (path: string) => string;
  readonly hint: (path: string) => string;
}

const PLAIN = 'or configure the path of a plain .env file';

/** Looked for in the bytes as Latin-1, since not all of them are text. */
const FORMATS: readonly Format[] = [
  {
    pattern:
      /^[ \t]*(?:export[ \t]+)?(?:sops_(?:version|mac|lastmodified)[ \t]*=|[^#\n]*=[ \t]*["']?ENC\[AES256_GCM,)/m,
    message: (path) => `${path} is encrypted by sops, and a line in plain text would break it.`,
    hint: (path) =>
      `Let sops write it, which takes the secret as a JSON string: a command of sh with jq -R . | sops set --value-stdin ${shellWord(path)} '["NAME"]', ${PLAIN}.`,
  },
  {
    // In sops's other forms: YAML, or JSON around the whole text of a file whose name does not end in ".env".
    pattern: /^[^#\n]*:[ \t]*["']?ENC\[AES256_GCM,/m,
    message: (path) => `${path} is encrypted by sops as a whole.`,
    hint: (path) =>
      `Run sops decrypt -i ${shellWord(path)}, call again, and run sops encrypt -i ${shellWord(path)}; ${PLAIN}.`,
  },
  {
    pattern: /^\s*\$ANSIBLE_VAULT;/,
    message: (path) => `${path} is encrypted by ansible-vault.`,
    hint: (path) =>
      `Only a person can change it, with ansible-vault edit ${shellWord(path)}: decrypt it first, ${PLAIN}.`,
  },
  {
    pattern: /^[ \t]*(?:export[ \t]+)?(?:DOTENV_PUBLIC_KEY\w*[ \t]*=|[\w.-]+[ \t]*=[ \t]*["'`]?encrypted:)/m,
    message: (path) => `${path} is encrypted by dotenvx.`,
    hint: (path) =>
      `Run dotenvx decrypt -f ${shellWord(path)}, call again, and run dotenvx encrypt -f ${shellWord(path)}; ${PLAIN}.`,
  },
  {
    pattern: /^\s*(?:age-encryption\.org\/v1|-----BEGIN AGE ENCRYPTED FILE-----)/,
    message: (path) => `${path} is encrypted by age.`,
    hint: (path) =>
      `Make it plain with age -d -i IDENTITY ${shellWord(path)}, and encrypt it again afterwards; ${PLAIN}.`,
  },
  {
    // With a byte order mark, or without one where every other byte of the beginning is NUL.
    pattern: /^(?:\xFF\xFE|\xFE\xFF|(?:[^\0]\0){2}|(?:\0[^\0]){2})/,
    message: (path) => `${path} is UTF-16 text, as ">" of Windows PowerShell 5 writes it, and not UTF-8.`,
    hint: (path) => {
      const quoted = `'${path.replaceAll("'", "''")}'`;
      return `Convert it to UTF-8, in PowerShell with [IO.File]::WriteAllLines(${quoted}, (Get-Content ${quoted})), elsewhere with iconv.`;
    },
  },
];

function foreignFormat(bytes: Buffer, path: string): SinkProblem | undefined {
  const text = bytes.toString('latin1').replace(/^\xEF\xBB\xBF/, '');
  const format = FORMATS.find(({ pattern }) => pattern.test(text));
  return format && notReady(format.message(path), format.hint(path));
}
