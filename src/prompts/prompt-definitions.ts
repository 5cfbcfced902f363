// What hosts are shown of every prompt. The build runs this file and bundles the result instead, as with tools/tool-definitions.ts.

import { PROMPTS, type Prompt } from './prompts.ts';

/** A prompt as `prompts/list` answers it (MCP 2025-11-25, Server Features, Prompts). */
export interface PromptDefinition extends Pick<Prompt, 'name' | 'title' | 'description'> {
  readonly arguments: readonly Pick<Prompt['arguments'][number], 'name' | 'description' | 'required'>[];
}

interface Followed {
  readonly definition: PromptDefinition;
  /** The tools that it needs. */
  readonly tools: readonly string[];
}

export const promptDefinitions: readonly Followed[] = PROMPTS.map(({ tools, ...prompt }) => ({
  definition: {
    name: prompt.name,
    title: prompt.title,
    description: prompt.description,
    arguments: prompt.arguments.map(({ name, description, required }) => ({ name, description, required })),
  },
  tools,
}));
