// What a command sink tells a person: why its place is not free or cannot be read, and how to find out what is wrong with a
// program. It never holds what a program said.

import { programInWords, type Program } from '../programs/child-process.ts';
import type { CommandSpec } from '../config/command-spec.ts';
import type { Seen } from './command-look.ts';
import { entryExists, notReady, type SinkProblem } from './sink.ts';

export function notFree(name: string, program: Program, verb: 'prints' | 'finds'): SinkProblem {
  return entryExists(
    `${programInWords(program)} ${verb} something already, so the place of sink "${name}" is taken.`,
    'Nothing is overwritten. Pass another entry, or have that one removed first.',
  );
}

/** In a rotation. */
export function unseenValue(name: string, program: Program): SinkProblem {
  return entryExists(
    `${programInWords(program)} finds something in the place of sink "${name}", which cannot be read, and the journal does not know it for the secret of the key that is to be replaced.`,
    'Nothing is overwritten that was not seen. Pass another entry or sink, or have that one removed first.',
  );
}

/** @param known the codes of `absent` that the operator wrote, or the preset that knows them better */
export function unreadablePlace(
  name: string,
  { message, code }: Extract<Seen, { is: 'unreadable' }>,
  known: readonly number[] | NonNullable<CommandSpec['preset']>,
): SinkProblem {
  const absent = 'uri' in known ? undefined : known;
  const refusal = 'uri' in known && code !== undefined ? known.refusals?.[code] : undefined;
  if (refusal) return notReady(...refusal);
  const unlock = `See that it can read: a key, a keyring or a login may be locked or have ended. ${CONDITIONS}`;
  const codes = [...(absent ?? []), ...(code === undefined ? [] : [code])].join(', ');
  const hint =
    code === undefined || code > 125 || absent === undefined
      ? unlock
      : `${unlock} If ${code} is the exit code by which it says that nothing is there, and no other trouble ends with that code, the operator adds "absent": [${codes}] to the sink "${name}".`;
  return notReady(`${message} So it is not known whether the place of sink "${name}" is free.`, hint);
}

/** Where the programs said before a key is made that a secret could not be kept there. */
export function unprovenPlace(
  name: string,
  { message, code }: Extract<Seen, { is: 'unreadable' }>,
  preset: CommandSpec['preset'],
): SinkProblem {
  const refusal = code === undefined ? undefined : preset?.refusals?.[code];
  if (refusal) return notReady(...refusal);
  const hint = `A key, a keyring or a login may be locked or have ended. ${CONDITIONS}`;
  return notReady(`${message} So it is not known whether the sink "${name}" can keep a secret.`, hint);
}

/** @param isReplacing whether an old secret may be in the place */
export function hintsFor(name: string, isReplacing: boolean) {
  const run = `Run the command of sink "${name}" by hand`;
  const verify = `Run the verify command of sink "${name}" by hand: it must print the secret and nothing else. ${CONDITIONS}`;
  if (!isReplacing) {
    const delivery = `${run}, with a made-up value on its standard input, to see what it says. ${CONDITIONS}`;
    return { start: delivery, delivery, verify };
  }
  // A made-up value at the same place would overwrite the old secret.
  const start = `${run}, with a made-up value on its standard input and for a place that nobody needs, to see what it says. ${CONDITIONS}`;
  return { start, delivery: `${MAY_BE_GONE} ${start}`, verify: `${MAY_BE_GONE} ${verify}` };
}

const MAY_BE_GONE =
  'The program may have replaced the old secret although this failed: look there which one it holds before anything else.';

/** The usual reasons why a command works by hand and not here. */
const CONDITIONS = 'Here it runs in /, without a terminal, and with few variables of the environment.';
