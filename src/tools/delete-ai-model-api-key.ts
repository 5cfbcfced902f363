// The tool that deletes a key. The caller must give its name too.

import * as z from 'zod/v4';
import { deleteKey, type DeleteContext } from '../keys/delete.ts';
import { confirmName, dryRun, groupId, optionalKeyId, type Defaults } from './parameter.ts';
import { planFields, resultSchema, shownKeySchema } from './result-schema.ts';
import { dryRunOf, quoted } from './result-text.ts';
import { defineTool, type Tool } from './tool.ts';
import { ok } from '../failure.ts';

const output = () =>
  resultSchema(['deleted', 'planned'], {
    key: shownKeySchema(),
    ...planFields(),
    warnings: z.array(z.string()),
  });

export function deleteAiModelApiKey(context: DeleteContext & Defaults): Tool {
  return defineTool({
    name: 'delete_ai_model_api_key',
    title: 'Delete AI model API key',
    description:
      'Delete an AI model API key for good: whatever still uses it is refused from then on. ' +
      'Use it when nobody needs the key any more; rotate one that leaked and is still needed. The user may be asked to confirm.',
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: true },
    input: () =>
      z.strictObject({
        groupId: groupId(context),
        apiKeyId: optionalKeyId('confirmName'),
        confirmName: confirmName(),
        dryRun: dryRun(),
      }),
    output,
    keyStateOfRefusal: 'not_applicable',
    subject: ({ groupId, apiKeyId }) => ({ groupId, apiKeyId }),
    async handle(request, call) {
      const done = await deleteKey(context, request, call);
      if (!done.ok) return done;
      const { outcome, key, warnings } = done.value;
      const name = quoted(key.name);
      return ok({
        structured: {
          outcome,
          key,
          ...(outcome === 'planned' && dryRunOf.delete),
          ...(warnings.length > 0 && { warnings }),
        },
        summary:
          outcome === 'deleted'
            ? `Deleted the key ${name}.`
            : `Nothing was deleted. The key ${name} would be, for good.`,
        subject: { apiKeyId: key.apiKeyId },
      });
    },
  });
}
