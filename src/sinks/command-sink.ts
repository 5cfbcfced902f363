// The sink that hands a secret to a program on its standard input (pass, age, secret-tool, vault, …).
// What the program says is never shown, not even in an error: it may be the secret.

import { basename } from 'node:path';
import type { CommandSpec } from '../config/sink-spec.ts';
import { holdsExactly } from '../secret/fingerprint.ts';
import { openSecret, type Secret } from '../secret/secret.ts';
import { childEnvironment, searchPathOf } from './child-environment.ts';
import { feedProgram, readProgram, type Program, type ProgramEnd } from './child-process.ts';
import { findExecutable } from './executable.ts';
import type { Address, Delivery, Preflight, Sink, Target, Verdict } from './sink.ts';
import { expand, takesEntry } from './template.ts';

type Argv = CommandSpec['argv'];

/**
 * `environment` is that of this process, from which the programs get a short list. Running the program is
 * no part of a preflight, so `inspect` and `prove` are the same: they look for it and judge its file.
 */
export function commandSink(
  name: string,
  spec: CommandSpec,
  environment: Readonly<Record<string, string>>,
): Sink {
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
      return { ready: true, target: commandTarget(name, location, writer.program, reader?.program) };
    },
  };
}

function commandTarget(name: string, location: string, writer: Program, reader: Program | undefined): Target {
  return {
    location,
    async deliver(secret): Promise<Delivery> {
      const end = await feedProgram(writer, Buffer.from(openSecret(secret), 'utf8'));
      if (end.by === 'exit' && end.code === 0 && end.tookInput) return { outcome: 'written', warnings: [] };
      return { outcome: 'failed', message: describe(writer, end), hint: deliveryHint(name) };
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
  if (end.by !== 'exit' || end.code !== 0) {
    return { outcome: 'mismatch', message: describe(reader, end), hint: verifyHint(name) };
  }
  if (same) return { outcome: 'verified', verification: 'read-back' };
  const message = `${subjectOf(reader)} printed something else than the secret that was delivered.`;
  return { outcome: 'mismatch', message, hint: verifyHint(name) };
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
