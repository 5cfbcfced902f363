// Reads how an operator writes the program that prints a secret: a JSON array, or plain words. There is no shell, so
// what only a shell understands is refused. Pure: nothing is run or looked for.

import { isAbsolute } from 'node:path';
import { parseJson } from '../text/json.ts';
import { ConfigError } from './config-error.ts';
import { foreignPathWords } from './home-path.ts';

export type Argv = readonly [program: string, ...args: string[]];

/** What a shell would interpret. */
const SHELL = /["'\\$`|;&<>*]/;
// eslint-disable-next-line no-control-regex -- control characters are what is refused here
const CONTROL = /[\u0000-\u001f\u007f]/;

/** @throws ConfigError for what is no program with its arguments; it quotes nothing, since a secret may be in its place */
export function parseCommand(setting: string, written: string | readonly string[]): Argv {
  const words = typeof written === 'string' ? wordsOf(setting, written) : written;
  const [program, ...args] = words;
  if (program === undefined || program === '' || words.some((word) => CONTROL.test(word))) {
    throw new ConfigError(setting, 'must be a program and its arguments, without control characters');
  }
  const foreign = foreignPathWords(program);
  if (foreign !== undefined) throw new ConfigError(setting, foreign);
  if (!isAbsolute(program) && /[\\/]/.test(program)) {
    throw new ConfigError(setting, 'must begin with an absolute path, or a name that is found in PATH');
  }
  return [program, ...args];
}

function wordsOf(setting: string, written: string): readonly string[] {
  if (!written.startsWith('[')) {
    if (SHELL.test(written)) {
      throw new ConfigError(
        setting,
        'holds a character that only a shell understands, and there is none; write a JSON array such as ["op","read","op://Private/atlas/secret"]',
      );
    }
    return written.split(/[ \t]+/);
  }
  const parsed = parseJson(written);
  const isText = (word: unknown) => typeof word === 'string';
  if (!Array.isArray(parsed) || !parsed.every(isText)) {
    throw new ConfigError(setting, 'must be a JSON array of strings: the program and its arguments');
  }
  return parsed;
}
