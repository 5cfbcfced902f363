// src/atlas as it ships: built as the program is, so that what the build leaves out or puts in the place of something is
// what is tested. Secrets and their redaction are those of the test, as the program has those of the part that starts.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { compileFunction } from 'node:vm';
import { buildPart } from '../../build.js';
import * as configError from '../../src/config/config-error.ts';
import * as redaction from '../../src/secret/redaction.ts';
import * as secret from '../../src/secret/secret.ts';
import type * as entry from './shipped-entry.ts';

const shared = {
  'src/config/config-error.ts': configError,
  'src/secret/redaction.ts': redaction,
  'src/secret/secret.ts': secret,
};

const text = await buildPart(join(import.meta.dirname, 'shipped-entry.ts'), { shared: true });
const built: { exports?: typeof entry } = {};
const run = compileFunction(text, ['module', 'require', 'shared']);
Reflect.apply(run, undefined, [built, createRequire(import.meta.url), shared]);
if (!built.exports) throw new Error('The build has no exports.');

export const { createAtlas, createTransport, isNamed } = built.exports;
