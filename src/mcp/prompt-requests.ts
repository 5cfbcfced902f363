// Answers the requests about prompts: which there are, one of them filled in, and the completion of its arguments.

import type { Server } from '@modelcontextprotocol/sdk/server/index.js';
import {
  type CompleteRequest,
  CompleteRequestSchema,
  ErrorCode,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import type { Prompts } from '../prompts/prompt-catalog.ts';
import { promptDefinition } from '../prompts/prompt-definition.ts';
import type { Log } from '../secret/redacted-output.ts';
import { classOf } from '../text/error-class.ts';

interface PromptRequests {
  readonly prompts: Prompts;
  readonly log: Log;
  /** Aborted when the server stops. */
  readonly stopping: AbortSignal;
}

// eslint-disable-next-line @typescript-eslint/no-deprecated -- as in server.ts
export function servePrompts(server: Server, requests: PromptRequests): void {
  const { prompts } = requests;
  server.setRequestHandler(ListPromptsRequestSchema, () => ({ prompts: prompts.offered.map(promptDefinition) }));
  server.setRequestHandler(GetPromptRequestSchema, ({ params }) => {
    const prompt = prompts.find(params.name);
    if (!prompt) throw invalidParams(unknownPrompt(prompts));
    const filled = prompt.fill(params.arguments ?? {});
    if (!filled.ok) throw invalidParams(filled.failure);
    const content = { type: 'text' as const, text: filled.value };
    return { description: prompt.description, messages: [{ role: 'user' as const, content }] };
  });
  server.setRequestHandler(CompleteRequestSchema, async ({ params }) => ({
    completion: { ...(await completeSafely(requests, params)) },
  }));
}

function unknownPrompt({ offered }: Prompts): string {
  return offered.length === 0
    ? 'Unknown prompt. This server offers none, since the operator does not offer the tools for it.'
    : `Unknown prompt. There are: ${offered.map(({ name }) => name).join(', ')}.`;
}

/** A person who types is told nothing rather than an error. */
async function completeSafely(
  { prompts, log, stopping }: PromptRequests,
  { ref, argument: { name, value }, context }: CompleteRequest['params'],
) {
  const nothing = { values: [], total: 0, hasMore: false };
  if (ref.type !== 'ref/prompt') return nothing;
  try {
    return await prompts.complete(ref.name, { argument: name, value, others: context?.arguments ?? {} }, stopping);
  } catch (error) {
    log('error', `completion: INTERNAL (${classOf(error)})`);
    return nothing;
  }
}

/** Not the SDK's McpError, which begins its message with the code: the host's own does so again. */
export function invalidParams(message: string): Error {
  return Object.assign(new Error(message), { code: ErrorCode.InvalidParams });
}
