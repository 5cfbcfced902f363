// What hosts are shown of a prompt, and which prompts they are shown.

import type { Prompt, PromptArgument } from './prompt.ts';

/** A prompt as `prompts/list` answers it (MCP 2025-11-25, Server Features, Prompts). */
export interface PromptDefinition {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly arguments: readonly Omit<PromptArgument, 'accepts'>[];
}

export function promptDefinition({ name, title, description, arguments: all }: Prompt): PromptDefinition {
  return {
    name,
    title,
    description,
    arguments: all.map((argument) => ({
      name: argument.name,
      description: argument.description,
      required: argument.required,
    })),
  };
}

/** The prompts that an agent can follow with the tools of these names. */
export function followable<P extends Pick<Prompt, 'tools'>>(
  prompts: readonly P[],
  tools: readonly string[],
): readonly P[] {
  return prompts.filter((prompt) => prompt.tools.every((tool) => tools.includes(tool)));
}
