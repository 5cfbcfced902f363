// The tool that creates several keys in one call, and hands the secret of each to a sink.

import * as z from 'zod/v4';
import { createKeys, type CreatedMany, type CreateManyRequest } from '../keys/create-many.ts';
import { createdAnswer, createdSchema, keyParameters, type CreateToolContext } from './create-ai-model-api-key.ts';
import { dryRun } from './parameter.ts';
import { resultSchema } from './result-schema.ts';
import { createdLine } from './result-text.ts';
import { defineTool, failedResult, type Answer, type Tool, type ToolResult } from './tool.ts';
import { ok } from '../failure.ts';

const MOST_KEYS = 50;

export function createAiModelApiKeys(context: CreateToolContext): Tool {
  return defineTool({
    name: 'create_ai_model_api_keys',
    title: 'Create several AI model API keys',
    description:
      'Create up to 50 AI model API keys, each as create_ai_model_api_key does. ' +
      'Use it when someone needs several, such as one each for dev, staging and prod. All are checked first: if one cannot be created, none is. Afterwards a failure stops no other key.',
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
    input: () => z.strictObject({ keys: z.array(keyParameters(context)).min(1).max(MOST_KEYS), dryRun: dryRun() }),
    output: () =>
      resultSchema(['completed', 'partial', 'planned'], {
        results: z.array(createdSchema(context.allowInlineSecret)),
      }),
    keyStateOfRefusal: 'not_created',
    async handle(request, control) {
      const created = await createKeys(context, request, control);
      return created.ok ? ok(answer(request, created.value)) : created;
    },
  });
}

/** One result for each key, as of a call of its own; the text has a line for each. */
function answer({ keys }: CreateManyRequest, { outcome, results }: CreatedMany): Answer {
  const each = keys.flatMap((key, index): ToolResult[] => {
    const result = results[index];
    if (!result) return [];
    const { groupId, sink } = key;
    if (!result.ok) return [failedResult({ keyStateOfRefusal: 'not_created' }, result.failure, { groupId, sink })];
    const { structured, summary, subject } = createdAnswer(key, result.value);
    return [{ isError: false, outcome: structured.outcome, structured, summary, subject: { groupId, ...subject } }];
  });
  const lines = keys.flatMap((key, index) => (results[index] ? [createdLine(key, results[index])] : []));
  const warnings = new Set(results.flatMap((result) => (result.ok ? result.value.warnings : [])));
  return {
    structured: { outcome, results: each.map(({ structured }) => structured) },
    isError: outcome === 'failed',
    summary: summaryOf(outcome, results),
    text: [`outcome ${outcome}`, ...lines, ...[...warnings].map((warning) => `warning: ${warning}`)].join('\n'),
    each,
  };
}

function summaryOf(outcome: CreatedMany['outcome'], results: CreatedMany['results']): string {
  const all = results.length;
  const count = (wanted: string) => results.filter((result) => result.ok && result.value.outcome === wanted).length;
  const planned = count('planned');
  if (outcome === 'planned') return `Nothing was created; all ${all} can be.`;
  if (planned > 0)
    return `Nothing was created, since ${all - planned} of ${all} cannot be: correct those, or leave them out.`;
  return `${count('delivered')} of ${all} delivered.`;
}
