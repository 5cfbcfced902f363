// Finds the prompts that are offered, fills them, and completes their arguments. The names of projects and keys are remembered for a
// while, so that not every keystroke costs a request. They are for people to choose from, and to join what a host has split.

import { failed, type Result } from '../failure.ts';
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
   * As {@link Prompt.fill}; a sink that there is not is refused, and names that a host split at their blanks are joined where only
   * one reading fits.
   */
  fill(prompt: Prompt, given: Readonly<Record<string, string>>, stopping: AbortSignal): Promise<Result<string, string>>;
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
    async fill(prompt, given, stopping) {
      const joined = names ? await joinSplit(prompt, given, { ...names, sinks: context.sinks }, stopping) : given;
      const { sink = '' } = joined;
      const isKnown = sink.trim() === '' || !context || context.sinks.has(sink);
      if (!isKnown && prompt.arguments.some(({ name }) => name === 'sink'))
        return failed(`sink: there is no such sink. The sinks are: ${[...context.sinks.keys()].join(', ')}.`);
      return prompt.fill(joined);
    },
    async complete(prompt, { argument, value, others }, stopping) {
      const isKnown = find(prompt)?.arguments.some(({ name }) => name === argument) ?? false;
      const found = isKnown ? await candidates(argument, others.project, stopping) : undefined;
      return completed(found ?? NONE, value);
    },
  };
}

/**
 * Some hosts take the words behind the name of a prompt for its arguments, one each. Where that cuts the name of a project, all the
 * words are read as the name of a project and that of a key, if they can be read so in one way only.
 */
async function joinSplit(
  prompt: Prompt,
  given: Readonly<Record<string, string>>,
  names: KnownNames & Pick<PromptsContext, 'sinks'>,
  stopping: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const second = prompt.arguments.find(({ name }) => name === 'key' || name === 'name')?.name;
  const { project = '' } = given;
  if (second === undefined || !given[second] || project.includes(' ')) return given;
  const projects = await names.projects(stopping);
  if (!projects.isAll || GROUP_ID.test(project) || projects.names.includes(project)) return given;
  const words = prompt.arguments.flatMap(({ name }) => given[name]?.split(' ') ?? []).filter((word) => word !== '');
  const readings: Readonly<Record<string, string>>[] = [];
  for (let end = 2; end < words.length; end += 1) {
    const [name, rest] = [words.slice(0, end).join(' '), words.slice(end).join(' ')];
    if (!projects.names.includes(name)) continue;
    const keys = second === 'key' ? await names.keys(name, stopping) : undefined;
    if (!keys || keys.names.includes(rest)) readings.push({ project: name, [second]: rest });
    const sink = words.at(-1) ?? '';
    if (second === 'name' && words.length - end > 1 && names.sinks.has(sink))
      readings.push({ project: name, name: words.slice(end, -1).join(' '), sink });
  }
  const [reading, ...others] = readings;
  return reading && others.length === 0 ? reading : given;
}

const GROUP_ID = /^[a-f0-9]{24}$/;

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
  const inOrder = (one: string, other: string) => (fold(one) < fold(other) ? -1 : 1);
  const fitting = [...new Set(names)].filter((name) => fold(name).includes(wanted)).sort(inOrder);
  const begins = (name: string) => fold(name).startsWith(wanted);
  const all = [...fitting.filter(begins), ...fitting.filter((name) => !begins(name))];
  return {
    values: all.slice(0, MOST_VALUES),
    ...(isAll && { total: all.length }),
    hasMore: !isAll || all.length > MOST_VALUES,
  };
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
    if (GROUP_ID.test(project)) return project;
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
    const now = process.uptime() * 1000;
    for (const [asked, { until }] of answers) if (until < now) answers.delete(asked);
    const answer = answers.get(question) ?? { found: lookUp(), until: now + forMs };
    answers.set(question, answer);
    return answer.found;
  };
}
