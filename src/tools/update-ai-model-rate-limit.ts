// The tool that sets the limits of a project on one group of models.

import * as z from 'zod/v4';
import { updateRateLimit, type LimitContext } from '../provisioning/rate-limits.ts';
import { groupId, modelGroupName, type Defaults } from './parameter.ts';
import { errorSchema, limitsSchema, rateLimitSchema } from './result-schema.ts';
import { quoted } from './sentence.ts';
import { defineTool, failedResult, type Tool } from './tool.ts';

const limit = z.int().min(1);

const output = z.strictObject({
  outcome: z.enum(['updated', 'failed']),
  rateLimit: rateLimitSchema.optional(),
  previous: limitsSchema.optional(),
  error: errorSchema.optional(),
});

export function updateAiModelRateLimit(context: LimitContext & Defaults): Tool {
  return defineTool({
    name: 'update_ai_model_rate_limit',
    title: 'Update AI model rate limit',
    description:
      'Set the requests and tokens per minute that a project may use of a group of models, at most those of its organization; answers the limits before and after. ' +
      'Use it to raise or lower a limit; to keep one of the numbers, pass it as it is.',
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
    input: z.strictObject({
      groupId: groupId(context),
      modelGroupName,
      requestsPerMinuteLimit: limit,
      tokensPerMinuteLimit: limit,
    }),
    output,
    keyStateOfRefusal: 'not_applicable',
    async handle(request, call) {
      const subject = { groupId: request.groupId };
      const updated = await updateRateLimit(context, request, call);
      if (updated.outcome === 'failed') return failedResult(updated.failure, subject);
      const { rateLimit, previous } = updated;
      return {
        isError: false,
        outcome: 'updated',
        structured: { outcome: 'updated', rateLimit, previous },
        summary: `Set the limits of ${quoted(rateLimit.modelGroupName)}.`,
        subject,
      };
    },
  });
}
