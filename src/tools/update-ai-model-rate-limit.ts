// The tool that sets the limits of a project on one group of models.

import * as z from 'zod/v4';
import { LARGEST_LIMIT, type Limits } from '../atlas/api/limits.ts';
import { updateRateLimit, type LimitContext, type RateLimitUpdated } from '../keys/rate-limits.ts';
import { groupId, limitScope, modelGroupName, type Defaults } from './parameter.ts';
import { limitsSchema, rateLimitSchema, resultSchema } from './result-schema.ts';
import { quoted } from './result-text.ts';
import { defineTool, type Tool } from './tool.ts';
import { ok } from '../failure.ts';

const limit = () => z.int().min(1).max(LARGEST_LIMIT).optional();

const LIMITS: readonly (readonly [name: keyof Limits, noun: string])[] = [
  ['requestsPerMinuteLimit', 'requests per minute'],
  ['tokensPerMinuteLimit', 'tokens per minute'],
];

const output = () =>
  resultSchema(['updated'], {
    rateLimit: rateLimitSchema(),
    previous: limitsSchema(),
  });

export function updateAiModelRateLimit(context: LimitContext & Defaults): Tool {
  return defineTool({
    name: 'update_ai_model_rate_limit',
    title: 'Update AI model rate limit',
    description:
      'Set the requests or tokens per minute that a project may use of a group of models, at most those of its organization; answers the limits before and after. ' +
      'Use it to raise or lower a limit. A number that is left out stays as it is.',
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
    input: () =>
      z
        .strictObject({
          groupId: groupId(context),
          modelGroupName: modelGroupName(),
          requestsPerMinuteLimit: limit(),
          tokensPerMinuteLimit: limit(),
          ...limitScope(),
        })
        .refine((given) => LIMITS.some(([name]) => given[name] !== undefined), {
          error: 'requestsPerMinuteLimit or tokensPerMinuteLimit is required',
        }),
    output,
    keyStateOfRefusal: 'not_applicable',
    subject: ({ groupId }) => ({ groupId }),
    async handle(request, call) {
      const updated = await updateRateLimit(context, request, call);
      if (!updated.ok) return updated;
      return ok({ structured: { outcome: 'updated', ...updated.value }, summary: sentenceOf(updated.value) });
    },
  });
}

/** Before and after, so that a caller who wanted to raise a limit sees that it was lowered. */
function sentenceOf({ rateLimit, previous }: RateLimitUpdated): string {
  const changes = LIMITS.map(([name, noun]) => `${noun} ${changed(previous[name], rateLimit[name])}`);
  return `The limits of ${quoted(rateLimit.modelGroupName ?? '')}: ${changes.join(', ')}.`;
}

function changed(before: number | undefined, after: number | undefined): string {
  if (after === undefined) return 'not known';
  if (before === undefined) return `set to ${after}`;
  if (before === after) return `stays ${after}`;
  return `${after < before ? 'lowered' : 'raised'} from ${before} to ${after}`;
}
