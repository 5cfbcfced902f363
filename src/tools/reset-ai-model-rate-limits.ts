// The tool that sets the limits of a project back to those of its organization.

import * as z from 'zod/v4';
import { resetRateLimits, type LimitContext, type RateLimitReset } from '../keys/rate-limits.ts';
import { groupId, limitScope, modelGroupName, type Defaults } from './parameter.ts';
import { limitsSchema, rateLimitSchema, resultSchema } from './result-schema.ts';
import { counted } from '../text/text.ts';
import { defineTool, type Tool } from './tool.ts';
import { ok } from '../failure.ts';

const output = () =>
  resultSchema(['reset'], {
    rateLimits: z.array(rateLimitSchema().extend({ previous: limitsSchema().optional() })),
  });

export function resetAiModelRateLimits(context: LimitContext & Defaults): Tool {
  return defineTool({
    name: 'reset_ai_model_rate_limits',
    title: 'Reset AI model rate limits',
    description:
      "Set a project's limits on requests and tokens per minute to the organization's values, for one group of models or for all of them; answers the limits before and after. " +
      'Use it when a project should have what its organization allows: limits that were lower go up. The user may be asked to confirm.',
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: true },
    input: () =>
      z.strictObject({
        groupId: groupId(context),
        modelGroupName: modelGroupName().optional().describe('Group of models; default all'),
        ...limitScope(),
      }),
    output,
    keyStateOfRefusal: 'not_applicable',
    subject: ({ groupId }) => ({ groupId }),
    async handle(request, call) {
      const reset = await resetRateLimits(context, request, call);
      if (!reset.ok) return reset;
      const rateLimits = reset.value;
      return ok({
        structured: { outcome: 'reset', rateLimits },
        summary: `Set ${counted(rateLimits.length, 'rate limit')} to the values of the organization; ${changedOf(rateLimits)} changed.`,
      });
    },
  });
}

function changedOf(rateLimits: readonly RateLimitReset[]): number {
  return rateLimits.filter(
    ({ previous, requestsPerMinuteLimit, tokensPerMinuteLimit }) =>
      previous?.requestsPerMinuteLimit !== requestsPerMinuteLimit ||
      previous?.tokensPerMinuteLimit !== tokensPerMinuteLimit,
  ).length;
}
