// What an operator can say of one sink: as a URI or as an object. Pure: it looks at no file and runs nothing.

import { isAbsolute, normalize } from 'node:path';
import * as z from 'zod/v4';
import { parseJson } from '../text/json.ts';
import { expandHome } from './home-path.ts';

export type SinkSpec = FileSpec | DotenvSpec | CommandSpec | InlineSpec;

export interface FileSpec {
  readonly type: 'file';
  /** An absolute path (a leading `~/` is already replaced), perhaps with `{groupId}` and `{entry}`. */
  readonly path: string;
}

export interface DotenvSpec {
  readonly type: 'dotenv';
  readonly path: string;
  /** The variable's name, `[A-Za-z_][A-Za-z0-9_]*` once `{groupId}` and `{entry}` are replaced. */
  readonly variable: string;
}

export interface CommandSpec {
  readonly type: 'command';
  /** The program (an absolute path or a name looked up in PATH) and its arguments, which may hold placeholders. */
  readonly argv: readonly [string, ...string[]];
  /** A program that prints the delivered secret, for verification by reading back. */
  readonly verify?: readonly [string, ...string[]] | undefined;
  /** Variables for the child beside the short inherited list. */
  readonly env: Readonly<Record<string, string>>;
  /** Limit for one run of a program, in milliseconds. */
  readonly timeoutMs: number;
}

export interface InlineSpec {
  readonly type: 'inline';
}

export const DEFAULT_VARIABLE = 'VOYAGE_API_KEY';
const DEFAULT_COMMAND_TIMEOUT_MS = 30_000;

const PLACEHOLDER = /\{[^{}]*\}/g;
// eslint-disable-next-line no-control-regex -- control characters are what is refused here
const CONTROL = /[\u0000-\u001f\u007f]/;

/** A text in which `{groupId}` and `{entry}` may stand, and no other placeholder. */
const template = z
  .string()
  .min(1)
  .refine((text) => !CONTROL.test(text), 'must not hold control characters')
  .refine(
    (text) => (text.match(PLACEHOLDER) ?? []).every((found) => found === '{groupId}' || found === '{entry}'),
    'knows the placeholders {groupId} and {entry} only',
  );

/** Absolute and without `..`, so that the written path is the path that is used. */
const path = template
  .transform(expandHome)
  .refine((text) => isAbsolute(text), 'must be an absolute path, or start with ~/')
  .refine((text) => !text.split(/[\\/]/).includes('..'), 'must not hold ".."')
  .refine((text) => !/[\\/]$/.test(text), 'must name a file, not a directory')
  .transform((text) => normalize(text));

/** A directory as operators write it: absolute, or below the home directory. */
export const directory = z
  .string()
  .min(1)
  .transform(expandHome)
  .refine((text) => isAbsolute(text) && !CONTROL.test(text), 'must be an absolute path, or start with ~/')
  .transform((text) => normalize(text));

const variable = z.string().regex(/^(?:[A-Za-z_]|\{(?:groupId|entry)\})(?:[A-Za-z0-9_]|\{(?:groupId|entry)\})*$/, {
  error: 'must be a variable name: letters, digits and _, not starting with a digit',
});

const program = z
  .string()
  .min(1)
  .refine((text) => !CONTROL.test(text) && !/[{}]/.test(text), 'must name a program, without placeholders')
  .refine(
    (text) => isAbsolute(text) || !/[\\/]/.test(text),
    'must be an absolute path, or a name that is found in PATH',
  );
const argv = z.tuple([program], template);

const environment = z
  .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'must be a variable name' }), z.string())
  .refine(
    (variables) => !Object.keys(variables).some((name) => /^(?:MONGODB_ATLAS_|MDB_MCP_)/i.test(name)),
    'must not hand Atlas credentials (MONGODB_ATLAS_…, MDB_MCP_…) to a command',
  );

const sinkObject = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('file'), path }),
    z.strictObject({ type: z.literal('dotenv'), path, variable: variable.default(DEFAULT_VARIABLE) }),
    z.strictObject({
      type: z.literal('command'),
      argv,
      verify: argv.optional(),
      env: environment.default({}),
      timeoutMs: z.int().min(100).max(120_000).default(DEFAULT_COMMAND_TIMEOUT_MS),
    }),
    z.strictObject({ type: z.literal('inline') }),
  ],
  'must be file:PATH, dotenv:PATH#VARIABLE, command:["program","argument",…], inline, or an object with a type',
);

/** A sink as an object, or as a URI that stands for one. */
export const sinkSchema = z.preprocess((input) => (typeof input === 'string' ? fromUri(input) : input), sinkObject);

/** The name by which tools and the operator speak of a sink. */
export const sinkName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, {
  error: 'must be a sink name: letters, digits, dot, dash or underscore, 64 at most',
});

/** The object that a sink URI stands for, not yet checked; null when it is no sink URI. */
function fromUri(uri: string): { type: string; [key: string]: unknown } | null {
  if (uri === 'inline') return { type: 'inline' };
  const colon = uri.indexOf(':');
  const rest = uri.slice(colon + 1);
  switch (uri.slice(0, colon)) {
    case 'file':
      return { type: 'file', path: rest };
    case 'dotenv': {
      const hash = rest.lastIndexOf('#');
      return hash === -1
        ? { type: 'dotenv', path: rest }
        : { type: 'dotenv', path: rest.slice(0, hash), variable: rest.slice(hash + 1) };
    }
    case 'command': {
      const argv = parseJson(rest);
      return argv === undefined ? null : { type: 'command', argv };
    }
    default:
      return null;
  }
}
