// What hosts are shown of every prompt. The build runs this file and bundles the result instead, as with tools/tool-definitions.ts.

import { PROMPTS } from './prompts.ts';
import { promptDefinition, type PromptDefinition } from './prompt-definition.ts';

interface Followed {
  readonly definition: PromptDefinition;
  /** The tools that it needs. */
  readonly tools: readonly string[];
}

export const promptDefinitions: readonly Followed[] = PROMPTS.map((prompt) => ({
  definition: promptDefinition(prompt),
  tools: prompt.tools,
}));
