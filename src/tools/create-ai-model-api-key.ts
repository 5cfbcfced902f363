// The tool that creates a key and hands its secret to a sink.

import * as z from 'zod/v4';
import { createKey, type CreateRequest } from '../keys/create.ts';
import type { CreateContext } from '../keys/create-and-deliver.ts';
import type { ConsentPolicy } from '../keys/consent.ts';
import type { ConfiguredSinks, Delivered, Planned } from '../keys/sink-choice.ts';
import { dryRun, entryName, groupId, keyName, sinkParameter, type Defaults } from './parameter.ts';
import { delivery, keySchema, planFields, resultSchema } from './result-schema.ts';
import { dryRunOf, howVerified } from './result-text.ts';
import { NEW_SECRET_SINK } from './tool-definition.ts';
import { defineTool, type Answer, type Tool } from './tool.ts';
import { ok } from '../failure.ts';

export interface CreateToolContext extends CreateContext, Defaults, Partial<ConsentPolicy> {
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
    input: () => keyParameters(context, true).extend({ dryRun: dryRun() }),
    output: () => createdSchema(context.allowInlineSecret),
    keyStateOfRefusal: 'not_created',
    subject: ({ groupId, sink }) => ({ groupId, sink }),
    async handle(request, control) {
      const created = await createKey(context, request, control);
      return created.ok ? ok(createdAnswer(request, created.value)) : created;
    },
  });
}

/** Any word: Atlas decides which there are. Hosts are not shown the form, since they pay for each byte. */
const keyScope = (what: string) =>
  z
    .string()
    .refine((word) => /^[A-Za-z0-9_-]{1,40}$/.test(word), {
      error: 'must be one word of letters, digits, dashes or underscores',
    })
    .default('ANY')
    .describe(what);

/** What is said of the key that is to be. `isTeller` as of {@link sinkParameter}. */
export function keyParameters(context: ConfiguredSinks & Defaults, isTeller = false) {
  return z.strictObject({
    groupId: groupId(context),
    name: keyName(),
    sink: sinkParameter(context, NEW_SECRET_SINK, isTeller),
    entry: entryName(context, 'Name of the secret there; default made from name'),
    cloud: keyScope('Cannot be changed, nor geography'),
    geography: keyScope('Where requests are processed, such as eu or us'),
  });
}

export function createdSchema(allowInlineSecret: boolean) {
  return resultSchema(['delivered', 'planned'], {
    key: keySchema(),
    delivery: delivery(allowInlineSecret),
    ...planFields(),
    warnings: z.array(z.string()),
  });
}

export function createdAnswer(
  { groupId, name, cloud, geography }: Omit<CreateRequest, 'dryRun'>,
  outcome: Delivered | Planned,
): Answer {
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
      // Only a simulated endpoint has a port.
      const scheme = key.endpoint?.includes(':') === true ? 'http' : 'https';
      const endpoint = key.endpoint === undefined ? '' : ` The key belongs to ${scheme}://${key.endpoint}/v1.`;
      return {
        structured: { outcome: 'delivered', key, delivery, ...(warnings.length > 0 && { warnings }) },
        summary: `Created, and delivered to ${delivery.location} (${howVerified[delivery.verification]}).${endpoint}`,
        subject: { apiKeyId: key.apiKeyId, sink: delivery.sink },
      };
    }
  }
}
