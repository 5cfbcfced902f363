// What an operator can say of one sink: as a URI or as an object. Pure: it looks at no file and runs nothing.

import { basename, isAbsolute, join, normalize } from 'node:path';
import * as z from 'zod/v4-mini';
import { parseJson } from '../text/text.ts';
import { expandHome, foreignPathWords } from './directories.ts';
import { sinkUris } from './sink-kinds.ts';

export type SinkSpec = FileSpec | DotenvSpec | CommandSpec | InlineSpec | RevealSpec;

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
  /** Variables that the child gets in addition to the short list that it inherits. */
  readonly env: Readonly<Record<string, string>>;
  /** Limit for one run of a program, in milliseconds. */
  readonly timeoutMs: number;
}

interface InlineSpec {
  readonly type: 'inline';
}

interface RevealSpec {
  readonly type: 'reveal';
}

const DEFAULT_VARIABLE = 'VOYAGE_API_KEY';
const DEFAULT_COMMAND_TIMEOUT_MS = 30_000;

// Written as what a text must not hold, so that the JSON Schema can ask the same behind the `file:` of a URI.
// eslint-disable-next-line no-control-regex -- control characters are what is refused here
const WITHOUT_CONTROL = /^(?![\s\S]*[\u0000-\u001f\u007f])/;
const KNOWN_PLACEHOLDERS = /^(?![\s\S]*\{(?!groupId\}|entry\})[^{}]*\})/;
const WITHOUT_PARENTS = /^(?![\s\S]*[\\/]\.\.(?:[\\/]|$))/;
/** Absolute on any system; {@link located} asks whether it is absolute on this one. */
const ROOTED = /^(?:\/|~[\\/]|[A-Za-z]:[\\/]|\\\\)/;
const NO_DIRECTORY = /[^\\/]$/;
/** What the path behind `file:` or `dotenv:` must match. */
export const pathPatterns: readonly RegExp[] = [WITHOUT_CONTROL, KNOWN_PLACEHOLDERS, ROOTED, WITHOUT_PARENTS];

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

/** The sinks that the settings `folder` and `dotenv` make. */
export function pickedSinks(folder: string | undefined, dotenv: string | undefined): [name: string, SinkSpec][] {
  return [
    ...(folder === undefined ? [] : [['folder', keyFileIn(folder)] satisfies [string, SinkSpec]]),
    ...(dotenv === undefined
      ? []
      : [['dotenv', { type: 'dotenv', path: dotenv, variable: DEFAULT_VARIABLE }] satisfies [string, SinkSpec]]),
  ];
}

/** A file a key, by project. */
export function keyFileIn(folder: string): SinkSpec {
  return { type: 'file', path: join(folder, '{groupId}', '{entry}.key') };
}

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
const argv = z.tuple([program], template);

const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** In upper or lower case, since Windows does not distinguish them. (JSON Schema has no flag for that.) */
const NO_CREDENTIAL = /^(?![Mm][Oo][Nn][Gg][Oo][Dd][Bb]_[Aa][Tt][Ll][Aa][Ss]_|[Mm][Dd][Bb]_[Mm][Cc][Pp]_)/;
const environment = z
  .record(z.string().check(z.regex(VARIABLE_NAME, { error: 'must be a variable name' })), z.string())
  .check(
    z.refine(
      (variables) => Object.keys(variables).every((name) => NO_CREDENTIAL.test(name)),
      'must not hand Atlas credentials (MONGODB_ATLAS_…, MDB_MCP_…) to a command',
    ),
  )
  .register(z.globalRegistry, {
    propertyNames: { type: 'string', allOf: [{ pattern: VARIABLE_NAME.source }, { pattern: NO_CREDENTIAL.source }] },
  });

const sinkObject = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('file'), path }),
    z.strictObject({ type: z.literal('dotenv'), path, variable: z._default(variable, DEFAULT_VARIABLE) }),
    z.strictObject({
      type: z.literal('command'),
      argv,
      verify: z.optional(argv),
      env: z._default(environment, {}),
      timeoutMs: z._default(z.int().check(z.minimum(100), z.maximum(120_000)), DEFAULT_COMMAND_TIMEOUT_MS),
    }),
    z.strictObject({ type: z.literal('inline') }),
    z.strictObject({ type: z.literal('reveal') }),
  ],
  `must be ${sinkUris}, or an object with a type`,
);

/** A sink as an object, or as a URI that stands for one. */
export const sinkSchema = z.pipe(
  z.transform((input) => (typeof input === 'string' ? fromUri(input) : input)),
  sinkObject,
);

/** What agents are told of a sink; a test compares it with what each kind says once it is opened (sinks/kinds.ts). */
export function shownSink(name: string, spec: SinkSpec) {
  const about = (location: string, ...templates: readonly string[]) => {
    const takesEntry = templates.some((each) => each.includes('{entry}'));
    return { name, kind: spec.type, location, takesEntry };
  };
  switch (spec.type) {
    case 'file':
      return about(spec.path, spec.path);
    case 'dotenv':
      return about(`${spec.path}#${spec.variable}`, spec.path, spec.variable);
    case 'command':
      return about(`command ${basename(spec.argv[0])}`, ...spec.argv, ...(spec.verify ?? []));
    case 'inline':
      return about('tool result');
    case 'reveal':
      return about('a page in the browser of the person at this machine');
  }
}

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
      return null;
  }
}
