// Bearer tokens: which are alive, and whose they are. Issuing one for a service account is token-endpoint.ts.

import type { Caller } from './caller.ts';
import { newToken } from './credentials.ts';
import type { World } from './world.ts';

/** What a person's login gives. */
const PERSONAL_SECONDS = 12 * 60 * 60;

export function issueToken(world: World, caller: Caller, seconds: number): string {
  const token = newToken();
  world.state.tokens.set(token, { caller, expiresAt: Date.now() + seconds * 1000 });
  return token;
}

/** Makes the access token of the sandbox's credentials valid. */
export function admitPerson(world: World): void {
  world.state.tokens.set(world.credentials.accessToken, {
    caller: { kind: 'person', name: 'Sandbox User' },
    expiresAt: Date.now() + PERSONAL_SECONDS * 1000,
  });
}

export function ownerOf(world: World, token: string): Caller | undefined {
  dropExpired(world);
  return world.state.tokens.get(token)?.caller;
}

export function liveTokensOf(world: World, kind: Caller['kind']): number {
  dropExpired(world);
  return [...world.state.tokens.values()].filter(({ caller }) => caller.kind === kind).length;
}

function dropExpired(world: World): void {
  for (const [token, { expiresAt }] of world.state.tokens) {
    if (expiresAt <= Date.now()) world.state.tokens.delete(token);
  }
}
