// Words for how a program ended, for a person. Nothing that the program said is among them.

import { basename } from 'node:path';
import type { Program, ProgramEnd } from './child-process.ts';

export function subjectOf(program: Program): string {
  return `The program "${basename(program.path)}"`;
}

/** How it ended. Neither the arguments, which may hold the operator's data, nor any output. */
export function describe(program: Program, end: ProgramEnd, subject = subjectOf(program)): string {
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
    case 'shutdown':
      return `${subject} was stopped because this server ends.`;
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
  ESHUTDOWN: 'this server ends',
};
