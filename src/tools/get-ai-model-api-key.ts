// The tool that shows one key.

import * as z from 'zod/v4';
import { undeliveredOf } from '../keys/undelivered.ts';
import type { KeyListContext } from '../keys/lists.ts';
import { apiKeyId, chooseScope, exactName, scopeOf, subjectOf, type Defaults } from './parameter.ts';
import { resultSchema, shownKeySchema } from './result-schema.ts';
import { lastUse, quoted } from './result-text.ts';
import { defineTool, type Tool } from './tool.ts';
import { ok } from '../failure.ts';
import { findKeyIn } from '../keys/refusals.ts';

const output = resultSchema(['found'], {
  key: shownKeySchema,
});

export function getAiModelApiKey(context: KeyListContext & Defaults): Tool {
  return defineTool({
    name: 'get_ai_model_api_key',
    title: 'Get AI model API key',
    description:
      'Show one AI model API key by its id or exact name: name, mask, status, when made, by whom, when last used, scope and endpoint. ' +
      'Use it for the present state of a known key. The secret cannot be read again.',
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
    input: z.strictObject({ ...scopeOf(context), apiKeyId: apiKeyId.optional(), name: exactName }),
    output,
    keyStateOfRefusal: 'not_applicable',
    subject: ({ apiKeyId, ...asked }) => ({
      ...subjectOf(asked, context),
      ...(apiKeyId !== undefined && { apiKeyId }),
    }),
    async handle({ apiKeyId, name, ...asked }, call) {
      const scope = chooseScope(asked, context);
      if (!scope.ok) return scope;
      const found = await findKeyIn(context, scope.value, { apiKeyId, name }, call);
      if (!found.ok) return found;
      const kept = await context.journal.read();
      const undelivered = undeliveredOf(found.value, kept.ok ? kept.value : undefined);
      const key = { ...found.value, ...(undelivered && { undelivered }) };
      return ok({
        structured: { outcome: 'found', key },
        summary: `The key ${quoted(key.name)}, ${lastUse(key)}${undelivered ? ', not delivered' : ''}.`,
      });
    },
  });
}
