// The tool that takes the limits of a project back to those of its organization.

import * as z from 'zod/v4';
import { resetRateLimits, type LimitContext } from '../provisioning/rate-limits.ts';
import { groupId, modelGroupName, type Defaults } from './parameter.ts';
import { errorSchema, limitsSchema, rateLimitSchema } from './result-schema.ts';
import { counted } from './sentence.ts';
import { defineTool, failedResult, type Tool } from './tool.ts';

const output = z.strictObject({
  outcome: z.enum(['reset', 'failed']),
  rateLimits: z.array(rateLimitSchema.extend({ previous: limitsSchema.optional() })).optional(),
  error: errorSchema.optional(),
});

export function resetAiModelRateLimits(context: LimitContext & Defaults): Tool {
  return defineTool({
    name: 'reset_ai_model_rate_limits',
    title: 'Reset AI model rate limits',
    description:
      "Take a project's limits on requests and tokens per minute back to the organization's, for one group of models or for all of them; answers the limits before and after. " +
      "Use it to undo changes of a project's limits. The user may be asked to confirm.",
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: true },
    input: z.strictObject({
      groupId: groupId(context),
      modelGroupName: modelGroupName.optional().describe('Group of models; default all'),
    }),
    output,
    keyStateOfRefusal: 'not_applicable',
    async handle(request, call) {
      const subject = { groupId: request.groupId };
      const reset = await resetRateLimits(context, request, call);
      if (reset.outcome === 'failed') return failedResult(reset.failure, subject);
      const { rateLimits } = reset;
      return {
        isError: false,
        outcome: 'reset',
        structured: { outcome: 'reset', rateLimits },
        summary: `Reset ${counted(rateLimits.length, 'rate limit')}.`,
        subject,
      };
    },
  });
}
