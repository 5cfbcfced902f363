// What an operator can say of one sink: as a URI or as an object. Pure: it looks at no file and runs nothing.

import { isAbsolute, normalize } from 'node:path';
import * as z from 'zod/v4-mini';
import { parseJson } from '../text/text.ts';
import type { CommandSpec } from './command-spec.ts';
import { expandHome, foreignPathWords } from './directories.ts';
import { expandPreset, presetOf, presets, presetUris } from './presets.ts';
import { sinkUris } from './sink-kinds.ts';
import { DEFAULT_VARIABLE } from './sinks-at-start.ts';
import { storeObjects, storeOfUri, type StoreSpec } from './store-spec.ts';

export type SinkSpec = FileSpec | DotenvSpec | CommandSpec | StoreSpec | { readonly type: 'inline' | 'reveal' };

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
  /** Of the variable that gets the URL of the key's endpoint. */
  readonly endpointVariable?: string | undefined;
}

const DEFAULT_COMMAND_TIMEOUT_MS = 30_000;

// Written as what a text must not hold, so that the JSON Schema can ask the same behind the `file:` of a URI.
// eslint-disable-next-line no-control-regex -- control characters are what is refused here
const WITHOUT_CONTROL = /^(?![\s\S]*[\u0000-\u001f\u007f])/;
/** A word of letters in braces looks like a placeholder; other braces are text, such as those of jsonpath. */
const KNOWN_PLACEHOLDERS = /^(?![\s\S]*\{(?!groupId\}|entry\})[A-Za-z]+\})/;
/** An argument is seen by every user of the machine. */
const WITHOUT_SECRET = /^(?![\s\S]*\{(?:secret|endpoint)[:}])/;
const KNOWN_VALUES =
  /^(?![\s\S]*\{(?!(?:secret|endpoint)(?::json|:base64)?\}|groupId\}|entry\})(?:[A-Za-z]+|(?:secret|endpoint):[^{}]*)\})/;
const WITH_SECRET = /\{secret(?::json|:base64)?\}/;
const WITHOUT_PARENTS = /^(?![\s\S]*[\\/]\.\.(?:[\\/]|$))/;
/** Absolute on any system; {@link located} asks whether it is absolute on this one. */
const ROOTED = /^(?:\/|~[\\/]|[A-Za-z]:[\\/]|\\\\)/;
const NO_DIRECTORY = /[^\\/]$/;
/** What every text with placeholders must match. */
export const templatePatterns: readonly RegExp[] = [WITHOUT_CONTROL, KNOWN_PLACEHOLDERS];
/** What the path behind `file:` or `dotenv:` must match. */
export const pathPatterns: readonly RegExp[] = [...templatePatterns, ROOTED, WITHOUT_PARENTS];

const MUST_BE_ABSOLUTE = 'must be an absolute path, or start with ~/';

/** A text in which `{groupId}` and `{entry}` may stand, and no other placeholder. */
const template = z
  .string()
  .check(
    z.minLength(1),
    z.regex(WITHOUT_CONTROL, { error: 'must not hold control characters' }),
    z.regex(KNOWN_PLACEHOLDERS, { error: 'knows the placeholders {groupId} and {entry} only' }),
  );

/** Absolute and without `..`, so that the written path is the path that is used. */
const path = located(
  template.check(
    ofThisSystem(),
    z.regex(ROOTED, { error: MUST_BE_ABSOLUTE }),
    z.regex(WITHOUT_PARENTS, { error: 'must not hold ".."' }),
    z.regex(NO_DIRECTORY, { error: 'must name a file, not a directory' }),
  ),
);

/** A directory as operators write it: absolute, or below the home directory. */
export const directory = located(
  z
    .string()
    .check(
      z.minLength(1),
      ofThisSystem(),
      z.regex(ROOTED, { error: MUST_BE_ABSOLUTE }),
      z.regex(WITHOUT_CONTROL, { error: MUST_BE_ABSOLUTE }),
    ),
);

/** As a person picks it in a form: not a template, since a folder may have any name. */
const picked = z.string().check(
  z.minLength(1),
  ofThisSystem(),
  z.regex(ROOTED, { error: MUST_BE_ABSOLUTE }),
  z.regex(WITHOUT_CONTROL, { error: 'must not hold control characters' }),
  z.regex(WITHOUT_PARENTS, { error: 'must not hold ".."' }),
  z.regex(/^[^{}]*$/, { error: 'must not hold { or }, since it takes no placeholders' }),
  // Paths are shown to the model; a form may put the wrong field here.
  z.regex(/^(?![\s\S]*mdb_sa_sk_)/, { error: 'must not hold the secret of a service account' }),
);
export const pickedFolder = located(picked);
export const pickedFile = located(picked.check(z.regex(NO_DIRECTORY, { error: 'must name a file, not a directory' })));

/** What may follow the `#` of `dotenv:`. */
export const variablePattern = /^(?:[A-Za-z_]|\{(?:groupId|entry)\})(?:[A-Za-z0-9_]|\{(?:groupId|entry)\})*$/;
const variable = z
  .string()
  .check(
    z.regex(variablePattern, { error: 'must be a variable name: letters, digits and _, not starting with a digit' }),
  );

const PROGRAM_PLACES = 'must be an absolute path, or a name that is found in PATH';
/** An absolute path, or a name that is found in PATH. */
export const program = z.string().check(
  z.minLength(1),
  z.regex(WITHOUT_CONTROL, { error: 'must name a program, without placeholders' }),
  z.regex(/^[^{}]*$/, { error: 'must name a program, without placeholders' }),
  ofThisSystem(),
  z.regex(/^(?:\/|[A-Za-z]:[\\/]|\\\\|[^\\/]*$)/, { error: PROGRAM_PLACES }),
  z.refine((text) => isAbsolute(text) || !/[\\/]/.test(text), PROGRAM_PLACES),
);
const argument = template.check(
  z.regex(WITHOUT_SECRET, { error: 'must not hold the secret: it goes to the standard input, in the form of "input"' }),
);
const argv = z.tuple([program], argument);
const input = z.string().check(
  z.regex(KNOWN_VALUES, {
    error: 'knows {secret} and {endpoint}, each also with :json or :base64, {groupId} and {entry} only',
  }),
  z.regex(WITH_SECRET, { error: 'must hold {secret}, {secret:json} or {secret:base64}' }),
);

const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** In upper or lower case, since Windows does not distinguish them. (JSON Schema has no flag for that.) */
const NO_CREDENTIAL = /^(?![Mm][Oo][Nn][Gg][Oo][Dd][Bb]_[Aa][Tt][Ll][Aa][Ss]_|[Mm][Dd][Bb]_[Mm][Cc][Pp]_)/;
const credentialWords = 'must not hand Atlas credentials (MONGODB_ATLAS_…, MDB_MCP_…) to a command';
const passedVariable = z
  .string()
  .check(
    z.regex(VARIABLE_NAME, { error: 'must be a variable name' }),
    z.regex(NO_CREDENTIAL, { error: credentialWords }),
  );
const environment = z
  .record(z.string().check(z.regex(VARIABLE_NAME, { error: 'must be a variable name' })), z.string())
  .check(z.refine((variables) => Object.keys(variables).every((name) => NO_CREDENTIAL.test(name)), credentialWords))
  .register(z.globalRegistry, {
    propertyNames: { type: 'string', allOf: [{ pattern: VARIABLE_NAME.source }, { pattern: NO_CREDENTIAL.source }] },
  });

const timeoutMs = z._default(z.int().check(z.minimum(100), z.maximum(120_000)), DEFAULT_COMMAND_TIMEOUT_MS);

/** The command of a preset, with what the operator adds to it. */
const preset = z.pipe(
  z.strictObject({
    type: z.literal('preset'),
    uri: template.check(
      z.refine((uri) => expandPreset(uri) !== undefined, {
        error: ({ input: uri }) => `must be written as ${presetForm(uri)}`,
      }),
    ),
    env: z._default(environment, {}),
    passEnv: z.optional(z.array(passedVariable)),
    timeoutMs,
  }),
  z.transform(({ uri, passEnv = [], env, timeoutMs }): CommandSpec | typeof z.NEVER => {
    const command = expandPreset(uri);
    if (!command) return z.NEVER;
    const passed = [...(command.passEnv ?? []), ...passEnv];
    const { testedWith, refusals } = presets[presetOf(uri) ?? ''] ?? {};
    return { ...command, type: 'command', passEnv: passed, env, timeoutMs, preset: { uri, testedWith, refusals } };
  }),
);

function presetForm(uri: unknown): string {
  const name = typeof uri === 'string' ? presetOf(uri) : undefined;
  return (name === undefined ? undefined : presets[name])?.uri ?? `one of ${presetUris}`;
}

const sinkObject = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('file'), path }),
    z
      .strictObject({
        type: z.literal('dotenv'),
        path,
        variable: z._default(variable, DEFAULT_VARIABLE),
        endpointVariable: z.optional(variable),
      })
      .check(
        z.refine((spec) => spec.endpointVariable !== spec.variable, {
          error: 'must be another variable than that of the secret',
          path: ['endpointVariable'],
        }),
      ),
    z.strictObject({
      type: z.literal('command'),
      argv,
      replace: z.optional(argv),
      remove: z.optional(argv),
      exists: z.optional(argv),
      verify: z.optional(argv),
      absent: z.optional(z.array(z.int().check(z.minimum(1), z.maximum(4_294_967_295)))),
      emptyMeans: z.optional(z.literal('absent')),
      existsLine: z.optional(template),
      absentNeedsEmptyStderr: z.optional(z.boolean()),
      input: z.optional(input),
      passEnv: z.optional(z.array(passedVariable)),
      env: z._default(environment, {}),
      timeoutMs,
    }),
    preset,
    ...storeObjects,
    z.strictObject({ type: z.literal('inline') }),
    z.strictObject({ type: z.literal('reveal') }),
  ],
  `must be ${sinkUris}, a preset (${presetUris}), or an object with a type`,
);

/** A sink as an object, or as a URI that stands for one. */
export const sinkSchema = z.pipe(
  z.transform((input) => (typeof input === 'string' ? fromUri(input) : input)),
  sinkObject,
);

/** The name by which tools and the operator speak of a sink. */
export const sinkName = z.string().check(
  z.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, {
    error: 'must be a sink name: letters, digits, dot, dash or underscore, 64 at most',
  }),
);

/** Checked first, since its message says what to write instead. */
function ofThisSystem() {
  return z.refine<string>((path) => foreignPathWords(path) === undefined, {
    error: ({ input }) => (typeof input === 'string' ? foreignPathWords(input) : undefined),
  });
}

/** The path as it is used: `~/` replaced, and of this system. */
function located(written: z.ZodMiniString) {
  const expanded = z
    .pipe(written, z.transform(expandHome))
    .check(z.refine((text) => isAbsolute(text), MUST_BE_ABSOLUTE));
  return z.pipe(
    expanded,
    z.transform((text: string) => normalize(text)),
  );
}

/** The object that a sink URI stands for, not yet checked; null when it is not a sink URI. */
function fromUri(uri: string): { type: string; [key: string]: unknown } | null {
  if (uri === 'inline' || uri === 'reveal') return { type: uri };
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
      return presetOf(uri) === undefined ? (storeOfUri(uri) ?? null) : { type: 'preset', uri };
  }
}
