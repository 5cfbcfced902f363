// Finds the programs of a command sink, and makes of them the commands for one reference. It runs none.

import type { CommandSpec } from '../config/command-spec.ts';
import { failed, ok, type Result } from '../failure.ts';
import { askFirst } from '../files/machine.ts';
import {
  childEnvironment,
  pickedVariables,
  placeVariables,
  searchPathOf,
  type Environment,
} from '../programs/child-environment.ts';
import type { Program } from '../programs/child-process.ts';
import { findExecutable } from '../programs/executable.ts';
import { fingerprintOfBytes } from '../secret/opened-secret.ts';
import { lookRules, type Lookers } from './command-look.ts';
import type { Turn } from './command-turn.ts';
import { attempt, expand, notReady, type SecretReference, type SinkProblem } from './sink.ts';

/** The commands for one reference. */
export interface Commands extends Turn {
  /** Of the sink. */
  readonly name: string;
  readonly location: string;
  readonly reference: SecretReference;
  readonly input: string | undefined;
  readonly replace: Program;
  readonly remove: Program | undefined;
  readonly lookers: Lookers;
  /** See {@link CommandSpec.prove}. */
  readonly prove: Program | undefined;
  readonly preset: CommandSpec['preset'];
  /** One text for the place, for every sink that has the same commands. */
  readonly place: string;
}

type Opening = Pick<Commands, 'name' | 'location' | 'stateDir'> & { readonly spec: CommandSpec };

export async function openCommands(
  { name, location, stateDir, spec }: Opening,
  reference: SecretReference,
  environment: Environment,
): Promise<Result<Commands, SinkProblem>> {
  const added = { ...pickedVariables(environment, spec.passEnv ?? []), ...spec.env };
  const env = childEnvironment(environment, added);
  const programs: Partial<Record<Role, Program>> = {};
  for (const role of ROLES) {
    const argv = spec[role];
    const program = argv && (await prepareProgram(argv, reference, { env, timeoutMs: spec.timeoutMs }));
    if (program && !program.ok) return program;
    if (program) programs[role] = program.value;
  }
  const { argv: create, replace, remove, exists, verify, prove } = programs;
  if (!create) return failed(notReady(`The sink "${name}" has no command.`, 'Give it one.'));
  const variables = { ...placeVariables(env, spec.passEnv ?? []), ...spec.env };
  const id = JSON.stringify([create.path, create.args, variables, expand(spec.input ?? '', reference)]);
  return ok({
    name,
    location: expand(location, reference),
    reference,
    input: spec.input,
    create,
    stateDir,
    replace: replace ?? create,
    remove,
    lookers: { exists, verify, rules: lookRules(spec, reference) },
    prove,
    preset: spec.preset,
    place: `command:${fingerprintOfBytes(Buffer.from(id, 'utf8'))}`,
  });
}

const ROLES = ['argv', 'replace', 'remove', 'exists', 'verify', 'prove'] as const;
type Role = (typeof ROLES)[number];

async function prepareProgram(
  [program, ...args]: CommandSpec['argv'],
  reference: SecretReference,
  limits: Pick<Program, 'env' | 'timeoutMs'>,
): Promise<Result<Program, SinkProblem>> {
  if (expand(program, reference) !== program) {
    const message = 'The program of a command may not hold {groupId} or {entry}.';
    return failed(notReady(message, 'Use them in the arguments only.'));
  }
  const reached = await attempt('The program of a command cannot be looked at', async () => {
    await askFirst(program);
    return ok(undefined);
  });
  if (!reached.ok) return reached;
  const search = findExecutable(program, searchPathOf(limits.env));
  if (!search.ok) return failed(notReady(search.failure.message, search.failure.hint));
  return ok({ path: search.value, args: args.map((arg) => expand(arg, reference)), ...limits });
}
