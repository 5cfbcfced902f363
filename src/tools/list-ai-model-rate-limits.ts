// The tool that lists the rate limits of a project or an organization.

import * as z from 'zod/v4';
import { listRateLimits } from '../keys/rate-limits.ts';
import { listResult, rateLimitCells } from './result-text.ts';
import { chooseScope, limitScope, modelGroupName, scopeOf, subjectOf, type Defaults } from './parameter.ts';
import { rateLimitSchema, resultSchema } from './result-schema.ts';
import { defineTool, type Tool } from './tool.ts';
import { ok } from '../failure.ts';
import type { KeyContext } from '../keys/find-key.ts';

const output = () =>
  resultSchema(['listed'], {
    rateLimits: z.array(rateLimitSchema()),
  });

export function listAiModelRateLimits(context: KeyContext & Defaults): Tool {
  return defineTool({
    name: 'list_ai_model_rate_limits',
    title: 'List AI model rate limits',
    description:
      'List the limits of a project, or the maxima of an organization, on requests and tokens per minute for each group of models. ' +
      'Use it to see what a project may use, or why calls to a model are refused.',
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
    input: () => z.strictObject({ ...scopeOf(context), modelGroupName: modelGroupName().optional(), ...limitScope() }),
    output,
    keyStateOfRefusal: 'not_applicable',
    subject: (asked) => subjectOf(asked, context),
    async handle({ groupId, orgId, ...choice }, call) {
      const scope = chooseScope({ groupId, orgId }, context);
      if (!scope.ok) return scope;
      const listed = await listRateLimits(context, { scope: scope.value, ...choice }, call);
      if (!listed.ok) return listed;
      return ok(listResult({ field: 'rateLimits', noun: 'rate limit', rows: listed.value, cells: rateLimitCells }));
    },
  });
}
