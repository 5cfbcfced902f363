// The tool that shows one key.

import * as z from 'zod/v4';
import { undeliveredOf } from '../provisioning/delivery/leftovers.ts';
import { getModelKey } from '../provisioning/keys/known-key.ts';
import type { KeyListContext } from '../provisioning/lists/key-list.ts';
import { apiKeyId, chooseScope, scopeOf, subjectOf, type Defaults } from './parameter.ts';
import { errorSchema, shownKeySchema } from './result-schema.ts';
import { quoted, shown } from './sentence.ts';
import { defineTool, failedResult, type Tool } from './tool.ts';

const output = z.strictObject({
  outcome: z.enum(['found', 'failed']),
  key: shownKeySchema.optional(),
  error: errorSchema.optional(),
});

export function getAiModelApiKey(context: KeyListContext & Defaults): Tool {
  return defineTool({
    name: 'get_ai_model_api_key',
    title: 'Get AI model API key',
    description:
      'Show one AI model API key by its id: name, mask, status, when made, by whom, when last used, scope and endpoint. ' +
      'Use it for the present state of a key whose id is known. The secret cannot be had again.',
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
    input: z.strictObject({ ...scopeOf(context), apiKeyId }),
    output,
    keyStateOfRefusal: 'not_applicable',
    async handle({ groupId, orgId, apiKeyId }, call) {
      const scope = chooseScope({ groupId, orgId }, context);
      if ('code' in scope) return failedResult(scope);
      const subject = { ...subjectOf(scope), apiKeyId };
      const found = await getModelKey(context, { scope, apiKeyId }, call);
      if (found.outcome === 'failed') return failedResult(found.failure, subject);
      const undelivered = undeliveredOf(found.key, await context.journal.read());
      const key = { ...found.key, ...(undelivered && { undelivered }) };
      const use = key.lastUsedAt === null ? 'never used' : `last used ${shown(key.lastUsedAt)}`;
      return {
        isError: false,
        outcome: 'found',
        structured: { outcome: 'found', key },
        summary: `The key ${quoted(key.name)}, ${use}${undelivered ? ', not delivered' : ''}.`,
        subject,
      };
    },
  });
}
