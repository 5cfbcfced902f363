// Which prompts can be followed with the tools that are offered, and the completion of their arguments.

import { knownNames, type Candidates, type NamesContext } from './known-names.ts';
import { followable } from './prompt-definition.ts';
import type { Prompt } from './prompt.ts';
import { PROMPTS } from './prompts.ts';

export interface PromptsContext extends NamesContext {
  /** By name. */
  readonly sinks: ReadonlyMap<string, unknown>;
}

export interface Prompts {
  /** What a host is shown. */
  readonly offered: readonly Prompt[];
  find(name: string): Prompt | undefined;
  /**
   * What the value of an argument may become. Nothing where nothing can be known; throws for a defect alone.
   *
   * @param stopping aborted when the server stops; not with the request, since others may wait for the same answer
   */
  complete(prompt: string, wish: Wish, stopping: AbortSignal): Promise<Completion>;
}

/** Those that can be followed with these tools, where nothing can be known to complete their arguments. */
export function silentPrompts(tools: readonly { readonly name: string }[]): Prompts {
  const names = tools.map(({ name }) => name);
  const offered = followable(PROMPTS, names);
  return {
    offered,
    find: (name) => offered.find((prompt) => prompt.name === name),
    complete: () => Promise.resolve(completed({ names: [], isAll: true }, '')),
  };
}

/** @param tools the names of the tools that are offered */
export function createPrompts(context: PromptsContext, tools: readonly string[]): Prompts {
  const offered = followable(PROMPTS, tools);
  const find = (name: string) => offered.find((prompt) => prompt.name === name);
  const names = knownNames(context);
  const candidates = async (argument: string, project: string | undefined, stopping: AbortSignal) => {
    switch (argument) {
      case 'project':
        return names.projects(stopping);
      case 'key':
        return names.keys(project, stopping);
      case 'sink':
        return { names: [...context.sinks.keys()], isAll: true };
      default:
        return { names: [], isAll: true };
    }
  };
  return {
    offered,
    find,
    async complete(prompt, { argument, value, others }, stopping) {
      const isKnown = find(prompt)?.arguments.some(({ name }) => name === argument) ?? false;
      return completed(
        isKnown ? await candidates(argument, others.project, stopping) : { names: [], isAll: true },
        value,
      );
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

export interface Completion {
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
