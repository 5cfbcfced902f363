// Finds the project and the key that is meant, by id or by exact name, among those that the operator allows; where Atlas or this
// server refuses one, it says what may have been meant.

import { setTimeout as delay } from 'node:timers/promises';
import { failed, ok, refusal, type Failure, type Result } from '../failure.ts';
import type { Atlas } from '../atlas/atlas.ts';
import type { Scope } from '../atlas/api/admin-api.ts';
import { hasId, isNamed, sameName, saysNoSuchKey, type ListedKey, type ModelKey } from '../atlas/api/keys.ts';
import type { Project } from '../atlas/api/projects.ts';
import { listed, nearest } from '../text/text.ts';
import { isAllowed, refuseProject, type ProjectPolicy } from './refusals.ts';
import type { RequestContext } from './request-context.ts';

/** The codes by which Atlas says that a project is not there, or not for this credential. */
const NO_PROJECT = ['GROUP_NOT_FOUND', 'NOT_IN_GROUP', 'USER_CANNOT_ACCESS_GROUP'];
const MOST_NEAREST = 5;

export interface KeyContext extends ProjectPolicy {
  readonly atlas: Atlas;
  /** Of which a refusal may tell the nearest; absent for both. Not of those whose list the operator denies. */
  readonly tells?: { readonly projects: boolean; readonly keys: boolean };
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

/** Before each look, in milliseconds. */
const LOOK_AFTER_MS = [0, 300, 1_000];

/**
 * The key as a read by its id shows it, or undefined where it is gone. Atlas does not promise that a read or a list shows a key of a
 * moment ago, so that only several looks tell, at both: where a list shows it, or a row that may be it, nobody can.
 */
export async function keyUnlessGone(
  atlas: Atlas,
  groupId: string,
  apiKeyId: string,
  signal?: AbortSignal,
): Promise<Result<ModelKey | undefined>> {
  let shown: Failure | undefined;
  for (const wait of LOOK_AFTER_MS) {
    await delay(wait);
    const now = await atlas.getKey({ groupId }, apiKeyId, signal);
    if (now.ok || !saysNoSuchKey(now.failure)) return now;
    const keys = await atlas.listKeys(groupId, signal);
    if (!keys.ok) return keys;
    if (keys.value.some((key) => !hasId(key) || key.apiKeyId === apiKeyId)) shown = now.failure;
  }
  return shown ? failed(shown) : ok(undefined);
}

interface KeyWish {
  readonly groupId: string;
  /** One of both. */
  readonly apiKeyId?: string | undefined;
  readonly name?: string | undefined;
}

/** The key of that id, or of that exact name where only one has it, as a read by its id shows it. */
export async function findKey(
  context: KeyContext,
  { groupId, apiKeyId, name }: KeyWish,
  call: Pick<RequestContext, 'signal'>,
): Promise<Result<ModelKey>> {
  if (apiKeyId !== undefined && name === undefined) return getModelKey(context, { scope: { groupId }, apiKeyId }, call);
  if (name === undefined || apiKeyId !== undefined) return failed(oneOf('name'));
  const id = await findKeyId(context, groupId, name, call);
  return id.ok ? getKeyNamed(context, { groupId, apiKeyId: id.value, name }, call) : id;
}

/** The key that a list shows under that name, as it is now: it must have the name still. */
export async function getKeyNamed(
  context: KeyContext,
  { groupId, apiKeyId, name }: { readonly [Part in keyof KeyWish]-?: string },
  call: Pick<RequestContext, 'signal'>,
): Promise<Result<ModelKey>> {
  const key = await getModelKey(context, { scope: { groupId }, apiKeyId }, call);
  return key.ok && !isNamed(key.value, name) ? failed(renamedMeanwhile(key.value)) : key;
}

/** {@link findKey}, or a key of an organization: that only by its id, since its name need not be unique there. */
export async function findKeyIn(
  context: KeyContext,
  scope: Scope,
  wish: Pick<KeyWish, 'apiKeyId' | 'name'>,
  call: Pick<RequestContext, 'signal'>,
): Promise<Result<ModelKey>> {
  if ('groupId' in scope) return findKey(context, { ...scope, ...wish }, call);
  const { apiKeyId, name } = wish;
  if (apiKeyId !== undefined && name === undefined) return getModelKey(context, { scope, apiKeyId }, call);
  const hint = 'Pass groupId with name; list_ai_model_api_keys with orgId and nameContains finds the project.';
  return failed(refusal('INVALID_INPUT', 'name: tells a key only within a project.', hint));
}

/** @param parameter that a tool takes in place of the id */
export function oneOf(parameter: string): Failure {
  return refusal('INVALID_INPUT', `apiKeyId, ${parameter}: one of them is required.`, 'Pass one, not both.');
}

/** The id of the only key with that exact name, by a whole list of an allowed project. */
export async function findKeyId(
  context: KeyContext,
  groupId: string,
  name: string,
  { signal }: Pick<RequestContext, 'signal'>,
): Promise<Result<string>> {
  const refused = refuseProject(context, groupId);
  if (refused) return failed(refused);
  const keys = await context.atlas.listKeys(groupId, signal);
  if (!keys.ok) return failed(await explained(context, keys.failure, { groupId }, signal));
  const found = keyNamed(context, keys.value, name);
  return found.ok ? ok(found.value.apiKeyId) : found;
}

/** @param keys all of a project: a name stands for a key only where no other has it, one without an id included */
export function keyNamed(context: KeyContext, keys: readonly ListedKey[], name: string): Result<ModelKey> {
  const [named, ...others] = keys.filter((key) => isNamed(key, name));
  if (!named) return failed(noKeyNamed(context, name, keys));
  if (others.length === 0 && hasId(named)) return ok(named);
  const told = [named, ...others].map((key) => `${key.apiKeyId ?? 'no id'} (${key.maskedSecret ?? 'no mask'})`);
  const message = `The name is not that of a single key: ${listed(told)}.`;
  return failed(refusal('INVALID_INPUT', message, 'Pass the apiKeyId of the one that is meant.'));
}

/** Somebody gave it another name since the list was read. */
export function renamedMeanwhile({ apiKeyId, name }: ModelKey): Failure {
  const message = `The key ${apiKeyId} has got another name meanwhile: ${JSON.stringify(name)}.`;
  return { ...refusal('NAME_MISMATCH', message, 'Call again with its present name if it is still meant.'), apiKeyId };
}

function noKeyNamed({ tells }: KeyContext, name: string, keys: readonly ListedKey[]): Failure {
  const isId = keys.some(({ apiKeyId }) => apiKeyId === name);
  const hint = isId
    ? 'That is the id of a key: pass it as apiKeyId, with the name of the key.'
    : tells?.keys === false
      ? 'Ask the user for its exact name, or its id.'
      : nearestKeys(name, keys);
  return refusal('ATLAS_NOT_FOUND', 'No key of the project has that name.', hint);
}

/** Names are shown as quoted data: whoever names a key is not whoever gives advice. */
function nearestKeys(name: string, keys: readonly ListedKey[]): string {
  const likely = nearest(name, keys.filter(hasId), (key) => key.name, MOST_NEAREST);
  const shown = likely.map((key) => `${JSON.stringify(key.name)} (${key.apiKeyId})`).join(', ');
  return shown === '' ? 'The project has no keys.' : `The nearest names: ${shown}.`;
}

/** Of one call: so many texts that are no id are answered. */
const MOST_TEXTS = 10;

/**
 * What texts that are no project's id may have meant, among the projects that the operator allows; empty where they cannot be seen.
 * However many there are, the projects are listed once.
 */
export async function projectsMeant(
  context: KeyContext,
  texts: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  if (texts.length === 0 || context.tells?.projects === false) return '';
  const seen = await context.atlas.listProjects(undefined, signal);
  const projects = seen.ok ? seen.value.filter(({ groupId }) => groupId && isAllowed(context, groupId)) : [];
  const hints = texts.slice(0, MOST_TEXTS).map((text) => projectMeant(projects, text.trim().toLowerCase()));
  return [...new Set(hints)].filter((hint) => hint !== '').join(' ');
}

function projectMeant(projects: readonly Project[], text: string): string {
  const named = projects.filter(({ name }) => sameName(name.trim().toLowerCase(), text));
  if (named.length > 0) return `That is the name of a project: ${shownProjects(named.slice(0, MOST_NEAREST))}.`;
  const likely = nearest(text, projects, ({ name }) => name.toLowerCase(), MOST_NEAREST);
  return likely.length === 0 ? '' : projectsHint(likely);
}

/** The same for a text that is no key's id, among the keys of an allowed project. */
export async function keysMeant(
  context: KeyContext,
  groupId: string,
  text: string,
  signal: AbortSignal,
): Promise<string> {
  if (!isAllowed(context, groupId) || context.tells?.keys === false) return '';
  const keys = await context.atlas.listKeys(groupId, signal);
  if (!keys.ok) return '';
  const named = keys.value.filter((key) => isNamed(key, text)).filter(hasId);
  return named.length === 0 ? nearestKeys(text, keys.value) : keyHint(named.map((key) => key.apiKeyId));
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
    if (context.tells?.projects === false) return plain;
    const projects = await context.atlas.listProjects(undefined, signal);
    const visible = projects.ok ? projects.value.filter((project) => isAllowed(context, project.groupId)) : [];
    const likely = nearest(groupId, visible, (project) => project.groupId ?? '', MOST_NEAREST);
    return likely.length === 0 ? plain : { ...plain, hint: `${plain.hint} ${projectsHint(likely)}` };
  }
  if (apiKeyId !== undefined && saysNoSuchKey(plain) && context.tells?.keys !== false) {
    const keys = await context.atlas.listKeys(groupId, signal);
    const named = keys.ok ? keys.value.filter((key) => isNamed(key, apiKeyId)) : [];
    return { ...plain, hint: `${plain.hint} ${keyHint(named.filter(hasId).map((key) => key.apiKeyId))}` };
  }
  return plain;
}

/** Names are shown as quoted data: whoever names a project is not whoever gives advice. */
function projectsHint(projects: readonly Project[]): string {
  return `Nearest of the projects that this credential sees: ${shownProjects(projects)}. list_projects lists them all.`;
}

function shownProjects(projects: readonly Project[]): string {
  return projects.map(({ groupId, name }) => `${groupId ?? 'no id'} (${JSON.stringify(name)})`).join(', ');
}

function keyHint(ids: readonly string[]): string {
  return ids.length === 0
    ? 'list_ai_model_api_keys lists the keys of the project.'
    : `That is the name of a key; its apiKeyId is ${listed(ids, ' or ')}.`;
}
