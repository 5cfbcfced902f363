// Serves over stdin and stdout until the host goes away, and then waits for the calls under way. The handshake reads stdin line
// by line until the whole server is needed; from then on the server reads.

import { type Readable, type Writable, PassThrough } from 'node:stream';
import { redacted, type Log } from '../secret/redaction.ts';
import type { Handshake } from './handshake.ts';

/** How long calls may still run, and their answers be read, once the host has gone. In milliseconds. */
const LONGEST_END_MS = 10_000;
/** Programs of sinks are stopped earlier, so that a call that waits for one can still write what became of its key. */
const LONGEST_PROGRAM_MS = 8_000;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The whole server, once it is loaded. */
export interface Serving {
  /** Resolves when the transport has closed itself. */
  readonly closed: Promise<void>;
  /** Asks the calls under way to stop, and resolves when the last of them has ended and nothing is open any more. */
  readonly drain: () => Promise<void>;
  /** Stops the programs that run for a call, and lets no other one start. Takes a second or two at most. */
  readonly endPrograms: () => Promise<void>;
}

interface StdioOptions {
  readonly handshake: Handshake;
  /** Loads the server and lets it read and write these. */
  readonly serve: (input: Readable, output: Writable) => Promise<Serving>;
  /** Resolves at the first error that nothing caught. */
  readonly uncaught: Promise<void>;
  readonly log: Log;
}

/** Resolves with the exit code when all is done: at the end of stdin, a signal, or an error that nothing caught. */
export async function serveStdio({ handshake, serve, uncaught, log }: StdioOptions): Promise<number> {
  const output = redacted(process.stdout);
  const gone = hostGone(output);
  const needed = receive(process.stdin, output, handshake);
  let serving: Promise<Serving> | undefined;
  const closed = needed.then(async (input) => {
    serving = serve(input, output);
    await (
      await serving
    ).closed;
  });
  const exitCode = await Promise.race([gone.then(() => 0), closed.then(() => 0), uncaught.then(() => 1)]);
  const finished = finish(serving, output).then(() => true);
  const tooLong = new Promise<false>((resolve) => setTimeout(resolve, LONGEST_END_MS, false));
  const endPrograms = async () => (await serving)?.endPrograms();
  setTimeout(() => void endPrograms(), LONGEST_PROGRAM_MS);
  // A host that has gone and then sends a signal, as the clients of the SDK do, kills this process 2 seconds later.
  for (const signal of SIGNALS) process.once(signal, () => void endPrograms());
  const isFinished = await Promise.race([finished, tooLong]);
  await endPrograms();
  if (isFinished) return exitCode;
  log('error', 'ended before every call was answered; reconcile_ai_model_api_keys tells what is true of them');
  return 1;
}

async function finish(serving: Promise<Serving> | undefined, output: Writable): Promise<void> {
  if (serving) {
    const { drain } = await serving;
    // The SDK handles what was read last in the next turn.
    await new Promise(setImmediate);
    await drain();
    // The answers of the calls that ended just now are written in the next turn.
    await new Promise(setImmediate);
  }
  await new Promise<void>((resolve) => output.end(resolve));
}

/** Neither the SDK's server nor its transport reacts to the end of stdin. */
function hostGone(output: Writable): Promise<void> {
  return new Promise((resolve) => {
    const gone = () => {
      resolve();
    };
    for (const event of ['end', 'close', 'error']) process.stdin.once(event, gone);
    // A host that no longer reads: without a listener the broken pipe would be an uncaught error.
    process.stdout.on('error', gone);
    output.on('error', gone);
    // Not `once`: a second signal must not end the process before the calls have ended.
    for (const signal of SIGNALS) process.on(signal, gone);
  });
}

/** As much as the SDK's transport takes of one message. In bytes. */
const LONGEST_LINE = 10 * 1024 * 1024;
const LINE_END = 0x0a;

/** Resolves, once or never, with the stream that the server is to read, beginning with what it missed. */
export function receive(input: Readable, output: Writable, handshake: Handshake): Promise<Readable> {
  const forServer = new PassThrough();
  let kept = Buffer.alloc(0);
  return new Promise<Readable>((resolve) => {
    const handOver = () => {
      input.off('data', hear);
      for (const line of handshake.heard()) forServer.write(line);
      forServer.write(kept);
      input.pipe(forServer, { end: false });
      resolve(forServer);
    };
    const hear = (chunk: Buffer) => {
      kept = Buffer.concat([kept, chunk]);
      for (let end = kept.indexOf(LINE_END); end !== -1; end = kept.indexOf(LINE_END)) {
        const answer = handshake.answer(kept.toString('utf8', 0, end));
        if (answer === undefined) {
          handOver();
          return;
        }
        kept = kept.subarray(end + 1);
        if (answer !== null) output.write(answer);
      }
      if (kept.length > LONGEST_LINE) handOver();
    };
    input.on('data', hear);
  });
}
