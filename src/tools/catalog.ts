// All tools of this server, and which of them the operator's policy offers.

import { ConfigError } from '../config/config-error.ts';
import { refusal, type Failure } from '../provisioning/failure.ts';
import { nearest } from '../text/nearest.ts';
import { createAiModelApiKey, type CreateToolContext } from './create-ai-model-api-key.ts';
import { deleteAiModelApiKey } from './delete-ai-model-api-key.ts';
import { getAiModelApiKey } from './get-ai-model-api-key.ts';
import { listAiModelApiKeys } from './list-ai-model-api-keys.ts';
import { listAiModelRateLimits } from './list-ai-model-rate-limits.ts';
import { listProjectsTool } from './list-projects.ts';
import { listSecretSinks } from './list-secret-sinks.ts';
import { reconcileAiModelApiKeys } from './reconcile-ai-model-api-keys.ts';
import { resetAiModelRateLimits } from './reset-ai-model-rate-limits.ts';
import { rotateAiModelApiKey, type RotateToolContext } from './rotate-ai-model-api-key.ts';
import { failedResult, type Tool } from './tool.ts';
import { updateAiModelApiKey } from './update-ai-model-api-key.ts';
import { updateAiModelRateLimit } from './update-ai-model-rate-limit.ts';

export interface ToolContext extends CreateToolContext, RotateToolContext {
  readonly readOnly: boolean;
  /** Which tools there are, by name: all, or those allowed, without those denied. */
  readonly tools?: { readonly allow?: readonly string[]; readonly deny?: readonly string[] };
}

export interface Catalog {
  /** What a host is shown. */
  readonly offered: readonly Tool[];
  /** By name; a tool that is not offered because of read-only answers why. One that the operator took away is none. */
  find(name: string): Tool | undefined;
}

/** @throws ConfigError where the operator names a tool that this server does not have */
export function createCatalog(context: ToolContext): Catalog {
  const tools = chosen(toolsOf(context), context.tools ?? {});
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

function toolsOf(context: ToolContext): readonly Tool[] {
  return [
    createAiModelApiKey(context),
    rotateAiModelApiKey(context),
    deleteAiModelApiKey(context),
    updateAiModelApiKey(context),
    listAiModelApiKeys(context),
    getAiModelApiKey(context),
    listProjectsTool(context),
    listSecretSinks(context),
    listAiModelRateLimits(context),
    updateAiModelRateLimit(context),
    resetAiModelRateLimits(context),
    reconcileAiModelApiKeys(context),
  ];
}

function chosen(tools: readonly Tool[], { allow, deny = [] }: NonNullable<ToolContext['tools']>): readonly Tool[] {
  const names = tools.map(({ name }) => name);
  const unknown = [...(allow ?? []), ...deny].find((name) => !names.includes(name));
  if (unknown !== undefined) {
    const [like = ''] = nearest(unknown, names, (name) => name, 1);
    throw new ConfigError('tools', `names a tool that this server does not have; the nearest is ${like}`);
  }
  return tools.filter(({ name }) => (allow?.includes(name) ?? true) && !deny.includes(name));
}

function readOnlyRefusal({ keyStateOfRefusal }: Tool): Failure {
  return refusal(
    'READ_ONLY',
    'The operator started this server read-only.',
    'Use the tools that are listed; only the operator can change this.',
    keyStateOfRefusal,
  );
}
