// What is written to stdout and stderr: everything passes through redaction.

import { Writable } from 'node:stream';
import { redact, redactJson } from './redaction.ts';

/** A stream that redacts what is written to it. Each write must be one line of JSON, as the SDK's transport does. */
export function redacted(stream: Writable): Writable {
  return new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      stream.write(`${redactJson(chunk.toString())}\n`, done);
    },
  });
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
