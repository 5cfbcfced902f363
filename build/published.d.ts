// The types of published.js, for its test.

interface Parts {
  readonly packageJson: Readonly<Record<string, unknown>>;
  readonly settings: Readonly<Record<string, { readonly variable: string }>>;
}

export function repositoryFiles(parts: Parts): Readonly<Record<string, object>>;
export function serverJson(parts: Parts, fileSha256?: string): object;
