// The tool that renames a key. Nothing else of a key can be changed.

import * as z from 'zod/v4';
import { renameKey, type RenameContext } from '../keys/rename.ts';
import { apiKeyId, exactName, groupId, keyName, type Defaults } from './parameter.ts';
import { resultSchema, shownKeySchema } from './result-schema.ts';
import { quoted } from './result-text.ts';
import { defineTool, type Tool } from './tool.ts';
import { ok } from '../failure.ts';

const output = () =>
  resultSchema(['updated'], {
    key: shownKeySchema(),
    previousName: z.string(),
  });

export function updateAiModelApiKey(context: RenameContext & Defaults): Tool {
  return defineTool({
    name: 'update_ai_model_api_key',
    title: 'Rename AI model API key',
    description:
      'Rename an AI model API key. Use it when a name no longer fits. Its secret stays valid, and where the secret was put is not touched; the scope of a key cannot be changed.',
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
    input: () =>
      z.strictObject({
        groupId: groupId(context),
        apiKeyId: apiKeyId().optional(),
        currentName: exactName(),
        name: keyName().describe('New name, unique in the project'),
      }),
    output,
    keyStateOfRefusal: 'not_applicable',
    subject: ({ groupId, apiKeyId }) => ({ groupId, apiKeyId }),
    async handle(request, call) {
      const renamed = await renameKey(context, request, call);
      if (!renamed.ok) return renamed;
      const { key, previousName } = renamed.value;
      return ok({
        structured: { outcome: 'updated', key, previousName },
        summary: `Renamed from ${quoted(previousName)} to ${quoted(key.name)}.`,
        subject: { apiKeyId: key.apiKeyId, previousName },
      });
    },
  });
}
