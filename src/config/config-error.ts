// The one error for a bad configuration: its message names the setting, never its value.

/** A setting that cannot be used. `main.ts` prints the message and exits with code 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  /**
   * @param setting the flag, variable or key as the operator wrote it, such as `--sink` or `MONGODB_ATLAS_BASE_URL`
   * @param problem what is wrong and what is accepted; must not quote the value, which may be a secret
   */
  constructor(setting: string, problem: string) {
    super(`${setting}: ${problem}`);
  }
}

/** What the action gives, or the ConfigError that it throws. It throws every other error itself. */
export async function orConfigError<T>(action: () => Promise<T>): Promise<T | ConfigError> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}
