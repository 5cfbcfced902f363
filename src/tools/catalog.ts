// All tools of this server, and which of them the operator's policy offers.

import { refusal, type Failure } from '../provisioning/failure.ts';
import { createAiModelApiKey, type CreateToolContext } from './create-ai-model-api-key.ts';
import { listSecretSinks } from './list-secret-sinks.ts';
import { reconcileAiModelApiKeys } from './reconcile-ai-model-api-keys.ts';
import { failedResult, type Tool } from './tool.ts';

export interface ToolContext extends CreateToolContext {
  readonly readOnly: boolean;
}

export interface Catalog {
  /** What a host is shown. */
  readonly offered: readonly Tool[];
  /** By name; a tool that exists and is not offered answers why. */
  find(name: string): Tool | undefined;
}

export function createCatalog(context: ToolContext): Catalog {
  const tools = [createAiModelApiKey(context), listSecretSinks(context), reconcileAiModelApiKeys(context)];
  const isOffered = (tool: Tool) => !context.readOnly || tool.annotations.readOnlyHint;
  return {
    offered: tools.filter(isOffered),
    find(name) {
      const tool = tools.find((candidate) => candidate.name === name);
      return tool && !isOffered(tool)
        ? { ...tool, call: () => Promise.resolve(failedResult(readOnlyRefusal(tool))) }
        : tool;
    },
  };
}

function readOnlyRefusal({ keyStateOfRefusal }: Tool): Failure {
  return refusal(
    'READ_ONLY',
    'The operator started this server read-only.',
    'Use the tools that are listed; only the operator can change this.',
    keyStateOfRefusal,
  );
}
