// What the place of a command sink holds, by what its programs say. Only what a program says to be absent is absent: most of them
// end with one exit code where nothing is there and where they cannot look. Nothing that they print is shown.

import type { CommandSpec } from '../config/command-spec.ts';
import { describeEnd, readProgram, programInWords, type Program, type ProgramEnd } from '../programs/child-process.ts';
import { expand, type SecretReference } from './sink.ts';

/** The programs that look at one place, and how they are to be understood. */
export interface Lookers {
  readonly exists: Program | undefined;
  readonly verify: Program | undefined;
  readonly rules: LookRules;
}

interface LookRules {
  /** The exit codes that say that nothing is there. */
  readonly absent: readonly number[];
  readonly isAbsentNeedingSilence: boolean;
  /** Whether an exit with 0 and no output says so too. */
  readonly isEmptyAbsent: boolean;
  /** The line that says that it is there, in a list of what there is. */
  readonly line: string | undefined;
}

export type Seen =
  | { readonly is: 'nothing' }
  /** For the caller to wipe. */
  | { readonly is: 'value'; readonly bytes: Buffer; readonly by: Program }
  /** There is a value, which no program prints. */
  | { readonly is: 'something'; readonly by: Program }
  | { readonly is: 'unreadable'; readonly message: string; readonly by: Program; readonly code?: number };

export function lookRules(spec: CommandSpec, reference: SecretReference): LookRules {
  const { absent = [], absentNeedsEmptyStderr = false, emptyMeans, existsLine } = spec;
  return {
    absent,
    isAbsentNeedingSilence: absentNeedsEmptyStderr,
    isEmptyAbsent: emptyMeans === 'absent',
    line: existsLine === undefined ? undefined : expand(existsLine, reference),
  };
}

/** In bytes: a list of all that a store holds, such as some 10,000 items of 1Password in JSON. */
const LONGEST_LIST = 4 * 1024 * 1024;

/** Undefined where no program can look. */
export async function look({ exists, verify, rules }: Lookers): Promise<Seen | undefined> {
  const seen =
    exists && existsBy(exists, await readProgram(exists, rules.line === undefined ? undefined : LONGEST_LIST), rules);
  if (verify === undefined || (seen && seen.is !== 'something')) return seen;
  const value = valueBy(verify, await readProgram(verify), rules);
  // One program says that it is there, the other that it is not: nobody knows.
  if (!seen || value.is !== 'nothing') return value;
  const message = `${programInWords(verify)} finds nothing where ${programInWords(seen.by).replace('The', 'the')} finds something.`;
  return { is: 'unreadable', message, by: verify };
}

function existsBy(by: Program, end: ProgramEnd, rules: LookRules): Exclude<Seen, { is: 'value' }> {
  if (end.by !== 'exit' || end.code !== 0) return failedLook(by, end, rules);
  const output = end.output.toString('utf8');
  end.output.fill(0);
  const isThere =
    rules.line === undefined
      ? !rules.isEmptyAbsent || output.trim() !== ''
      : output.split(/\r?\n/).includes(rules.line);
  return isThere ? { is: 'something', by } : nothingBy(by, end);
}

/** @param end of the program that prints the value */
export function valueBy(by: Program, end: ProgramEnd, rules: LookRules): Exclude<Seen, { is: 'something' }> {
  if (end.by !== 'exit' || end.code !== 0) {
    if (end.by === 'exit') end.output.fill(0);
    return failedLook(by, end, rules);
  }
  const bytes = withoutLineEnd(end.output);
  if (bytes.length > 0) return { is: 'value', bytes, by };
  if (rules.isEmptyAbsent) return nothingBy(by, end);
  return { is: 'unreadable', message: `${programInWords(by)} printed nothing, and no error.`, by };
}

/** By what a program has not printed. */
function nothingBy(by: Program, { isWhole }: { readonly isWhole: boolean }) {
  if (isWhole) return { is: 'nothing' } as const;
  const message = `${programInWords(by)} ended, but something that it started may print more.`;
  return { is: 'unreadable', message, by } as const;
}

function failedLook(by: Program, end: ProgramEnd, rules: LookRules): Extract<Seen, { is: 'nothing' | 'unreadable' }> {
  if (end.by !== 'exit') return unreadable(by, end);
  const isSilent = !rules.isAbsentNeedingSilence || !end.saidError;
  return rules.absent.includes(end.code) && isSilent ? { is: 'nothing' } : unreadable(by, end);
}

function unreadable(by: Program, end: ProgramEnd): Extract<Seen, { is: 'unreadable' }> {
  return { is: 'unreadable', message: describeEnd(by, end), by, ...(end.by === 'exit' && { code: end.code }) };
}

/** What a program that is to prove that the place can be written says against it; undefined where it says nothing. */
export async function faultByProof(
  prove: Program | undefined,
): Promise<Extract<Seen, { is: 'unreadable' }> | undefined> {
  const end = prove && (await readProgram(prove));
  if (end?.by === 'exit') end.output.fill(0);
  if (!prove || !end || (end.by === 'exit' && end.code === 0)) return undefined;
  return unreadable(prove, end);
}

/** Programs that print end the line. */
function withoutLineEnd(output: Buffer): Buffer {
  const ending = ['\r\n', '\n'].find((each) => output.subarray(-each.length).equals(Buffer.from(each)));
  return output.subarray(0, output.length - (ending?.length ?? 0));
}
