// The sink that hands a secret to a program on its standard input (pass, age, secret-tool, vault, …).
// What the program says is never shown, not even in an error: it may be the secret.

import { basename } from 'node:path';
import type { CommandSpec } from '../config/sink-spec.ts';
import { fingerprintOfBytes, holdsExactly } from '../secret/fingerprint.ts';
import { openSecret, type Secret } from '../secret/secret.ts';
import { childEnvironment, searchPathOf } from './programs/child-environment.ts';
import { feedProgram, readProgram, type Program, type ProgramEnd } from './programs/child-process.ts';
import { findExecutable } from './programs/executable.ts';
import type { Address, Delivery, Held, Preflight, Sink, Target, Verdict } from './sink.ts';
import { expand, takesEntry } from './template.ts';

type Argv = CommandSpec['argv'];

/**
 * `environment` is that of this process, from which the programs get a short list. A preflight looks for the programs,
 * judges their files, and runs the one that verifies, which must change nothing; so `inspect` and `prove` are the same.
 */
export function commandSink(name: string, spec: CommandSpec, environment: Readonly<Record<string, string>>): Sink {
  const location = `command ${basename(spec.argv[0])}`;
  const env = childEnvironment(environment, spec.env);
  const prepare = (argv: Argv, address: Address) => prepareProgram(argv, address, env, spec.timeoutMs);
  return {
    name,
    kind: 'command',
    location,
    takesEntry: takesEntry(...spec.argv, ...(spec.verify ?? [])),
    verification: spec.verify ? 'read-back' : 'none',
    async preflight(address): Promise<Preflight> {
      const writer = await prepare(spec.argv, address);
      if (!writer.ready) return notReady(writer);
      const reader = spec.verify && (await prepare(spec.verify, address));
      if (reader && !reader.ready) return notReady(reader);
      if (reader && (await lookUpWith(reader.program)).held === 'value') return taken(name, reader.program);
      return { ready: true, target: commandTarget(name, location, writer.program, reader?.program) };
    },
    async lookUp(address): Promise<Held> {
      const reader = spec.verify && (await prepare(spec.verify, address));
      return reader?.ready ? lookUpWith(reader.program) : { held: 'unknown' };
    },
  };
}

function commandTarget(name: string, location: string, writer: Program, reader: Program | undefined): Target {
  return {
    location,
    async deliver(secret): Promise<Delivery> {
      const end = await feedProgram(writer, Buffer.from(openSecret(secret), 'utf8'));
      if (end.by === 'exit' && end.code === 0 && end.tookInput) return { outcome: 'written', warnings: [] };
      // Only a program that ended of itself has said what it did; one that was stopped may have kept the secret.
      const outcome = end.by === 'exit' || end.by === 'no start' ? 'failed' : 'uncertain';
      return { outcome, message: describe(writer, end), hint: deliveryHint(name) };
    },
    verify(secret): Promise<Verdict> {
      if (reader) return readBack(name, reader, secret);
      return Promise.resolve({ outcome: 'verified', verification: 'none' });
    },
    async retract() {
      // Nobody but the operator knows what would take it back; the key itself is deleted.
    },
  };
}

async function readBack(name: string, reader: Program, secret: Secret): Promise<Verdict> {
  const end = await readProgram(reader);
  const same = end.by === 'exit' && isPrintedSecret(end.output, secret);
  if (end.by === 'exit') end.output.fill(0);
  if (end.by !== 'exit') return { outcome: 'unreadable', message: describe(reader, end), hint: verifyHint(name) };
  if (end.code !== 0) return { outcome: 'mismatch', message: describe(reader, end), hint: verifyHint(name) };
  if (same) return { outcome: 'verified', verification: 'read-back' };
  const message = `${subjectOf(reader)} printed something else than the secret that was delivered.`;
  return { outcome: 'mismatch', message, hint: verifyHint(name) };
}

/** A program that prints nothing, or fails, has not said that there is nothing. */
async function lookUpWith(reader: Program): Promise<Held> {
  const end = await readProgram(reader);
  if (end.by !== 'exit') return { held: 'unknown' };
  const value = withoutLineEnd(end.output);
  const held: Held =
    end.code === 0 && value.length > 0
      ? { held: 'value', fingerprint: fingerprintOfBytes(value) }
      : { held: 'unknown' };
  end.output.fill(0);
  return held;
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

type Preparation =
  | { readonly ready: true; readonly program: Program }
  | { readonly ready: false; readonly message: string; readonly hint: string };

async function prepareProgram(
  [program, ...args]: Argv,
  address: Address,
  env: Readonly<Record<string, string>>,
  timeoutMs: number,
): Promise<Preparation> {
  if (expand(program, address) !== program) {
    const message = 'The program of a command may not hold {groupId} or {entry}.';
    return { ready: false, message, hint: 'Use them in the arguments only.' };
  }
  const search = await findExecutable(program, searchPathOf(env));
  if (!search.found) return { ready: false, message: search.message, hint: search.hint };
  return {
    ready: true,
    program: { path: search.path, args: args.map((arg) => expand(arg, address)), env, timeoutMs },
  };
}

function notReady({ message, hint }: { message: string; hint: string }): Preflight {
  return { ready: false, problem: { code: 'SINK_NOT_READY', message, hint } };
}

function taken(name: string, reader: Program): Preflight {
  const message = `${subjectOf(reader)} prints something already, so the place of sink "${name}" is taken.`;
  const hint = 'Nothing is overwritten. Pass another entry, or have that one removed first.';
  return { ready: false, problem: { code: 'SINK_ENTRY_EXISTS', message, hint } };
}

function deliveryHint(name: string): string {
  return `Run the command of sink "${name}" by hand, with a made-up value on its standard input, to see what it says. ${CONDITIONS}`;
}

function verifyHint(name: string): string {
  return `Run the verify command of sink "${name}" by hand: it must print the secret and nothing else. ${CONDITIONS}`;
}

/** The usual reasons why a command works by hand and not here. */
const CONDITIONS = 'Here it runs in /, without a terminal, and with few variables of the environment.';

function subjectOf(program: Program): string {
  return `The program "${basename(program.path)}"`;
}

/** Neither the arguments, which may hold the operator's data, nor any output. */
function describe(program: Program, end: ProgramEnd): string {
  const subject = subjectOf(program);
  switch (end.by) {
    case 'exit':
      if (end.code !== 0) return `${subject} ended with exit code ${end.code}.`;
      return `${subject} closed its input before it had the whole secret.`;
    case 'signal':
      return `${subject} was ended by signal ${end.signal}.`;
    case 'timeout':
      return `${subject} did not end within ${program.timeoutMs / 1000} s and was stopped.`;
    case 'flood':
      return `${subject} printed far too much and was stopped.`;
    case 'no start':
      return `${subject} could not be started: ${START_PROBLEMS[end.code] ?? 'the system refused'}.`;
  }
}

const START_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'it is gone, or the interpreter it names is missing',
  EACCES: 'it, or the interpreter it names, may not be executed',
  EPERM: 'it may not be executed',
  ENOEXEC: 'it is not a program for this system',
  ETXTBSY: 'it is being written',
  E2BIG: 'its arguments and environment are too long',
  EAGAIN: 'there are too many processes',
  ENOMEM: 'there is too little memory',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
};
