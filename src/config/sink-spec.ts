// What an operator can say of one sink: as a URI or as an object. Pure: it looks at no file and runs nothing.

/** A place for secrets, as configured. Paths are absolute, or start with `~/`, and may hold `{groupId}` and `{entry}`. */
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
  /** The program (an absolute path or a name looked up in PATH) and its arguments; each may hold placeholders. */
  readonly argv: readonly [string, ...string[]];
  /** A program that prints the delivered secret, for verification by reading back. */
  readonly verify?: readonly [string, ...string[]];
  /** Variables for the child beside the short inherited list. */
  readonly env: Readonly<Record<string, string>>;
  /** Limit for one run of a program, in milliseconds. */
  readonly timeoutMs: number;
}

export interface InlineSpec {
  readonly type: 'inline';
}
