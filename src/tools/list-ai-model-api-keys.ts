// The tool that lists the keys of a project or an organization.

import * as z from 'zod/v4';
import { listModelKeys, type KeyListContext } from '../keys/lists.ts';
import { keyLine, listResult, withWarnings } from './result-text.ts';
import { chooseScope, nameContains, page, scopeOf, subjectOf, type Defaults } from './parameter.ts';
import { listedKeySchema, rest, resultSchema } from './result-schema.ts';
import { defineTool, type Tool } from './tool.ts';
import { ok } from '../failure.ts';

const MOST_DAYS = 3650;

const output = resultSchema(['listed'], {
  keys: z.array(listedKeySchema.extend({ double: z.boolean().optional(), projectName: z.string().optional() })),
  ...rest,
  warnings: z.array(z.string()),
});

export function listAiModelApiKeys(context: KeyListContext & Defaults): Tool {
  return defineTool({
    name: 'list_ai_model_api_keys',
    title: 'List AI model API keys',
    description:
      'List the AI model API keys of a project, or of an organization with the names of their projects: id, name, mask, status, when made, by whom, when last used, scope. ' +
      'Use it to find the id of a key by its name, to see which keys exist, or with unusedForDays which ones nobody uses.',
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
    input: z.strictObject({
      ...scopeOf(context),
      nameContains,
      unusedForDays: z.int().min(0).max(MOST_DAYS).optional().describe('Only keys unused for this many days'),
      ...page,
    }),
    output,
    keyStateOfRefusal: 'not_applicable',
    subject: (asked) => subjectOf(asked, context),
    async handle({ groupId, orgId, ...filter }, call) {
      const scope = chooseScope({ groupId, orgId }, context);
      if (!scope.ok) return scope;
      const listed = await listModelKeys(context, { scope: scope.value, ...filter }, call);
      if (!listed.ok) return listed;
      const { keys, warnings = [], ...rest } = listed.value;
      return ok(withWarnings(listResult({ ...rest, field: 'keys', noun: 'key', rows: keys, line: keyLine }), warnings));
    },
  });
}
