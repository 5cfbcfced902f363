// Runs one program to its end, within limits of time and output, and leaves nothing of it running, not even when this
// process ends. It knows nothing of secrets or sinks: bytes go in, and an end comes out. Nothing of standard error is kept.
//
// A program ends together with the programs that it started. On POSIX those are its process group; a process that moved to
// a session of its own (a daemon such as gpg-agent) is not reached. On Windows they are what taskkill finds below it while
// it runs; of a program that has ended, what it started is not found any more.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { basename } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { systemCode } from '../files/file-problem.ts';
import { systemProgram } from '../files/windows.ts';
import { findExecutable } from './executable.ts';

export interface Program {
  /** An absolute path. There is no shell between it and its arguments. */
  readonly path: string;
  readonly args: readonly string[];
  /** All of the child's environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** An open file that is its standard input, where it is given none. */
  readonly file?: number | undefined;
}

export type ProgramEnd =
  | {
      readonly by: 'exit';
      readonly code: number;
      /** False where the program closed its standard input before everything was written. */
      readonly tookInput: boolean;
      /** Whether it said anything on standard error; what, nobody keeps. */
      readonly saidError: boolean;
      readonly output: Buffer;
      /** Whether that is all: something outside of its group may hold the pipe, and say more. */
      readonly isWhole: boolean;
    }
  | { readonly by: 'signal'; readonly signal: string }
  | { readonly by: 'timeout' }
  | { readonly by: 'flood' }
  /** This process is about to end: see {@link endPrograms}. */
  | { readonly by: 'shutdown' }
  | { readonly by: 'no start'; readonly code: string };

/** Standard output and standard error together; beyond that a program has something wrong. */
const OUTPUT_LIMIT = 1024 * 1024;
/** Standard output, where it is kept and nobody asked for more. */
const KEPT_LIMIT = 64 * 1024;
/** How long to wait for the last output after the exit, should a process outside the group hold the pipe. */
const LAST_OUTPUT_MS = 500;
/** How long a program may take to end by itself after it was asked to, so that it can remove its temporary files. */
const TERMINATION_MS = 1000;

/** For taskkill. It takes a tenth of a second; on a machine that is very busy, more. */
const TASKKILL_LIMIT_MS = 3000;

/** One entry for each program that runs: stops it, and resolves when nothing of it runs any more. */
const running = new Set<() => Promise<void>>();
let isShuttingDown = false;

/**
 * To be called before this process ends: stops every program with all that it started, in about a second, and lets no
 * other one start. Each call that waits for a program is told that it was stopped.
 */
export async function endPrograms(): Promise<void> {
  isShuttingDown = true;
  await Promise.all([...running].map((stop) => stop()));
}

/** Whether no program is started any more. */
export function areProgramsEnding(): boolean {
  return isShuttingDown;
}

/** Gives the program `input` and drops whatever it says: `output` is empty. */
export async function feedProgram(program: Program, input: Uint8Array): Promise<ProgramEnd> {
  const piped = withPipe(program);
  if (!piped) return run(program, { input });
  const end = await run(piped, { input });
  const signal = end.by === 'exit' ? SIGNALS.get(end.code - SIGNAL_CODE) : undefined;
  return signal === undefined ? end : { by: 'signal', signal };
}

/** A shell adds this to the number of the signal that ended a program. */
const SIGNAL_CODE = 128;
const SIGNALS = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));
/** No text of anybody is in it: the shell does not look at its arguments. */
const PIPE = '"$0" | exec "$@"';

/**
 * What Node calls a pipe is a socket, which no program can open as /dev/stdin, and some do not read at all. Where the system has
 * a shell and `cat`, they give the program a real pipe. Undefined on Windows, whose pipes are real.
 */
function withPipe(program: Program): Program | undefined {
  if (process.platform === 'win32') return undefined;
  const shell = findExecutable('/bin/sh', '');
  const cat = findExecutable('cat', CAT_FOLDERS);
  if (!shell.ok || !cat.ok) return undefined;
  return { ...program, path: shell.value, args: ['-c', PIPE, cat.value, program.path, ...program.args] };
}

const CAT_FOLDERS = '/bin:/usr/bin:/run/current-system/sw/bin';

/**
 * Gives the program nothing and keeps its standard output, which the caller must wipe.
 *
 * @param atMost bytes of it; one that prints more is stopped
 */
export function readProgram(program: Program, atMost = KEPT_LIMIT): Promise<ProgramEnd> {
  return run(program, { atMost });
}

/** What goes in, and how much of what comes out is kept, if it is. */
interface Streams {
  readonly input?: Uint8Array;
  readonly atMost?: number;
}

async function run(program: Program, streams: Streams): Promise<ProgramEnd> {
  if (isShuttingDown) return { by: 'no start', code: 'ESHUTDOWN' };
  let child: ChildProcess;
  try {
    child = start(program, streams);
  } catch (error) {
    return { by: 'no start', code: systemCode(error) ?? 'unknown' };
  }
  const shutdown = new AbortController();
  const ended = follow(child, program, streams, shutdown.signal);
  const stop = async () => {
    shutdown.abort();
    await ended;
  };
  running.add(stop);
  try {
    return await ended;
  } finally {
    running.delete(stop);
  }
}

async function follow(
  child: ChildProcess,
  program: Program,
  streams: Streams,
  shutdown: AbortSignal,
): Promise<ProgramEnd> {
  const closed = new Promise((resolve) => child.once('close', resolve));
  const tookInput = streams.input === undefined ? () => true : feed(child.stdin, streams.input);
  const kept: Buffer[] = [];
  let saidError = false;
  child.stderr?.once('data', () => {
    saidError = true;
  });
  const end = await endOf(child, program.timeoutMs, { ...streams, kept }, shutdown);
  await killGroup(child, program.env);
  let isWhole = true;
  if (end.by === 'exit' && streams.atMost !== undefined) {
    isWhole = await Promise.race([closed.then(() => true), delay(LAST_OUTPUT_MS, false, { ref: false })]);
  }
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe?.destroy();
  const output = Buffer.concat(kept);
  for (const chunk of kept) chunk.fill(0);
  if (end.by === 'exit') return { ...end, tookInput: tookInput(), saidError, output, isWhole };
  output.fill(0);
  return end;
}

function start(program: Program, streams: Streams): ChildProcess {
  return spawn(program.path, program.args, {
    // Not the working directory of the server, where files of others may steer a program.
    cwd: '/',
    env: program.env,
    // A session of its own, and with it a process group that can be killed as one. It has no terminal.
    detached: process.platform !== 'win32',
    stdio: [streams.input === undefined ? (program.file ?? 'ignore') : 'pipe', 'pipe', 'pipe'],
    windowsHide: true,
  });
}

type FirstEnd = Exclude<ProgramEnd, { by: 'exit' }> | { readonly by: 'exit'; readonly code: number };

/** Whatever comes first. It waits for `exit`, not `close`: a grandchild may hold the pipes for ever. */
async function endOf(child: ChildProcess, timeoutMs: number, output: Output, shutdown: AbortSignal): Promise<FirstEnd> {
  let timer: NodeJS.Timeout | undefined;
  const end = await new Promise<FirstEnd>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, { by: 'timeout' });
    child.on('error', (error) => {
      resolve({ by: 'no start', code: systemCode(error) ?? 'unknown' });
    });
    child.once('exit', (code, signal) => {
      // A program that was asked to end may exit with 0 and not have done its work.
      if (shutdown.aborted) resolve({ by: 'shutdown' });
      else resolve(code === null ? { by: 'signal', signal: signal ?? 'unknown' } : { by: 'exit', code });
    });
    drain(child, output, () => {
      resolve({ by: 'flood' });
    });
    shutdown.addEventListener('abort', () => {
      setTimeout(resolve, terminateGroup(child) ? TERMINATION_MS : 0, { by: 'shutdown' });
    });
  });
  clearTimeout(timer);
  return end;
}

interface Output extends Pick<Streams, 'atMost'> {
  readonly kept: Buffer[];
}

/** Reads both outputs so that the program never waits for a reader, and counts them. */
function drain(child: ChildProcess, { kept, atMost }: Output, onFlood: () => void): void {
  let total = 0;
  let totalKept = 0;
  const listen = (pipe: Readable | null, onData: (chunk: Buffer) => void) => {
    pipe
      ?.on('error', () => undefined)
      .on('data', (chunk: Buffer) => {
        total += chunk.length;
        onData(chunk);
        if (total > Math.max(OUTPUT_LIMIT, atMost ?? 0) || totalKept > (atMost ?? 0)) onFlood();
      });
  };
  listen(child.stderr, () => undefined);
  listen(child.stdout, (chunk) => {
    if (atMost === undefined) return;
    totalKept += chunk.length;
    kept.push(chunk);
  });
}

/**
 * Writes the input and ends it. The answer tells whether all of it went into the pipe; that the program
 * then read it, nobody can tell. A program that closes its input yields EPIPE or ECONNRESET here.
 */
function feed(stdin: Writable | null, input: Uint8Array): () => boolean {
  let taken = false;
  stdin?.on('error', () => undefined);
  stdin?.write(input, (error) => {
    taken = error === null || error === undefined;
  });
  stdin?.end();
  return () => taken;
}

/** Asks the whole group to end. False where the system has no such request (Windows), or no such process. */
function terminateGroup(child: ChildProcess): boolean {
  return process.platform !== 'win32' && signalGroup(child, 'SIGTERM');
}

/** Ends what is left of the group. `env` is the program's: it says where Windows is. */
async function killGroup(child: ChildProcess, env: Readonly<Record<string, string>>): Promise<void> {
  if (process.platform !== 'win32') {
    signalGroup(child, 'SIGKILL');
    return;
  }
  if (child.exitCode !== null || child.pid === undefined) return;
  // Before the program itself is ended: its children are found by the id of their parent.
  await endTree(child.pid, env);
  child.kill('SIGKILL');
}

function signalGroup({ pid }: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): boolean {
  if (pid === undefined) return false;
  try {
    return process.kill(-pid, signal);
  } catch {
    // ESRCH: nobody is left. EPERM: what is left runs as another user (sudo), and only that user can end it.
    return false;
  }
}

async function endTree(pid: number, env: Readonly<Record<string, string>>): Promise<void> {
  const taskkill = spawn(systemProgram('taskkill.exe', env), ['/T', '/F', '/PID', String(pid)], {
    env,
    stdio: 'ignore',
    timeout: TASKKILL_LIMIT_MS,
    windowsHide: true,
  });
  // A Windows without it: the program itself is ended all the same.
  await once(taskkill, 'exit').catch(() => undefined);
}

export function programInWords(program: Program): string {
  return `The program "${basename(program.path)}"`;
}

/** How it ended, in words for a person: without its arguments, which may hold the operator's data, and its output. */
export function describeEnd(program: Program, end: ProgramEnd, subject = programInWords(program)): string {
  switch (end.by) {
    case 'exit':
      if (end.code === 126 || end.code === 127)
        return `${subject} ended with exit code ${end.code}, as one that cannot be started.`;
      if (end.code !== 0) return `${subject} ended with exit code ${end.code}.`;
      return `${subject} closed its input before it had the whole secret.`;
    case 'signal':
      return `${subject} was ended by signal ${end.signal}.`;
    case 'timeout':
      return `${subject} did not end within ${program.timeoutMs / 1000} s and was stopped.`;
    case 'flood':
      return `${subject} printed far too much and was stopped.`;
    case 'shutdown':
      return `${subject} was stopped because this server ends.`;
    case 'no start':
      return `${subject} could not be started: ${START_PROBLEMS[end.code] ?? 'the system refused'}.`;
  }
}

/** The `code` of a program that was not started, since it is not any more what was looked at. */
export const UNFIT = 'unfit';

const START_PROBLEMS: Readonly<Record<string, string>> = {
  [UNFIT]: 'it is gone, or not safe to run any more',
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
  ESHUTDOWN: 'this server ends',
};
