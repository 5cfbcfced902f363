// Stands for src/program.ts in the part that starts: compiles the program from the comment at the end of this very file,
// once it is built (parts.js says how).

/* global PROGRAM_HASH, ESCAPED_END -- put in by the build */

import { readFileSync } from 'node:fs';
import * as shared from 'shared';
import { ConfigError } from '../src/config/config-error.ts';

// An import would load them with every start.
const { createRequire } = process.getBuiltinModule('node:module');
const { compileFunction } = process.getBuiltinModule('node:vm');

/** In a function, so that nothing keeps the whole file in memory. */
function programIn(file) {
  // Put together here, so that it stands nowhere but where the comment begins.
  const mark = ['/* src/program.ts', `${PROGRAM_HASH}\n`].join(' ');
  const begin = file.indexOf(mark);
  const end = file.lastIndexOf('*/');
  if (begin === -1 || end < begin) throw new ConfigError('this file', 'was exchanged while the server ran; restart it');
  return file.slice(begin + mark.length, end).replaceAll(ESCAPED_END, '*/');
}

const text = programIn(readFileSync(new URL(import.meta.url), 'latin1'));
const program = compileFunction(text, ['module', 'exports', 'require', 'shared'], {
  filename: 'atlas-model-keys-mcp/program.js',
});
const compiled = { exports: {} };
program(compiled, compiled.exports, createRequire(import.meta.url), shared);
export const { serve, doctor } = compiled.exports;
