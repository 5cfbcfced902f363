// The sink that hands a secret to a program on its standard input (pass, age, secret-tool, vault, …).
// What the program says is never shown, not even in an error: it may be the secret.

import { basename } from 'node:path';
import { failed, ok, type Result } from '../failure.ts';
import type { CommandSpec } from '../config/sink-spec.ts';
import { askFirst } from '../files/privacy.ts';
import { holdsExactly } from '../secret/opened-secret.ts';
import { openSecret, type Secret } from '../secret/secret.ts';
import { childEnvironment, searchPathOf } from '../programs/child-environment.ts';
import { heldValue, notTheOldSecret, oldSecretIn, secretIn, type OldSecret } from './old-secret.ts';
import {
  describeEnd,
  feedProgram,
  readProgram,
  subjectOf,
  type Program,
  type ProgramEnd,
} from '../programs/child-process.ts';
import { findExecutable } from '../programs/executable.ts';
import {
  attempt,
  entryExists,
  failedDelivery,
  notReady,
  expand,
  takesEntry,
  type SecretReference,
  type Delivery,
  type FoundSecret,
  type Held,
  type Preflight,
  type Replaced,
  type Sink,
  type PreparedWrite,
  type Verdict,
  type SinkProblem,
} from './sink.ts';

type Argv = CommandSpec['argv'];

/**
 * `environment` is that of this process, from which the programs get a short list. A preflight looks for the programs,
 * judges their files, and runs the one that verifies, which must change nothing; so `inspect` and `prove` are the same.
 */
export function commandSink(name: string, spec: CommandSpec, environment: Readonly<Record<string, string>>): Sink {
  const location = `command ${basename(spec.argv[0])}`;
  const env = childEnvironment(environment, spec.env);
  const prepare = async (argv: Argv, reference: SecretReference) => {
    const reached = await attempt('The program of a command cannot be looked at', async () => {
      await askFirst(argv[0]);
      return ok(undefined);
    });
    if (!reached.ok) return reached;
    return prepareProgram(argv, reference, env, spec.timeoutMs);
  };
  return {
    name,
    kind: 'command',
    location,
    takesProject: spec.argv.some((argument) => argument.includes('{groupId}')),
    takesEntry: takesEntry(...spec.argv, ...(spec.verify ?? [])),
    mayWriteForMs: spec.timeoutMs,
    verification: spec.verify ? 'read-back' : 'none',
    async preflight(reference, _mode, replaced): Promise<Result<Preflight, SinkProblem>> {
      const writer = await prepare(spec.argv, reference);
      if (!writer.ok) return writer;
      const reader = spec.verify && (await prepare(spec.verify, reference));
      if (reader && !reader.ok) return reader;
      const commands: Commands = { name, location, writer: writer.value, reader: reader?.value, replaced };
      const old = await findOld(commands);
      if (!old.ok) return old;
      return ok({ write: commandWrite(commands, old.value) });
    },
    async lookUp(reference): Promise<Held> {
      const reader = spec.verify && (await prepare(spec.verify, reference));
      return reader?.ok ? lookUpWith(reader.value) : { held: 'unknown' };
    },
    async readSecret(reference, key): Promise<FoundSecret> {
      const reader = spec.verify && (await prepare(spec.verify, reference));
      const value = reader?.ok ? await printedBy(reader.value) : undefined;
      return value === undefined ? { held: 'unknown' } : secretIn(value, key);
    },
  };
}

/** The commands for one reference. */
interface Commands {
  /** Of the sink. */
  readonly name: string;
  readonly location: string;
  readonly writer: Program;
  readonly reader: Program | undefined;
  readonly replaced: Replaced | undefined;
}

/** The old secret where it is printed, undefined where nothing is; refused where it is anything else. */
async function findOld({ name, reader, replaced }: Commands): Promise<Result<OldSecret | undefined, SinkProblem>> {
  if (reader === undefined) return ok(undefined);
  const value = await printedBy(reader);
  if (value === undefined) return ok(undefined);
  const old = replaced && oldSecretIn(value, replaced);
  value.fill(0);
  if (old?.lineEnd === '') return ok(old);
  if (replaced) {
    const what = `${subjectOf(reader)} prints something already, so the place of sink "${name}" is taken`;
    return failed(notTheOldSecret(what, replaced));
  }
  return failed(taken(name, reader));
}

function commandWrite(commands: Commands, old: OldSecret | undefined): PreparedWrite {
  const { name, location, writer, reader, replaced } = commands;
  const hints = hintsFor(name, replaced !== undefined);
  let delivered: Secret | undefined;
  let hasRefused = false;
  return {
    location,
    overwrites: old ? 'old secret' : 'unknown',
    canRetract: false,
    async deliver(secret): Promise<Delivery> {
      const still = old ? await findOld(commands) : ok(undefined);
      if (!still.ok) return failedDelivery(still.failure);
      delivered = secret;
      const end = await feed(writer, secret);
      if (hasTaken(end)) return { outcome: 'written', warnings: [] };
      // Only a program that was not stopped has said what it did; one that was stopped may have kept the secret.
      hasRefused = end.by === 'exit' || end.by === 'no start';
      const outcome = hasRefused ? 'failed' : 'uncertain';
      return { outcome, message: describeEnd(writer, end), hint: end.by === 'no start' ? hints.start : hints.delivery };
    },
    async verify(secret): Promise<Verdict> {
      if (reader === undefined) return { outcome: 'verified', verification: 'none' };
      const problem = await readBackProblem(reader, secret);
      return problem ? { ...problem, hint: hints.verify } : { outcome: 'verified', verification: 'read-back' };
    },
    async retract() {
      // A program that cannot be read says nothing but its exit code.
      if (delivered === undefined || (reader === undefined && hasRefused)) return 'out';
      // Where nothing was replaced, only the operator knows what would remove the secret.
      if (reader === undefined || old === undefined) return 'unknown';
      const isHeld = (await readBackProblem(reader, delivered)) === undefined;
      if (isHeld) await feed(writer, old.secret);
      return 'unknown';
    },
  };
}

function feed(writer: Program, secret: Secret): Promise<ProgramEnd> {
  return feedProgram(writer, Buffer.from(openSecret(secret), 'utf8'));
}

function hasTaken(end: ProgramEnd): boolean {
  return end.by === 'exit' && end.code === 0 && end.tookInput;
}

type ReadBackProblem = Pick<Exclude<Verdict, { outcome: 'verified' }>, 'outcome' | 'message'>;

async function readBackProblem(reader: Program, secret: Secret): Promise<ReadBackProblem | undefined> {
  const end = await readProgram(reader);
  const same = end.by === 'exit' && isPrintedSecret(end.output, secret);
  if (end.by === 'exit') end.output.fill(0);
  if (end.by !== 'exit') return { outcome: 'unreadable', message: describeEnd(reader, end) };
  if (end.code !== 0) return { outcome: 'mismatch', message: describeEnd(reader, end) };
  if (same) return undefined;
  const message = `${subjectOf(reader)} printed something else than the secret that was delivered.`;
  return { outcome: 'mismatch', message };
}

/** A program that prints nothing, or fails, has not said that there is nothing. */
async function lookUpWith(reader: Program): Promise<Held> {
  const value = await printedBy(reader);
  if (value === undefined) return { held: 'unknown' };
  const held = heldValue(value);
  value.fill(0);
  return held;
}

/** What it prints, without the end of the line, for the caller to wipe; undefined where it fails or prints nothing. */
async function printedBy(reader: Program): Promise<Buffer | undefined> {
  const end = await readProgram(reader);
  if (end.by !== 'exit') return undefined;
  const value = withoutLineEnd(end.output);
  if (end.code === 0 && value.length > 0) return value;
  end.output.fill(0);
  return undefined;
}

function withoutLineEnd(output: Buffer): Buffer {
  const ending = ['\r\n', '\n'].find((each) => output.subarray(-each.length).equals(Buffer.from(each)));
  return output.subarray(0, output.length - (ending?.length ?? 0));
}

/** Programs that print end the line, so one newline may follow. */
function isPrintedSecret(output: Buffer, secret: Secret): boolean {
  return ['', '\n', '\r\n'].some((ending) => {
    const length = output.length - ending.length;
    return output.subarray(length).equals(Buffer.from(ending)) && holdsExactly(output.subarray(0, length), secret);
  });
}

function prepareProgram(
  [program, ...args]: Argv,
  reference: SecretReference,
  env: Readonly<Record<string, string>>,
  timeoutMs: number,
): Result<Program, SinkProblem> {
  if (expand(program, reference) !== program) {
    const message = 'The program of a command may not hold {groupId} or {entry}.';
    return failed(notReady(message, 'Use them in the arguments only.'));
  }
  const search = findExecutable(program, searchPathOf(env));
  if (!search.ok) return failed(notReady(search.failure.message, search.failure.hint));
  return ok({ path: search.value, args: args.map((arg) => expand(arg, reference)), env, timeoutMs });
}

function taken(name: string, reader: Program): SinkProblem {
  return entryExists(
    `${subjectOf(reader)} prints something already, so the place of sink "${name}" is taken.`,
    'Nothing is overwritten. Pass another entry, or have that one removed first.',
  );
}

/** @param isReplacing whether an old secret may be in the place */
function hintsFor(name: string, isReplacing: boolean) {
  const run = `Run the command of sink "${name}" by hand`;
  const verify = `Run the verify command of sink "${name}" by hand: it must print the secret and nothing else. ${CONDITIONS}`;
  if (!isReplacing) {
    const delivery = `${run}, with a made-up value on its standard input, to see what it says. ${CONDITIONS}`;
    return { start: delivery, delivery, verify };
  }
  // A made-up value at the same place would overwrite the old secret.
  const start = `${run}, with a made-up value on its standard input and for a place that nobody needs, to see what it says. ${CONDITIONS}`;
  return { start, delivery: `${MAY_BE_GONE} ${start}`, verify: `${MAY_BE_GONE} ${verify}` };
}

const MAY_BE_GONE =
  'The program may have replaced the old secret although this failed: look there which one it holds before anything else.';

/** The usual reasons why a command works by hand and not here. */
const CONDITIONS = 'Here it runs in /, without a terminal, and with few variables of the environment.';
