// What an operator can say of a command that takes a secret, as it is used. What of it may be written is in sink-spec.ts.

type Argv = readonly [string, ...string[]];

/** By exit code: what is wrong, and what to do about it. */
export type Refusals = Readonly<Record<number, readonly [message: string, hint: string]>>;

export interface CommandSpec {
  readonly type: 'command';
  /** The program (an absolute path or a name looked up in PATH) and its arguments, which may hold placeholders. */
  readonly argv: Argv;
  /** What is run instead of `argv` where the secret takes the place of another. */
  readonly replace?: Argv | undefined;
  /** Takes the secret away. Run only where `verify` has just printed that same secret. */
  readonly remove?: Argv | undefined;
  /** Ends with 0 where something is there, without printing the value. */
  readonly exists?: Argv | undefined;
  /** A program that prints the delivered secret, for verification by reading back. */
  readonly verify?: Argv | undefined;
  /**
   * Tries, on no secret and before a key is made, whether something can be written there and read back: 0 says so, anything
   * else refuses the place. Changes nothing. Only presets have it.
   */
  readonly prove?: Argv | undefined;
  /** The exit codes by which `exists` and `verify` say that nothing is there. Any other says that they cannot look. */
  readonly absent?: readonly number[] | undefined;
  /** An exit with 0 and without output says that nothing is there. */
  readonly emptyMeans?: 'absent' | undefined;
  /** `exists` prints a list; it is there if one line is this text. */
  readonly existsLine?: string | undefined;
  /** A code of `absent` counts only where nothing was said on standard error. */
  readonly absentNeedsEmptyStderr?: boolean | undefined;
  /** What goes to the standard input, with `{secret}`, `{secret:json}` or `{secret:base64}`, and `{endpoint}` in the same forms. */
  readonly input?: string | undefined;
  /** Names of variables of the server's environment that the child gets too. */
  readonly passEnv?: readonly string[] | undefined;
  /** Variables that the child gets in addition to the short list that it inherits. */
  readonly env: Readonly<Record<string, string>>;
  /** Limit for one run of a program, in milliseconds. */
  readonly timeoutMs: number;
  /** What the operator wrote, where that is a URI that stands for it. */
  readonly preset?:
    | { readonly uri: string; readonly testedWith?: string | undefined; readonly refusals?: Refusals | undefined }
    | undefined;
}

/** All texts of a command in which `{groupId}` and `{entry}` are placeholders. */
export function templatesOf({
  argv,
  replace,
  remove,
  exists,
  verify,
  prove,
  existsLine,
  input,
}: CommandSpec): readonly string[] {
  return [argv, replace, remove, exists, verify, prove, existsLine, input].flatMap((each) => each ?? []);
}
