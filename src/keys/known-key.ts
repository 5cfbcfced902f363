// A key that exists: finds it by its id, and holds it against the name by which a caller means it.

import type { Atlas } from '../atlas/atlas.ts';
import { isNamed, type ModelKey } from '../atlas/api/keys.ts';
import type { Scope } from '../atlas/api/admin-api.ts';
import type { RequestContext } from './request-context.ts';
import { typedNameOf } from './consent.ts';
import { explained, refuseProject, type ProjectPolicy } from './refusals.ts';
import { failed, refusal, type Failure, type Result } from '../failure.ts';
import { nonceIn, nonceOf } from './undelivered.ts';

export interface KeyContext extends ProjectPolicy {
  readonly atlas: Atlas;
}

export async function getModelKey(
  context: KeyContext,
  { scope, apiKeyId }: { readonly scope: Scope; readonly apiKeyId: string },
  { signal }: Pick<RequestContext, 'signal'>,
): Promise<Result<ModelKey>> {
  const groupId = 'groupId' in scope ? scope.groupId : undefined;
  const refused = groupId === undefined ? undefined : refuseProject(context, groupId);
  if (refused) return failed(refused);
  const key = await context.atlas.getKey(scope, apiKeyId, signal);
  if (!key.ok) return failed(await explained(context, key.failure, { ...scope, apiKeyId }, signal));
  // Of an organization's key the project is known only now; one that names none may be of any.
  const hidden = refuseProject(context, groupId ?? key.value.groupId ?? '');
  return hidden ? failed(hidden) : key;
}

/** @param key as Atlas gave it just now */
export function refuseOtherName(key: ModelKey, confirmName: string): Failure | undefined {
  const { expected } = typedNameOf(key);
  if (isNamed(key, confirmName) || confirmName === expected) return undefined;
  return {
    ...refusal(
      'NAME_MISMATCH',
      'confirmName is not the name of this key.',
      `The key ${key.apiKeyId} is confirmed by ${JSON.stringify(expected)}. If that is the key that the user means, call again with this confirmName.`,
    ),
    apiKeyId: key.apiKeyId,
  };
}

/** A new name may not look like that of a key which is not delivered. */
export function refuseMarkedName(parameter: string, name: string): Failure | undefined {
  if (nonceIn(name) === undefined) return undefined;
  return refusal(
    'INVALID_INPUT',
    `${parameter}: must not end as the name of a key that is not delivered does (-undelivered- and 12 hexadecimal digits).`,
    'Choose another name: this server finds undelivered keys by that end.',
  );
}

/** Nobody has the secret of such a key but the call that made it. */
export function refuseMarkedKey(key: ModelKey): Failure | undefined {
  if (nonceOf(key) === undefined) return undefined;
  return {
    ...refusal(
      'NAME_MISMATCH',
      `The key ${key.apiKeyId} is not delivered, as its name says.`,
      'Call reconcile_ai_model_api_keys: it says what is true of the key, and brings it to its end. A key that nobody needs is deleted by delete_ai_model_api_key.',
    ),
    apiKeyId: key.apiKeyId,
  };
}
