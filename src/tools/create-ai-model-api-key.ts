// The tool that creates a key and hands its secret to a sink.

import * as z from 'zod/v4';
import { createKey, type CreateRequest } from '../keys/create.ts';
import type { CreateContext } from '../keys/create-and-deliver.ts';
import type { ConsentPolicy } from '../keys/consent.ts';
import type { Delivered, Planned } from '../keys/sink-choice.ts';
import { dryRun, entryName, groupId, keyName, sinkName, type Defaults } from './parameter.ts';
import { delivery, keySchema, planFields, resultSchema } from './result-schema.ts';
import { dryRunOf, howVerified } from './result-text.ts';
import { NEW_SECRET_SINK } from './tool-definition.ts';
import { defineTool, type Answer, type Tool } from './tool.ts';
import { ok } from '../failure.ts';

interface CreateToolContext extends CreateContext, Defaults, Partial<ConsentPolicy> {
  /** Whether a result may hold a secret: only when the operator allowed the inline sink. */
  readonly allowInlineSecret: boolean;
}

export function createAiModelApiKey(context: CreateToolContext): Tool {
  return defineTool({
    name: 'create_ai_model_api_key',
    title: 'Create AI model API key',
    description:
      'Create a MongoDB Atlas AI model API key (for the Voyage embedding and reranking API), and hand its secret to a sink that the operator configured. ' +
      'Use it when someone needs a new key. The result has the mask of the secret, its place and a fingerprint, not the secret itself; a key that could not be delivered is deleted again.',
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
    input: inputSchema(context),
    output: outputSchema(context.allowInlineSecret),
    keyStateOfRefusal: 'not_created',
    subject: ({ groupId, sink }) => ({ groupId, ...(sink !== undefined && { sink }) }),
    async handle(request, control) {
      const created = await createKey(context, request, control);
      return created.ok ? ok(answer(request, created.value)) : created;
    },
  });
}

/** Any word: Atlas decides which there are. */
const keyScope = (what: string) =>
  z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,40}$/, { error: 'must be one word of letters, digits, dashes or underscores' })
    .default('ANY')
    .describe(what);

function inputSchema(context: CreateToolContext) {
  return z.strictObject({
    groupId: groupId(context),
    name: keyName,
    sink: sinkName(context, NEW_SECRET_SINK),
    entry: entryName(context, 'Name of the secret within the sink; default made from name'),
    cloud: keyScope('Cloud provider; cannot be changed'),
    geography: keyScope('Where requests are processed, such as eu or us; cannot be changed'),
    dryRun,
  });
}

function outputSchema(allowInlineSecret: boolean) {
  return resultSchema(['delivered', 'planned'], {
    key: keySchema,
    delivery: delivery(allowInlineSecret),
    ...planFields,
    warnings: z.array(z.string()),
  });
}

function answer({ groupId, name, cloud, geography }: CreateRequest, outcome: Delivered | Planned): Answer {
  switch (outcome.outcome) {
    case 'planned': {
      return {
        structured: {
          outcome: 'planned',
          key: { name, groupId, cloud, geography },
          delivery: outcome.delivery,
          ...dryRunOf.create,
          ...(outcome.warnings.length > 0 && { warnings: outcome.warnings }),
        },
        summary: `Nothing was created. The secret would go to ${outcome.delivery.location}; notChecked says what only a create shows.`,
        subject: { sink: outcome.delivery.sink },
      };
    }
    case 'delivered': {
      const { key, delivery, warnings } = outcome;
      const endpoint = key.endpoint === undefined ? '' : ` The key belongs to https://${key.endpoint}/v1.`;
      return {
        structured: { outcome: 'delivered', key, delivery, ...(warnings.length > 0 && { warnings }) },
        summary: `Created, and delivered to ${delivery.location} (${howVerified[delivery.verification]}).${endpoint}`,
        subject: { apiKeyId: key.apiKeyId, sink: delivery.sink },
      };
    }
  }
}
