// The tool that finds creates which never came to an end, and deletes their orphans when asked to.

import * as z from 'zod/v4';
import { reconcile, type ReconcileContext } from '../provisioning/reconcile.ts';
import { errorSchema } from './result-schema.ts';
import { defineTool, failedResult, type Tool } from './tool.ts';

const output = z.strictObject({
  outcome: z.enum(['reconciled', 'failed']),
  creates: z
    .array(
      z.strictObject({
        groupId: z.string(),
        name: z.string(),
        sink: z.string(),
        entry: z.string().optional(),
        openedAt: z.string(),
        finding: z.enum(['under_way', 'delivered', 'orphan', 'deleted', 'gone', 'unknown']),
        apiKeyIds: z.array(z.string()),
        advice: z.string(),
      }),
    )
    .optional(),
  error: errorSchema.optional(),
});

export function reconcileAiModelApiKeys(context: ReconcileContext): Tool {
  return defineTool({
    name: 'reconcile_ai_model_api_keys',
    title: 'Reconcile AI model API keys',
    description:
      'Find creates and rotations that this server did not finish (a crash, a lost reply), and say what is true of each key: delivered after all, orphan (alive, never used, its secret in no sink), gone, or unknown. ' +
      'Use it when a result says so. With apply it deletes the orphans; without, it only reports.',
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: true },
    input: z.strictObject({ apply: z.boolean().default(false).describe('Delete orphans and close what is settled') }),
    output,
    keyStateOfRefusal: 'not_applicable',
    async handle({ apply }, { signal }) {
      const creates = await reconcile(context, apply, signal);
      if ('code' in creates) return failedResult(creates);
      const lines = creates.map(
        ({ name, finding, apiKeyIds }) =>
          `${name}: ${finding}${apiKeyIds.length > 0 ? ` (${apiKeyIds.join(', ')})` : ''}`,
      );
      return {
        isError: false,
        outcome: 'reconciled',
        structured: { outcome: 'reconciled', creates },
        summary: lines.length === 0 ? 'Every create came to an end.' : `Unfinished creates: ${lines.join('; ')}.`,
        subject: {},
      };
    },
  });
}
