// Reads the results of create_ai_model_api_key as an agent does: once from structuredContent, once from the text.

import { type CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod/v4';

const result = z.object({
  outcome: z.string(),
  key: z.object({ apiKeyId: z.string(), name: z.string(), maskedSecret: z.string() }).partial().optional(),
  delivery: z
    .object({
      sink: z.string(),
      kind: z.string(),
      location: z.string(),
      entry: z.string().optional(),
      verification: z.string(),
      fingerprint: z.string().optional(),
      secret: z.string().optional(),
    })
    .optional(),
  warnings: z.array(z.string()).optional(),
  error: z
    .object({
      code: z.string(),
      message: z.string(),
      hint: z.string(),
      keyState: z.string(),
      retryable: z.boolean(),
      retryAfterSeconds: z.number().optional(),
      apiKeyId: z.string().optional(),
      atlas: z.looseObject({ status: z.number() }).optional(),
    })
    .optional(),
});

export type Result = z.output<typeof result>;

export function structuredOf(called: CallToolResult): Result {
  return result.parse(called.structuredContent);
}

/** What went wrong, and with it what may be said of the key. */
export function errorOf(called: CallToolResult): NonNullable<Result['error']> {
  const { error } = structuredOf(called);
  if (!error) throw new Error('the call did not fail');
  return error;
}

/** What a host shows that passes on only `content`. */
export function textOf(called: CallToolResult): string {
  return called.content.map((part) => (part.type === 'text' ? part.text : '')).join('\n');
}
