// The tool that creates a key and hands its secret to a sink.

import * as z from 'zod/v4';
import { createKey, type CreateContext, type CreateRequest } from '../provisioning/create.ts';
import { type CreateOutcome } from '../provisioning/receipt.ts';
import { groupId, keyName, scope } from './parameter.ts';
import { deliverySchema, errorSchema, keySchema } from './result-schema.ts';
import { defineTool, failedResult, type Tool, type ToolResult } from './tool.ts';

export interface CreateToolContext extends CreateContext {
  /** The operator's default for `groupId`. */
  readonly projectId?: string | undefined;
  /** Whether a result may hold a secret: only when the operator allowed the inline sink. */
  readonly allowInlineSecret: boolean;
}

export function createAiModelApiKey(context: CreateToolContext): Tool {
  return defineTool({
    name: 'create_ai_model_api_key',
    title: 'Create AI model API key',
    description:
      'Create a MongoDB Atlas AI model API key (for the Voyage embedding and reranking API) in a project, and hand its secret to a sink that the operator configured. ' +
      'Use it when someone needs a new key. The result has the masked secret, where the secret was put and a fingerprint, not the secret itself; a key that could not be delivered is deleted again.',
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
    input: inputSchema(context),
    output: outputSchema(context.allowInlineSecret),
    keyStateOfRefusal: 'not_created',
    async handle(request, control) {
      return render(request, await createKey(context, request, control));
    },
  });
}

function inputSchema({ projectId, sinks, defaultSink }: CreateToolContext) {
  const names = [...sinks.keys()];
  return z.strictObject({
    groupId: groupId(projectId),
    name: keyName,
    // Checked with the destination, so that a wrong name is answered SINK_UNKNOWN with the names there are.
    sink: z
      .string()
      .optional()
      .meta({
        enum: names,
        description: `Where the secret goes${defaultSink === undefined ? '' : `; default ${defaultSink}`}`,
      }),
    entry: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, {
        error: 'must be 1-128 letters, digits, dots, dashes or underscores, beginning with a letter or digit',
      })
      .optional()
      .describe('Name of the secret within the sink; default made from name'),
    cloud: scope('Cloud provider scope; fixed for life'),
    geography: scope('Where requests are processed, such as eu or us; fixed for life'),
    dryRun: z.boolean().default(false).describe('Check everything, create nothing'),
  });
}

function outputSchema(allowInlineSecret: boolean) {
  return z.strictObject({
    outcome: z.enum(['delivered', 'planned', 'failed']),
    key: keySchema.optional(),
    delivery: (allowInlineSecret
      ? deliverySchema.extend({ secret: z.string().optional() })
      : deliverySchema
    ).optional(),
    warnings: z.array(z.string()).optional(),
    error: errorSchema.optional(),
  });
}

function render(request: CreateRequest, outcome: CreateOutcome): ToolResult {
  const { groupId, sink } = request;
  const subject = { groupId, ...(sink !== undefined && { sink }) };
  switch (outcome.outcome) {
    case 'failed':
      return failedResult(outcome.failure, subject);
    case 'planned': {
      const { name, cloud, geography } = request;
      return {
        isError: false,
        outcome: 'planned',
        structured: { outcome: 'planned', key: { name, groupId, cloud, geography }, delivery: outcome.delivery },
        summary: `Nothing was created. The name is free and the sink is ready: ${outcome.delivery.location}.`,
        subject: { ...subject, sink: outcome.delivery.sink },
      };
    }
    case 'delivered': {
      const { key, delivery, warnings } = outcome;
      const endpoint = key.endpoint === undefined ? '' : ` The key belongs to https://${key.endpoint}/v1.`;
      return {
        isError: false,
        outcome: 'delivered',
        structured: { outcome: 'delivered', key, delivery, ...(warnings.length > 0 && { warnings }) },
        summary: `Created, and delivered to ${delivery.location} (${verified[delivery.verification]}).${endpoint}`,
        subject: { groupId, apiKeyId: key.apiKeyId, sink: delivery.sink },
      };
    }
  }
}

const verified = {
  'read-back': 'verified by reading back',
  metadata: 'verified by metadata',
  none: 'not verified: the sink cannot be read',
} as const;
