// Says more about a refusal of Atlas in this server's own terms: which projects there are, or which id a name has.

import type { Atlas } from '../atlas/atlas.ts';
import type { Failure } from '../failure.ts';
import { hasId, isNamed, saysNoSuchKey } from '../atlas/api/keys.ts';
import type { Project } from '../atlas/api/projects.ts';
import { nearest } from '../text/nearest.ts';
import { isAllowed, type ProjectPolicy } from './policy.ts';

/** The codes by which Atlas says that a project is not there, or not for this credential. */
const NO_PROJECT = ['GROUP_NOT_FOUND', 'NOT_IN_GROUP', 'USER_CANNOT_ACCESS_GROUP'];
const MOST_PROJECTS = 5;

/** Looks for what may have been meant; where that fails too, the refusal stays as it was. */
export async function explained(
  context: { readonly atlas: Atlas } & ProjectPolicy,
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
