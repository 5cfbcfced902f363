// Reads variables as hosts pass them. It knows no setting by name.

/** Variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A field of a desktop bundle that the user left blank arrives as this literal. */
const BLANK_USER_CONFIG = /^\$\{user_config\.[^}]*\}$/;

/** The value, or undefined where it is unset, blank, or a host's unfilled placeholder. */
export function readVariable(environment: Environment, name: string): string | undefined {
  const value = environment[name]?.trim();
  return value === undefined || value === '' || BLANK_USER_CONFIG.test(value) ? undefined : value;
}

/** The first of several names for the same thing that is set, with the name that it was found under. */
export function readFirst(
  environment: Environment,
  names: readonly string[],
): { readonly name: string; readonly value: string } | undefined {
  for (const name of names) {
    const value = readVariable(environment, name);
    if (value !== undefined) return { name, value };
  }
  return undefined;
}

/** Everything that is set, for the children that sinks start (they pick from it by an allow-list). */
export function definedVariables(environment: Environment): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** This server's own credentials, under every name it takes them from. Windows does not tell names apart by case. */
const ATLAS_CREDENTIAL = /^(?:MONGODB_ATLAS|MDB_MCP)_/i;

/** What a program that prints a secret of Atlas gets: everything (it has credentials of its own there) but those of Atlas. */
export function withoutAtlasCredentials(environment: Environment): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(definedVariables(environment)).filter(([name]) => !ATLAS_CREDENTIAL.test(name)),
  );
}
