// Refusals and failures that several use cases give: which projects the operator allows, which undelivered keys keep a new key from
// its name, and what a refusal of Atlas means in this server's own terms; and the look at one key by these rules. What became of
// a key is said by who knows it, else by the tool.

import { failed, refusal, type Failure, type Result } from '../failure.ts';
import type { SinkProblem } from '../sinks/sink.ts';
import type { Atlas } from '../atlas/atlas.ts';
import {
  hasId,
  isNamed,
  originalName,
  sameName,
  saysNoSuchKey,
  type ListedKey,
  type ModelKey,
} from '../atlas/api/keys.ts';
import { isUncommitted, keyOf, type Intent } from './journal/intent.ts';
import { isUnderWay, isUnfinished, type Kept } from './journal/journal.ts';
import { markedName, nonceIn, nonceOf } from './own-key.ts';
import type { Scope } from '../atlas/api/admin-api.ts';
import type { Project } from '../atlas/api/projects.ts';
import type { RequestContext } from './request-context.ts';
import { nearest } from '../text/text.ts';

export function fromSink({ code, message, hint }: SinkProblem): Failure {
  return refusal(code, message, hint);
}

export const cancelled = refusal(
  'CANCELLED',
  'The call was cancelled before anything was changed.',
  'Call again if it is still wanted.',
);

/** @param holder the id of the key that has the name, where Atlas says it */
export function nameInUse(holder?: string): Failure {
  const refused = refusal(
    'NAME_IN_USE',
    'A key of this name exists in the project, or is being created.',
    'Choose another name. A unique name is what makes a key findable when a reply is lost.',
  );
  return { ...refused, ...(holder !== undefined && { apiKeyId: holder }) };
}

/** After a request that Atlas may have carried out, and of which nobody can say whether it did. */
export function outcomeUnknown(failure: Failure, what: string, hint: string): Failure {
  return {
    ...failure,
    code: 'ATLAS_OUTCOME_UNKNOWN',
    message: `${what} ${failure.message}`,
    hint,
    retryable: true,
  };
}

export interface ProjectPolicy {
  /** Absent where every project may be used. */
  readonly allowedProjects?: readonly string[] | undefined;
}

export function isAllowed({ allowedProjects }: ProjectPolicy, groupId: string | undefined): boolean {
  return allowedProjects === undefined || (groupId !== undefined && allowedProjects.includes(groupId));
}

export function refuseProject(policy: ProjectPolicy, groupId: string): Failure | undefined {
  if (isAllowed(policy, groupId)) return undefined;
  return refusal(
    'PROJECT_NOT_ALLOWED',
    'The operator does not allow this project.',
    `Use one of: ${(policy.allowedProjects ?? []).join(', ')}.`,
  );
}

/** The codes by which Atlas says that a project is not there, or not for this credential. */
const NO_PROJECT = ['GROUP_NOT_FOUND', 'NOT_IN_GROUP', 'USER_CANNOT_ACCESS_GROUP'];
const MOST_PROJECTS = 5;

export interface KeyContext extends ProjectPolicy {
  readonly atlas: Atlas;
}

/** Of an allowed project only. */
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

/** Looks for what may have been meant; where that fails too, the refusal stays as it was. */
export async function explained(
  context: KeyContext,
  plain: Failure,
  { groupId, apiKeyId }: { readonly groupId?: string; readonly orgId?: string; readonly apiKeyId?: string },
  signal: AbortSignal,
): Promise<Failure> {
  if (groupId === undefined) return plain;
  if (NO_PROJECT.includes(plain.atlas?.errorCode ?? '')) {
    const projects = await context.atlas.listProjects(undefined, signal);
    const visible = projects.ok ? projects.value.filter((project) => isAllowed(context, project.groupId)) : [];
    const likely = nearest(groupId, visible, (project) => project.groupId ?? '', MOST_PROJECTS);
    return likely.length === 0 ? plain : { ...plain, hint: `${plain.hint} ${projectsHint(likely)}` };
  }
  if (apiKeyId !== undefined && saysNoSuchKey(plain)) {
    const keys = await context.atlas.listKeys(groupId, signal);
    const named = keys.ok ? keys.value.filter((key) => isNamed(key, apiKeyId)) : [];
    return { ...plain, hint: `${plain.hint} ${keyHint(named.filter(hasId).map((key) => key.apiKeyId))}` };
  }
  return plain;
}

/** Names are shown as quoted data: whoever names a project is not whoever gives advice. */
function projectsHint(projects: readonly Project[]): string {
  const shown = projects.map(({ groupId, name }) => `${groupId ?? 'no id'} (${JSON.stringify(name)})`);
  return `Nearest of the projects that this credential sees: ${shown.join(', ')}. list_projects lists them all.`;
}

function keyHint(ids: readonly string[]): string {
  return ids.length === 0
    ? 'list_ai_model_api_keys lists the keys of the project.'
    : `That is the name of a key; its apiKeyId is ${ids.join(' or ')}.`;
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

/** Whether the key is marked, and is to have that name in the end. */
function isMarkedFor(key: ListedKey, finalName: string): boolean {
  const nonce = nonceOf(key);
  return nonce !== undefined && sameName(originalName(key), markedName(finalName, nonce));
}

/** How old the key is by its own account, in milliseconds; undefined where Atlas does not say. */
function ageOf({ createdAt }: ListedKey): number | undefined {
  const made = Date.parse(createdAt ?? '');
  return Number.isNaN(made) ? undefined : Date.now() - made;
}

/** How long a key that another machine may be delivering keeps its name from others. */
const YOUNG_MS = 10 * 60 * 1000;

/** What a list says of a key that is not delivered. */
export interface Undelivered {
  /** Since its creation; absent where Atlas does not say. */
  readonly ageSeconds?: number;
  /** Whether the journal of this machine knows the call that made it. */
  readonly knownHere: boolean;
}

/** Undefined for a key that carries no mark. */
export function undeliveredOf(key: ListedKey, kept: Kept | undefined): Undelivered | undefined {
  const nonce = nonceOf(key);
  if (nonce === undefined) return undefined;
  const age = ageOf(key);
  const ageSeconds = age === undefined ? {} : { ageSeconds: Math.max(0, Math.round(age / 1000)) };
  return { ...ageSeconds, knownHere: kept !== undefined && isKnown(nonce, kept) };
}

function isKnown(nonce: string, { intents, unreadable }: Kept): boolean {
  return unreadable.includes(nonce) || intents.some((intent) => intent.nonce === nonce);
}

/** Another machine may be about to give that name to a key of its own. */
export function youngRivalOf(name: string, keys: readonly ListedKey[], kept: Kept): Failure | undefined {
  const rival = keys.find((key) => {
    const age = ageOf(key) ?? Number.POSITIVE_INFINITY;
    return Math.abs(age) < YOUNG_MS && isMarkedFor(key, name) && !isKnown(nonceOf(key) ?? '', kept);
  });
  if (!rival) return undefined;
  return {
    ...nameInUse(),
    message: 'Another machine is delivering a key that is to get this name.',
    hint: 'Call again in ten minutes, or choose another name.',
    retryable: true,
    ...(rival.apiKeyId !== undefined && { apiKeyId: rival.apiKeyId }),
  };
}

/** What a caller is told beside the result: of keys in the list that no call of this machine brings to an end any more. */
export function leftoverWarnings(
  groupId: string,
  keys: readonly ListedKey[],
  { intents, unreadable }: Kept,
): readonly string[] {
  const lost = keys.filter((key) => isLeftover(nonceOf(key), intents)).flatMap(({ apiKeyId }) => apiKeyId ?? []);
  const elsewhere = intents.filter((intent) => isUnfinished(intent) && isTold(intent, groupId, lost)).length;
  return [
    ...(lost.length === 0
      ? []
      : [
          `Keys of earlier calls are alive and not delivered: ${lost.join(', ')}. reconcile_ai_model_api_keys says what is true of them.`,
        ]),
    ...(elsewhere === 0
      ? []
      : [
          `${elsewhere} earlier create(s) or rotation(s) did not come to an end; call reconcile_ai_model_api_keys to see what is true of them.`,
        ]),
    ...(unreadable.length === 0
      ? []
      : [
          `The journal holds ${unreadable.length} file(s) that cannot be read (${unreadable.join(', ')}): look in Atlas for keys with these digits at the end of their name.`,
        ]),
  ];
}

function isLeftover(nonce: string | undefined, intents: readonly Intent[]): boolean {
  return nonce !== undefined && intents.some((intent) => intent.nonce === nonce && !isUnderWay(intent));
}

/** A create whose reply was lost is told of only when its key appears. */
function isTold(intent: Intent, groupId: string, lost: readonly string[]): boolean {
  if (intent.state.step === 'sending' && intent.owner === null) return false;
  return intent.groupId !== groupId || !lost.includes(keyOf(intent) ?? '') || isUncommitted(intent);
}
