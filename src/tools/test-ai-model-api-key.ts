// The tool that uses a key once, to see whether it works.

import * as z from 'zod/v4';
import { testKey, type KeyTestContext, type KeyTested } from '../keys/key-test.ts';
import { trialText } from '../keys/live-check.ts';
import { apiKeyId, entryName, exactName, groupId, sinkParameter, type Defaults } from './parameter.ts';
import { resultSchema, shownKeySchema } from './result-schema.ts';
import { quoted } from './result-text.ts';
import { defineTool, type Answer, type Tool } from './tool.ts';
import { ok } from '../failure.ts';

const output = () =>
  resultSchema(['tested'], {
    works: z.enum(['yes', 'refused', 'rate-limited', 'unreachable', 'unknown']),
    status: z.number(),
    errorCode: z.string(),
    model: z.string(),
    endpoint: z.string(),
    sink: z.string(),
    entry: z.string(),
    key: shownKeySchema(),
  });

export function testAiModelApiKey(context: KeyTestContext & Defaults): Tool {
  return defineTool({
    name: 'test_ai_model_api_key',
    title: 'Test AI model API key',
    description:
      'Use an AI model API key once, with its secret from its sink, to embed one word: says whether it works, is refused, is rate-limited or cannot be reached. ' +
      'Use it when a key is said not to work. The request is billed and counts as use; the secret is not shown.',
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
    input: () =>
      z.strictObject({
        groupId: groupId(context),
        apiKeyId: apiKeyId().optional(),
        name: exactName(),
        sink: sinkParameter({ sinks: context.sinks }, 'Only from this sink'),
        entry: entryName(context, 'Its name there'),
      }),
    output,
    keyStateOfRefusal: 'not_applicable',
    subject: ({ groupId, apiKeyId, sink }) => ({ groupId, apiKeyId, sink }),
    async handle(request, call) {
      const tested = await testKey(context, request, call);
      return tested.ok ? ok(answer(tested.value)) : tested;
    },
  });
}

function answer(tested: KeyTested): Answer {
  const { sink, key } = tested;
  return {
    structured: { outcome: 'tested', ...tested },
    summary: `The key ${quoted(key.name)}, by its secret in the sink ${sink}: ${trialText(tested)}`,
    subject: { apiKeyId: key.apiKeyId, sink },
  };
}
