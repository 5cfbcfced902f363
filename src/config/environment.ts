// Reads variables as hosts pass them, and recognizes what a host or a person should have replaced by a value and did not. It
// knows no setting by name.

/** Variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A field of a desktop bundle that the user left blank arrives as this literal. */
const BLANK_USER_CONFIG = /^\$\{user_config\.[^}]*\}$/;

/** The value, or undefined where it is unset, blank, or a host's unfilled placeholder. */
export function readVariable(environment: Environment, name: string): string | undefined {
  const value = environment[name]?.trim();
  return value === undefined || value === '' || BLANK_USER_CONFIG.test(value) ? undefined : value;
}

/** Every variable that is set. Sinks pick from them, by an allow-list, for the programs that they start. */
export function definedVariables(environment: Environment): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** Variables of this server's own credentials, under every name that it reads. On Windows their case does not matter. */
const ATLAS_CREDENTIAL = /^(?:MONGODB_ATLAS|MDB_MCP)_/i;

/** For a program that prints a secret of Atlas: every variable, since its own credentials are there, but those of Atlas. */
export function withoutAtlasCredentials(environment: Environment): Readonly<Record<string, string>> {
  return without(ATLAS_CREDENTIAL, environment);
}

/** Whatever this server reads as a setting or a credential. */
const OWN_SETTING = /^(?:ATLAS_MODEL_KEYS|MONGODB_ATLAS|MDB_MCP|MCLI)_/i;

/** For a program that is to know nothing of this server. */
export function withoutSettings(environment: Environment): Readonly<Record<string, string>> {
  return without(OWN_SETTING, environment);
}

function without(names: RegExp, environment: Environment): Readonly<Record<string, string>> {
  const all = Object.entries(definedVariables(environment));
  return Object.fromEntries(all.filter(([name]) => !names.test(name)));
}

const QUOTED = /^(["'`\u2018\u2019\u201C\u201D])(.*)["'`\u2018\u2019\u201C\u201D]$/s;

/** Each form with the words that describe it. The value itself is never shown: it may contain a secret. */
const FORMS: readonly (readonly [form: RegExp, words: string])[] = [
  [/^\$\{[^}]*\}$/, 'holds a placeholder of the form ${NAME} that the host did not fill in'],
  [/^\$[A-Za-z_][A-Za-z0-9_]*$/, 'holds a placeholder of the form $NAME that the host did not fill in'],
  [/^\$\(.*\)$/s, 'holds a placeholder of the form $(…) that no shell filled in'],
  [/^%[A-Za-z_][A-Za-z0-9_]*%$/, 'holds a placeholder of the form %NAME% that the host did not fill in'],
  [/^<.*>$/s, 'holds a placeholder of the form <…> that nobody replaced'],
  [/^op:\/\//i, 'holds a reference of 1Password (op://…) that nothing resolved'],
  [QUOTED, 'stands in quotation marks, which belong to a shell or to JSON'],
];

interface Placeholder {
  /** To put behind the name of the setting. */
  readonly words: string;
  /** What is between quotation marks, where there are any: it may be the secret all the same. */
  readonly unquoted?: string | undefined;
}

/** Undefined where the value is not a placeholder. */
export function placeholderIn(value: string): Placeholder | undefined {
  const form = FORMS.find(([pattern]) => pattern.test(value));
  return form && { words: form[1], unquoted: QUOTED.exec(value)?.[2] };
}
