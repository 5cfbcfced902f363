// Stands for src/program.ts in the file that starts: loads the program from the file beside it, once it is needed
// (split.js says how).

/* global PROGRAM_FILE -- put in by the build */

import * as shared from 'shared';
import { ConfigError } from '../src/config/config-error.ts';

// An import would load it with every start.
const { createRequire } = process.getBuiltinModule('node:module');

function loadProgram() {
  try {
    return createRequire(import.meta.url)(PROGRAM_FILE);
  } catch (error) {
    if (error?.code !== 'MODULE_NOT_FOUND') throw error;
    throw new ConfigError('the installed package', 'was replaced while the server ran; restart it');
  }
}

export const { serve, doctor, apply, setup, removeTemporary } = loadProgram()(shared);
