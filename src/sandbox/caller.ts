// Who sent a request: one of the sandbox's own credentials, or nobody.

export type Caller =
  | { readonly kind: 'service_account'; readonly name: string; readonly clientId: string }
  | { readonly kind: 'api_key'; readonly name: string; readonly publicKey: string }
  | { readonly kind: 'person'; readonly name: string }
  /** Only at the OAuth endpoints, which check their own credentials. */
  | { readonly kind: 'nobody' };

export function nameOf(caller: Caller): string {
  return caller.kind === 'nobody' ? '' : caller.name;
}

/** What signs in at the sandbox: random for each start. */
export interface Credentials {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly publicKey: string;
  readonly privateKey: string;
  /** A bearer token that is valid at once, as from a person's login. */
  readonly accessToken: string;
}
