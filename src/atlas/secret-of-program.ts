// Runs the program that prints a secret of Atlas: no shell, no terminal, no input, and nothing of what it says is shown.

import type { SecretCommand } from '../config/credentials.ts';
import { secretProblem } from '../config/secret-text.ts';
import { searchPathOf } from '../programs/child-environment.ts';
import { readProgram, type Program } from '../programs/child-process.ts';
import { findExecutable } from '../programs/executable.ts';
import { describe } from '../programs/program-end.ts';
import { Secret } from '../secret/secret.ts';
import { failed, unusableCredential, type AtlasResult } from './failure.ts';

export async function secretOfProgram({
  setting,
  argv: [name, ...args],
  environment,
  timeoutMs,
}: SecretCommand): Promise<AtlasResult<Secret>> {
  // Not by its name, which may be the secret itself in the wrong setting.
  const subject = `The program of ${setting}`;
  const search = findExecutable(name, searchPathOf(environment), subject);
  if (!search.found) return failed(unusableCredential(search.message, search.hint));
  const printed = await printedBy({ path: search.path, args, env: environment, timeoutMs }, subject);
  if (!printed.ok) return failed(unusableCredential(printed.problem, tryByHand(setting), true));
  const problem = /[\r\n](?!\0)/.test(printed.text) ? 'is more than one line' : secretProblem(printed.text);
  if (problem === undefined) return { ok: true, value: new Secret(printed.text) };
  return failed(unusableCredential(`What the program of ${setting} prints ${problem}.`, tryByHand(setting), true));
}

export type Printed = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly problem: string };

/** What a program printed, without the blanks around it; or in a sentence why there is nothing. */
export async function printedBy(program: Program, subject: string): Promise<Printed> {
  const end = await readProgram(program);
  if (end.by !== 'exit') return { ok: false, problem: describe(program, end, subject) };
  const text = end.output.toString('utf8').trim();
  end.output.fill(0);
  if (end.code !== 0) return { ok: false, problem: describe(program, end, subject) };
  return text === '' ? { ok: false, problem: `${subject} printed nothing.` } : { ok: true, text };
}

function tryByHand(setting: string): string {
  return (
    `Run the command of ${setting} by hand: it must print the secret in one line and nothing else. Here it runs in /, ` +
    'without a terminal or input, and with the environment of this server but MONGODB_ATLAS_… and MDB_MCP_…. ' +
    'After a failure it is not run again for 30 s.'
  );
}
