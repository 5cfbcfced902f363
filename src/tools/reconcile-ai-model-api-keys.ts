// The tool that finds creates that did not finish and, when asked to, completes or deletes their keys.

import * as z from 'zod/v4';
import { reconcile, type ReconcileContext, type Stray } from '../keys/reconcile.ts';
import { resultSchema } from './result-schema.ts';
import { quoted } from './result-text.ts';
import { defineTool, type Tool } from './tool.ts';
import { ok } from '../failure.ts';

const output = () =>
  resultSchema(['reconciled'], {
    creates: z.array(
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
    ),
    others: z.array(
      z.strictObject({
        groupId: z.string(),
        apiKeyId: z.string(),
        name: z.string(),
        ageSeconds: z.number().optional(),
        inUse: z.boolean(),
      }),
    ),
  });

export function reconcileAiModelApiKeys(context: ReconcileContext): Tool {
  return defineTool({
    name: 'reconcile_ai_model_api_keys',
    title: 'Reconcile AI model API keys',
    description:
      'Find creates and rotations that this server did not finish, and say what is true of each key: delivered, orphan (alive, never used, in no sink), gone, or unknown. ' +
      'Use it when a result says so. With apply, delivered keys are named and orphans deleted; the user may be asked.',
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: true },
    input: () => z.strictObject({ apply: z.boolean().default(false).describe('Complete or delete their keys') }),
    output,
    keyStateOfRefusal: 'not_applicable',
    async handle({ apply }, call) {
      const reconciled = await reconcile(context, apply, call);
      if (!reconciled.ok) return reconciled;
      const { creates, others } = reconciled.value;
      const lines = creates.map(
        ({ name, finding, apiKeyIds }) =>
          `${quoted(name)}: ${finding}${apiKeyIds.length > 0 ? ` (${apiKeyIds.join(', ')})` : ''}`,
      );
      const own = lines.length === 0 ? 'Every create has finished.' : `Unfinished creates: ${lines.join('; ')}.`;
      return ok({
        structured: { outcome: 'reconciled', creates, ...(others.length > 0 && { others }) },
        summary: [own, ...others.map(strayLine)].join(' '),
      });
    },
  });
}

function strayLine({ name, apiKeyId, ageSeconds, inUse }: Stray): string {
  const age = ageSeconds === undefined ? '' : ` for ${ageSeconds} s`;
  const use = inUse ? ', and is in use' : '';
  return `The key ${quoted(name)} (${apiKeyId}) of another machine is undelivered${age}${use}; nothing is done about it.`;
}
