// The tool that shows one key.

import * as z from 'zod/v4';
import { findKeyIn } from '../keys/find-key.ts';
import { undeliveredOf } from '../keys/refusals.ts';
import { placesOfKey, type SecretDelivered, type SinkCheckContext } from '../keys/check-sinks.ts';
import { apiKeyId, chooseScope, exactName, scopeOf, subjectOf, type Defaults } from './parameter.ts';
import { resultSchema, seenPlace, shownKeySchema } from './result-schema.ts';
import { lastUse, quoted } from './result-text.ts';
import { defineTool, type Tool } from './tool.ts';
import { ok } from '../failure.ts';

const output = () =>
  resultSchema(['found'], {
    key: shownKeySchema(),
    delivered: z.array(
      z.strictObject({
        ...seenPlace(),
        at: z.string().optional(),
        holds: z.enum(['it', 'another value', 'nothing', 'unreadable']),
      }),
    ),
  });

export function getAiModelApiKey(context: SinkCheckContext & Defaults): Tool {
  return defineTool({
    name: 'get_ai_model_api_key',
    title: 'Get AI model API key',
    description:
      'Show one AI model API key by its id or exact name: name, mask, status, when made, by whom, when last used, scope and endpoint, ' +
      'and where this server put its secret, which is never shown. Use it for the present state of a known key.',
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
    input: () => z.strictObject({ ...scopeOf(context), apiKeyId: apiKeyId().optional(), name: exactName() }),
    output,
    keyStateOfRefusal: 'not_applicable',
    subject: ({ apiKeyId, ...asked }) => ({ ...subjectOf(asked, context), apiKeyId }),
    async handle({ apiKeyId, name, ...asked }, call) {
      const scope = chooseScope(asked, context);
      if (!scope.ok) return scope;
      const found = await findKeyIn(context, scope.value, { apiKeyId, name }, call);
      if (!found.ok) return found;
      const kept = await context.journal.read();
      const undelivered = undeliveredOf(found.value, kept.ok ? kept.value : undefined);
      const key = { ...found.value, ...(undelivered && { undelivered }) };
      const groupId = 'groupId' in scope.value ? scope.value.groupId : key.groupId;
      const delivered = groupId === undefined ? [] : await placesOfKey(context, groupId, found.value);
      return ok({
        structured: { outcome: 'found', key, ...(delivered.length > 0 && { delivered }) },
        summary: `The key ${quoted(key.name)}, ${lastUse(key)}${undelivered ? ', not delivered' : ''}.${delivered.map(placeText).join('')}`,
      });
    },
  });
}

function placeText({ sink, location, at, holds }: SecretDelivered): string {
  if (at === undefined) return ` By its mask, its secret is in the sink ${sink} (${location}).`;
  const now = {
    it: 'is there',
    'another value': 'is not there any more: another value is',
    nothing: 'is not there any more',
    unreadable: 'cannot be seen there',
  };
  return ` Its secret was put into the sink ${sink} (${location}), and ${now[holds]}.`;
}
