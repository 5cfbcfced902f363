// All prompts of this server, which of them can be followed with the tools that are offered, and their completion.

import { auditModelKeys } from './audit-model-keys.ts';
import { completed, type Completion, type Wish } from './completion.ts';
import { knownNames, type NamesContext } from './known-names.ts';
import type { Prompt } from './prompt.ts';
import { followable } from './prompt-definition.ts';
import { provisionModelKey } from './provision-model-key.ts';
import { rotateModelKey } from './rotate-model-key.ts';

export const PROMPTS: readonly Prompt[] = [provisionModelKey, rotateModelKey, auditModelKeys];

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
