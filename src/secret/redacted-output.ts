// What is written to stdout and stderr: everything passes through redaction.

import { Writable } from 'node:stream';
import { redact, redactJson } from './redaction.ts';

/** How long the end waits for a stream that never called back, in milliseconds. */
const LONGEST_SILENCE_MS = 1_000;

/** A stream that redacts what is written to it. Each write must be one line of JSON, as the SDK's transport does. */
export function redacted(stream: Writable): Writable {
  let unanswered = 0;
  let callsBack = false;
  let whenAnswered: (() => void) | undefined;
  return new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      unanswered += 1;
      const proceed = once(done);
      const answered = (error?: Error | null) => {
        unanswered -= 1;
        callsBack = true;
        proceed(error);
        if (unanswered === 0) whenAnswered?.();
      };
      const isTaken: unknown = stream.write(`${redactJson(chunk.toString())}\n`, answered);
      // A desktop host that runs this program within itself has a stream of its own here, which may never call back.
      if (isTaken === false) stream.once('drain', proceed);
      else proceed();
    },
    final(done) {
      if (unanswered === 0) done();
      else {
        whenAnswered = once(done);
        if (!callsBack) setTimeout(whenAnswered, LONGEST_SILENCE_MS);
      }
    },
  });
}

function once(done: (error?: Error | null) => void): (error?: Error | null) => void {
  let isDone = false;
  return (error) => {
    if (isDone) return;
    isDone = true;
    done(error);
  };
}

const LEVELS = ['debug', 'info', 'warning', 'error', 'silent'] as const;

type LogLevel = (typeof LEVELS)[number];

/** One line to stderr. Callers pass fixed texts, names and codes, never a value from outside. */
export type Log = (level: Exclude<LogLevel, 'silent'>, message: string) => void;

export function createLog(stream: Writable, threshold: LogLevel): Log {
  return (level, message) => {
    if (LEVELS.indexOf(level) >= LEVELS.indexOf(threshold)) {
      stream.write(`${redact(`atlas-model-keys-mcp ${level}: ${message}`)}\n`);
    }
  };
}

/** Of an unforeseen error only the class may be logged: its message may quote anything. */
export function classOf(error: unknown): string {
  return error instanceof Error ? error.constructor.name : typeof error;
}
