// The contract of a sink: preflight -> deliver -> verify, and retract when the key is deleted again; and its problems, worded for
// a person: what the file layer found, with the advice that fits a sink, and what sinks find for themselves.
// Outcomes are values. A sink throws only where the program itself is wrong; never-throwing.ts makes a value of that too.

import type { SinkKind } from '../config/sink-kinds.ts';
import type { PageCall } from '../page/pages.ts';
import { type Result, failed } from '../failure.ts';
import type { Fingerprint } from '../secret/opened-secret.ts';
import type { Secret } from '../secret/secret.ts';
import { attempt as attemptWith, systemCode, type FileProblem } from '../files/file-problem.ts';
import { withDirectory, type SafeDirectory } from '../files/safe-directory.ts';

/**
 * How "delivered" was checked: the bytes were read back (those of a .env file by the rules of each of its readers, and a
 * warning names the readers that do not get the secret), only their metadata could be, a person said that the secret is
 * stored, or nothing could.
 */
export type Verification = 'read-back' | 'metadata' | 'person' | 'none';

/** Where in a sink a secret goes. `entry` is absent where the operator fixed the target. */
export interface SecretReference {
  readonly groupId: string;
  readonly entry?: string;
}

/** Whether the secret stays where this server can look for it: a result and a page are gone once they were seen. */
export function isPlace({ kind }: Pick<Sink, 'kind'>): boolean {
  return kind !== 'inline' && kind !== 'reveal';
}

/** Whether one of the templates has `{groupId}`. */
export function takesProject(...templates: readonly string[]): boolean {
  return templates.some((template) => template.includes('{groupId}'));
}

/** Whether one of the templates has `{entry}`. */
export function takesEntry(...templates: readonly string[]): boolean {
  return templates.some((template) => template.includes('{entry}'));
}

/**
 * Puts a reference into an operator's path, variable or argument. Both values were checked before (24 hexadecimal digits; a
 * word without separators), so that neither can leave its place.
 */
export function expand(template: string, reference: SecretReference): string {
  return template.replaceAll('{groupId}', reference.groupId).replaceAll('{entry}', reference.entry ?? '');
}

/** Why a sink cannot take a secret, for a person. Never holds a secret, or output of a command. */
export interface SinkProblem {
  readonly code: 'SINK_NOT_READY' | 'SINK_ENTRY_EXISTS';
  readonly message: string;
  readonly hint: string;
  /**
   * The value in the sink was compared with the mask of an old secret, and did not fit. Each such answer rules out a guess
   * of its characters, so their number is limited.
   */
  readonly isRefusedLook?: true;
}

/**
 * Both try with a file of their own what the delivery will do, and remove it, so that a dry run finds what a create
 * finds. `inspect` leaves nothing (for a dry run); `prove` leaves the directories that were missing.
 */
export type PreflightMode = 'inspect' | 'prove';

/** What a preflight that found nothing wrong answers. */
export interface Preflight {
  readonly write: PreparedWrite;
  /** What a person should know before: a delivery says the same again. */
  readonly warnings?: readonly string[];
}

/**
 * The key whose secret may be overwritten. Where its fingerprint is known, the value in the sink must have it; else
 * it must fit the key's mask, such as `al-****odu2`. A mask that is absent, or of another form, fits nothing.
 */
export interface Replaced {
  readonly maskedSecret: string | undefined;
  /** As the journal knows them of this key; none where it does not. */
  readonly fingerprints?: readonly Fingerprint[];
  /** As the journal knows them of other keys: a secret of theirs is not that of this key, whatever its mask. */
  readonly others?: readonly Fingerprint[];
  /**
   * The journal says that its secret is what this machine put into that place last. Only then a value that the store does not
   * show may give way.
   */
  readonly isLastHere?: boolean;
  /** The place into which it was put, as {@link PreparedWrite} names it; absent where that is not known. */
  readonly place?: string | undefined;
  /** What the journal knows of that version, in a store that has versions; a value of another one stays. */
  readonly version?: Fingerprint | 'unknown';
}

/** A named place for secrets, as the operator configured it. */
export interface Sink {
  readonly name: string;
  readonly kind: SinkKind;
  /** For people: the path or program, with `{groupId}` and `{entry}` still in place. */
  readonly location: string;
  /** Whether the location has `{entry}`; where not, the operator fixed the target and `entry` is refused. */
  readonly takesEntry: boolean;
  /** What an entry must be to fit; absent where any entry does. */
  readonly entryForm?: 'variable';
  /** Whether it is configured to keep the endpoint of a key beside the secret, or shows it. */
  readonly keepsEndpoint?: boolean;
  /** Whether two projects have two places. */
  readonly takesProject: boolean;
  /**
   * How long after its server was killed something may still write there, in milliseconds: 0 where nothing but this process
   * writes.
   */
  readonly mayWriteForMs: number;
  /** How a delivery to this sink will be verified, as far as the configuration tells: see {@link PreparedWrite}. */
  readonly verification: Verification;
  /**
   * Checks that the target is free, safe and writable, and proves the right to write without writing a value where the store
   * can do so. Called before anything is sent to Atlas. What cannot be read is not free: SINK_NOT_READY. With `replaced`, the
   * target may also hold the secret of that key; anything else there is SINK_ENTRY_EXISTS, as it is without.
   */
  preflight(
    reference: SecretReference,
    mode: PreflightMode,
    replaced?: Replaced,
  ): Promise<Result<Preflight, SinkProblem>>;
  /** {@link PreparedWrite.place} of a reference by the configuration of now. Undefined where that cannot be told; never throws. */
  placeOf?(reference: SecretReference): Promise<string | undefined>;
  /** What the place of a reference holds now, for a create that nobody finished. Changes nothing; never throws. */
  lookUp(reference: SecretReference): Promise<Held>;
  /**
   * The secret at the place of a reference, to be used and never to be shown; only where it is that of the key, by the rules of
   * {@link Replaced}. Changes nothing; never throws. Absent where nothing can be read.
   */
  readSecret?(reference: SecretReference, key: Replaced): Promise<FoundSecret>;
  /**
   * Takes the secret of that fingerprint out of its place, for a create that nobody finished and whose key is deleted.
   * Anything else there stays. Best effort; never throws. Absent where nobody but the operator knows how.
   */
  withdraw?(reference: SecretReference, fingerprint: Fingerprint): Promise<void>;
  /**
   * What a killed delivery with this nonce left beside the place of a reference, for people: the paths of temporary files,
   * a version of a store. It may hold the whole secret. Undefined where that cannot be seen. Changes nothing; never throws.
   * Absent where a sink leaves nothing.
   */
  leftovers?(reference: SecretReference, nonce: string): Promise<readonly string[] | undefined>;
  /** Removes them, once nobody is at that call any more. Answers whether none is left for certain; never throws. */
  removeLeftovers?(reference: SecretReference, nonce: string): Promise<boolean>;
}

/** As {@link Held} has it; `another value`: it is not the secret of that key. */
export type FoundSecret =
  | { readonly held: 'secret'; readonly secret: Secret }
  | { readonly held: 'another value' }
  | { readonly held: 'nothing' }
  | { readonly held: 'unknown' };

/** `something`: there is a value, which the store does not show. `unknown`: the sink cannot be read, or did not answer. */
export type Held =
  | {
      readonly held: 'value';
      readonly fingerprint: Fingerprint;
      /** Without the end of the line that an editor put behind it; absent where there is none. */
      readonly unendedFingerprint?: Fingerprint;
      /** As Atlas would show it, where it has the form of a key's secret: to compare, never to be shown. */
      readonly mask?: string;
    }
  | { readonly held: 'nothing' }
  | { readonly held: 'something' }
  | { readonly held: 'unknown' };

/** One place in a sink that may be written, after its preflight. Used for one secret. */
export interface PreparedWrite {
  /**
   * What the new secret takes the place of, as seen; `unknown`: what the store does not show. An old secret stays until the new
   * one is whole in the store, and nothing else that turns up there is overwritten, as far as the store can refuse it.
   */
  readonly overwrites: 'nothing' | 'old secret' | 'unknown';
  /** How this delivery will be verified, where the preflight knows better than the sink. */
  readonly verification?: Verification;
  /** Whether {@link retract} knows how to take the secret out again. */
  readonly canRetract: boolean;
  /** For people: the path or program that got the secret. After the delivery, a path is what the system calls the file. */
  readonly location: string;
  /** One text for the place, however its path is written and by whatever sink; absent where there is no path. */
  readonly place?: string;
  deliver(secret: Secret, call?: DeliveryCall): Promise<Delivery>;
  /** Called once after a delivery that was written or is uncertain. */
  verify(secret: Secret): Promise<Verdict>;
  /**
   * Removes what `deliver` left, because the key is deleted again: an old secret is written back, byte for byte, but
   * only while the sink still holds the new one. Best effort; never throws.
   */
  retract(): Promise<Retraction>;
}

/**
 * Where the new secret is after a retract. `out`: not in the store; `held`: still there; `unknown`: only a look can tell;
 * `may be held`: not even a look tells, since it is read back in another form, or its write may still be carried out.
 */
export type Retraction = 'out' | 'held' | 'unknown' | 'may be held';

/** What a delivery is part of. */
export interface DeliveryCall {
  /** Letters and digits. Temporary files and versions are named by it, so that {@link Sink.leftovers} finds them after a crash. */
  readonly nonce?: string | undefined;
  /** For a sink that hands the secret to a person, who is told of the key: one fact a line. */
  readonly about?: (() => string) | undefined;
  /**
   * For a sink that {@link Sink.keepsEndpoint}: the URL of the key's endpoint, where the operator lets secrets be sent there.
   * Where it is absent, the secret is written without it, and a warning says so.
   */
  readonly endpoint?: string | undefined;
  /** Whether an old key is deleted after the delivery. */
  readonly deletesOld?: boolean | undefined;
  readonly page?: PageCall | undefined;
}

export type Delivery =
  | {
      readonly outcome: 'written';
      readonly warnings: readonly string[];
      /** Only from the inline sink: the value to show in the tool's result. */
      readonly disclosed?: string;
    }
  /** Nothing usable was left behind. */
  | { readonly outcome: 'failed'; readonly message: string; readonly hint: string }
  /** The secret went out, and whether it was kept is not known; `verify` may tell. */
  | { readonly outcome: 'uncertain'; readonly message: string; readonly hint: string };

export type Verdict =
  /** `version`: of what the store calls the version that was seen, where it has versions. */
  | { readonly outcome: 'verified'; readonly verification: Verification; readonly version?: Fingerprint | undefined }
  /** The sink holds something else, or nothing. */
  | { readonly outcome: 'mismatch'; readonly message: string; readonly hint: string }
  /** The sink can be read back and did not answer, so that nothing is known. */
  | { readonly outcome: 'unreadable'; readonly message: string; readonly hint: string };

export function notReady(message: string, hint: string): SinkProblem {
  return { code: 'SINK_NOT_READY', message, hint };
}

export function entryExists(message: string, hint: string): SinkProblem {
  return { code: 'SINK_ENTRY_EXISTS', message, hint };
}

/** What the file layer answered, with the hint of a sink where it failed. */
export function worded<T>(checked: Result<T, SinkProblem | FileProblem>): Result<T, SinkProblem> {
  return checked.ok ? checked : failed(sinkProblem(checked.failure));
}

export function sinkProblem(problem: SinkProblem | FileProblem): SinkProblem {
  return 'reason' in problem ? notReady(problem.message, hintFor(problem)) : problem;
}

/** As the one of the file layer, with the hint of a sink. */
export async function attempt<T>(
  what: string,
  action: () => Result<T, SinkProblem> | Promise<Result<T, SinkProblem>>,
): Promise<Result<T, SinkProblem>> {
  return worded(await attemptWith(what, action));
}

/** Runs `use` in the safe directory of a place. */
export async function inDirectory<T>(
  directory: string,
  use: (opened: SafeDirectory) => Result<T, SinkProblem> | Promise<Result<T, SinkProblem>>,
): Promise<Result<T, SinkProblem>> {
  return worded(await withDirectory(directory, use));
}

/** A secret that is out of reach stays there: its key is deleted. */
export async function ifInReach(action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
  }
}

export function failedDelivery({ message, hint }: SinkProblem): Extract<Delivery, { outcome: 'failed' }> {
  return { outcome: 'failed', message, hint };
}

/**
 * The end of a delivery that failed where an old secret was, after that was to be put back. It did not fail for certain
 * unless the new secret is seen not to be there: `look` says whether it is.
 */
export async function failedReplace(
  problem: SinkProblem,
  path: string,
  look: () => Promise<Result<boolean, SinkProblem>>,
): Promise<Delivery> {
  if (!(await mayHold(look))) return failedDelivery(problem);
  const hint = `The old secret could not be put back: look into ${path}. ${problem.hint}`;
  return { outcome: 'uncertain', message: problem.message, hint };
}

async function mayHold(look: () => Promise<Result<boolean, SinkProblem>>): Promise<boolean> {
  try {
    const held = await look();
    return held.ok && held.value;
  } catch (error) {
    return systemCode(error) !== 'ENOENT';
  }
}

function hintFor({ reason, remedy }: FileProblem): string {
  switch (reason) {
    case 'symbolic link':
      return 'Configure the path that the link leads to.';
    case 'not a file':
      return 'Configure the path of a regular file.';
    case 'foreign':
      return `Configure a path where every part is owned by root or by that user, and the last directory by that user. ${OVERRIDE}`;
    case 'everybody can write':
      return 'Configure a path in a directory of your own below it.';
    case 'no hard links':
      return 'Configure a path on a local disk that has them (not exFAT or SMB).';
    case 'no modes':
      return 'Configure a path on a local disk that has them (not exFAT, NTFS or SMB).';
    case 'name too long':
      return 'Use a shorter entry, or configure a shorter path.';
    case 'cannot give':
      return remedy ?? CHOOSE_ANOTHER;
    case 'mounted':
    case 'protected':
    case 'foreign founder':
    case 'hard link':
    case 'no permission':
    case 'no space':
    case 'disk failed':
      return remedy === undefined ? CHOOSE_ANOTHER : `${remedy} Or configure another path for this sink.`;
    case 'others can write':
      return remedy ?? `${CHOOSE_ANOTHER} ${OVERRIDE}`;
    case 'locked':
    case 'changed meanwhile':
    case 'too many open files':
    case 'not a directory':
    case 'unknown content':
    case 'read-only':
    case 'refused by the system':
      return remedy ?? CHOOSE_ANOTHER;
  }
}

/** It cannot be set by a flag or a tool. */
const OVERRIDE = 'Where only trusted users can change it, the operator names it in ATLAS_MODEL_KEYS_TRUST_PATHS.';
const CHOOSE_ANOTHER = 'Configure another path for this sink.';
