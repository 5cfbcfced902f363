// Finds the prompts that are offered, and completes their arguments. The names of projects and keys are remembered for a while, so
// that not every keystroke costs a request. They are for people to choose from: nothing is decided by them.

import { PROMPTS, type Prompt } from './prompts.ts';
import { listModelKeys, type KeyListContext, listProjects } from '../keys/lists.ts';
import type { Project } from '../atlas/api/projects.ts';
import type { RequestContext } from '../keys/request-context.ts';

export interface PromptsContext extends NamesContext {
  /** By name. */
  readonly sinks: ReadonlyMap<string, unknown>;
}

export interface Prompts {
  find(name: string): Prompt | undefined;
  /**
   * What the value of an argument may become; empty where nothing is known. It throws only for a defect.
   *
   * @param stopping aborted when the server stops; not with the request, since others may wait for the same answer
   */
  complete(prompt: string, wish: Wish, stopping: AbortSignal): Promise<Completion>;
}

/**
 * @param context undefined where the settings cannot be used: then arguments are not completed
 * @param offered the prompts that hosts are shown
 */
export function createPrompts(context: PromptsContext | undefined, offered: readonly Pick<Prompt, 'name'>[]): Prompts {
  const known = PROMPTS.filter(({ name }) => offered.some((shown) => shown.name === name));
  const find = (name: string) => known.find((prompt) => prompt.name === name);
  const names = context && knownNames(context);
  const candidates = async (argument: string, project: string | undefined, stopping: AbortSignal) => {
    switch (argument) {
      case 'project':
        return names?.projects(stopping);
      case 'key':
        return names?.keys(project, stopping);
      case 'sink':
        return context && { names: [...context.sinks.keys()], isAll: true };
      default:
        return undefined;
    }
  };
  return {
    find,
    async complete(prompt, { argument, value, others }, stopping) {
      const isKnown = find(prompt)?.arguments.some(({ name }) => name === argument) ?? false;
      const found = isKnown ? await candidates(argument, others.project, stopping) : undefined;
      return completed(found ?? NONE, value);
    },
  };
}

/** The most that the specification lets one answer hold (2025-11-25, Server, Utilities, Completion). */
const MOST_VALUES = 100;

interface Wish {
  /** The argument that is being typed. */
  readonly argument: string;
  readonly value: string;
  /** The arguments that have their value already. */
  readonly others: Readonly<Record<string, string>>;
}

interface Completion {
  readonly values: string[];
  /** How many fit; absent where nobody counted. */
  readonly total?: number;
  readonly hasMore: boolean;
}

/** Names that begin with it first, then those that contain it, without regard to case. */
export function completed({ names, isAll }: Candidates, typed: string): Completion {
  const wanted = fold(typed);
  const fitting = [...new Set(names)].filter((name) => fold(name).includes(wanted)).sort(inOrder);
  const begins = (name: string) => fold(name).startsWith(wanted);
  const all = [...fitting.filter(begins), ...fitting.filter((name) => !begins(name))];
  return {
    values: all.slice(0, MOST_VALUES),
    ...(isAll && { total: all.length }),
    hasMore: !isAll || all.length > MOST_VALUES,
  };
}

function inOrder(one: string, other: string): number {
  return fold(one) < fold(other) ? -1 : 1;
}

function fold(name: string): string {
  return name.normalize('NFC').toLowerCase();
}

interface Candidates {
  readonly names: readonly string[];
  /** False where there are more than were read. */
  readonly isAll: boolean;
}

interface NamesContext extends KeyListContext {
  /** The operator's default organization. */
  readonly orgId?: string | undefined;
}

interface KnownNames {
  projects(stopping: AbortSignal): Promise<Candidates>;
  /** @param project its name, or its id */
  keys(project: string | undefined, stopping: AbortSignal): Promise<Candidates>;
}

const REMEMBERED_MS = 30_000;
const LONGEST_LOOKUP_MS = 10_000;
/** Of one list, four pages: names beyond these are not found. */
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

/** Looks up the answer to a question at most once in that time, for all who ask. A failure is remembered as well. */
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
