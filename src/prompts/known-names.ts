// The names of projects and keys for completion, remembered for a while so that a keystroke costs no request. They are
// for people to choose from: nothing is decided by them.

import { listModelKeys, type KeyListContext } from '../provisioning/lists/key-list.ts';
import type { Project } from '../atlas/api/projects.ts';
import { listProjects } from '../provisioning/lists/projects.ts';
import type { RequestContext } from '../provisioning/request-context.ts';

export interface Candidates {
  readonly names: readonly string[];
  /** False where there are more than were read. */
  readonly isAll: boolean;
}

export interface NamesContext extends KeyListContext {
  /** The operator's default organization. */
  readonly orgId?: string | undefined;
}

export interface KnownNames {
  projects(stopping: AbortSignal): Promise<Candidates>;
  /** @param project its name, or its id */
  keys(project: string | undefined, stopping: AbortSignal): Promise<Candidates>;
}

const REMEMBERED_MS = 30_000;
const LONGEST_LOOKUP_MS = 10_000;
/** Of one list. In a longer one only these are found: four pages are enough for a keystroke. */
const MOST_NAMES = 2_000;

const NONE: Candidates = { names: [], isAll: true };

interface ProjectNames {
  readonly projects: readonly Project[];
  readonly isAll: boolean;
}

export function knownNames(context: NamesContext, rememberedMs = REMEMBERED_MS): KnownNames {
  const projectLists = remembering<ProjectNames>(rememberedMs);
  const keyLists = remembering<Candidates>(rememberedMs);
  const projects = (stopping: AbortSignal) => projectLists('', () => lookUpProjects(context, stopping));
  const groupIdOf = async (project: string, stopping: AbortSignal) => {
    if (/^[a-f0-9]{24}$/.test(project)) return project;
    const named = (await projects(stopping)).projects.filter(({ name }) => name === project);
    return named.length === 1 ? named[0]?.groupId : undefined;
  };
  return {
    async projects(stopping) {
      const list = await projects(stopping);
      return { names: list.projects.map(({ name }) => name), isAll: list.isAll };
    },
    async keys(project, stopping) {
      const groupId = await groupIdOf(project ?? '', stopping);
      return groupId === undefined ? NONE : keyLists(groupId, () => lookUpKeys(context, groupId, stopping));
    },
  };
}

async function lookUpProjects(context: NamesContext, stopping: AbortSignal): Promise<ProjectNames> {
  const listed = await listProjects(context, { orgId: context.orgId, limit: MOST_NAMES }, quietly(stopping));
  return listed.ok
    ? { projects: listed.value.projects, isAll: listed.value.remaining === 0 }
    : { projects: [], isAll: true };
}

async function lookUpKeys(context: NamesContext, groupId: string, stopping: AbortSignal): Promise<Candidates> {
  const listed = await listModelKeys(context, { scope: { groupId }, limit: MOST_NAMES }, quietly(stopping));
  return listed.ok ? { names: listed.value.keys.map(({ name }) => name), isAll: listed.value.remaining === 0 } : NONE;
}

function quietly(stopping: AbortSignal): RequestContext {
  return { signal: AbortSignal.any([stopping, AbortSignal.timeout(LONGEST_LOOKUP_MS)]), progress: () => undefined };
}

/** Answers each question once in a while, for all who ask it meanwhile. What failed is remembered as well. */
function remembering<Found>(forMs: number): (question: string, lookUp: () => Promise<Found>) => Promise<Found> {
  const answers = new Map<string, { readonly found: Promise<Found>; readonly until: number }>();
  return (question, lookUp) => {
    const now = performance.now();
    for (const [asked, { until }] of answers) if (until < now) answers.delete(asked);
    const answer = answers.get(question) ?? { found: lookUp(), until: now + forMs };
    answers.set(question, answer);
    return answer.found;
  };
}
