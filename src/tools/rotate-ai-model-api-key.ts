// The tool that replaces an old key by a new one.

import * as z from 'zod/v4';
import type { Rotated } from '../keys/retire.ts';
import { rotateKey, type RotateContext, type RotationPlanned } from '../keys/rotate.ts';
import type { CreateToolContext } from './create-ai-model-api-key.ts';
import { confirmName, dryRun, entryName, groupId, keyName, optionalKeyId, sinkParameter } from './parameter.ts';
import { delivery, keySchema, planFields, resultSchema } from './result-schema.ts';
import { dryRunOf, howVerified, quoted } from './result-text.ts';
import { defineTool, type Answer, type Tool } from './tool.ts';
import { ok } from '../failure.ts';

export type RotateToolContext = RotateContext & CreateToolContext;

export function rotateAiModelApiKey(context: RotateToolContext): Tool {
  return defineTool({
    name: 'rotate_ai_model_api_key',
    title: 'Rotate AI model API key',
    description:
      'Replace an AI model API key: create a new one of the same scope, put its secret in the place of the old secret in a sink, verify that, and only then delete the old key. ' +
      'Use it when a key should be renewed or may have leaked. If a step fails, the old key stays. The user may be asked to confirm.',
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
    input: () => inputSchema(context),
    output: () => outputSchema(context),
    keyStateOfRefusal: 'not_created',
    subject: ({ groupId, apiKeyId, sink }) => ({ groupId, apiKeyId, sink }),
    async handle(request, call) {
      const rotated = await rotateKey(context, request, call);
      return rotated.ok ? ok(answer(rotated.value)) : rotated;
    },
  });
}

function inputSchema(context: RotateToolContext) {
  return z.strictObject({
    groupId: groupId(context),
    apiKeyId: optionalKeyId('confirmName'),
    confirmName: confirmName(),
    sink: sinkParameter(context, 'Where the old secret is, if not where this server put it'),
    entry: entryName(context, 'Its name there; default as it was, or made from the name'),
    newName: keyName().optional().describe('Default: the old name, once it is free'),
    keepOld: z.boolean().default(false).describe('Keep the old key'),
    dryRun: dryRun(),
  });
}

function outputSchema({ allowInlineSecret }: RotateToolContext) {
  return resultSchema(['rotated', 'planned'], {
    key: keySchema().partial({ groupId: true }),
    delivery: delivery(allowInlineSecret),
    oldKey: z.strictObject({ apiKeyId: z.string(), name: z.string(), state: z.enum(['deleted', 'kept']).optional() }),
    ...planFields(),
    warnings: z.array(z.string()),
  });
}

function answer(outcome: Rotated | RotationPlanned): Answer {
  const { key, delivery, oldKey, warnings } = outcome;
  const plan = outcome.outcome === 'planned' && dryRunOf.rotate;
  const structured = {
    outcome: outcome.outcome,
    key,
    delivery,
    oldKey,
    ...plan,
    ...(warnings.length > 0 && { warnings }),
  };
  const old = `the old key ${quoted(oldKey.name)} (${oldKey.apiKeyId})`;
  return {
    structured,
    summary:
      outcome.outcome === 'planned'
        ? `Nothing was changed. A new secret would go to ${delivery.location}, in the place of that of ${old}; notChecked says what only a rotation shows.`
        : `Rotated. The new secret is delivered to ${delivery.location} (${howVerified[delivery.verification]}); ${old} is ${outcome.oldKey.state}.`,
    subject: { apiKeyId: oldKey.apiKeyId, sink: delivery.sink },
  };
}
