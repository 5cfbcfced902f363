// The tool that lists the keys of a project or an organization.

import * as z from 'zod/v4';
import { countModelKeys, listModelKeys, type CountBy, type KeyListContext } from '../keys/lists.ts';
import {
  headLine,
  keyCells,
  listResult,
  namedKeyCells,
  projectNaming,
  quoted,
  withNearest,
  withWarnings,
} from './result-text.ts';
import { chooseScope, MOST_TOKENS, nameContains, page, scopeOf, subjectOf, type Defaults } from './parameter.ts';
import { listedKeySchema, rest, resultSchema } from './result-schema.ts';
import { defineTool, type Answer, type Tool } from './tool.ts';
import { ok, type Result } from '../failure.ts';
import { counted } from '../text/text.ts';

const MOST_DAYS = 3650;
const COUNTED = ['project', 'createdBy', 'status'] as const satisfies readonly CountBy[];

const output = () =>
  resultSchema(['listed'], {
    keys: z.array(listedKeySchema().extend({ double: z.boolean().optional(), projectName: z.string().optional() })),
    nearest: z.array(
      listedKeySchema()
        .pick({ apiKeyId: true, name: true, groupId: true })
        .extend({ projectName: z.string().optional() }),
    ),
    counts: z.array(
      z.strictObject({ value: z.string().nullable(), count: z.number(), projectName: z.string().optional() }),
    ),
    ...rest(),
    warnings: z.array(z.string()),
  });

export function listAiModelApiKeys(context: KeyListContext & Defaults): Tool {
  return defineTool({
    name: 'list_ai_model_api_keys',
    title: 'List AI model API keys',
    description:
      'List the AI model API keys of a project, or of an organization with the names of their projects: id, name, mask, status, when made, by whom, when last used, scope. ' +
      'Use it to find the id of a key by its name, to see or count which keys exist, or with unusedForDays which ones nobody uses.',
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
    input: () =>
      z.strictObject({
        ...scopeOf(context),
        nameContains: nameContains(),
        unusedForDays: z.int().min(0).max(MOST_DAYS).optional().describe('Only keys unused for this many days'),
        countBy: z.enum(COUNTED).optional().describe('Count instead'),
        ...page(),
      }),
    output,
    keyStateOfRefusal: 'not_applicable',
    subject: (asked) => subjectOf(asked, context),
    async handle({ groupId, orgId, countBy, ...filter }, call) {
      const scope = chooseScope({ groupId, orgId }, context);
      if (!scope.ok) return scope;
      const request = { scope: scope.value, mostTokens: MOST_TOKENS, ...filter };
      if (countBy !== undefined) {
        const counted = await countModelKeys(context, { ...request, countBy }, call);
        return counted.ok ? ok(countAnswer(counted.value, countBy)) : counted;
      }
      const listed = await listModelKeys(context, request, call);
      if (!listed.ok) return listed;
      const { warnings = [], ...list } = listed.value;
      return ok(withWarnings(listAnswer(list), warnings));
    },
  });
}

function listAnswer({ keys, nearest, ...rest }: ValueOf<typeof listModelKeys>): Answer {
  const projectOf = projectNaming(keys);
  const cells = (key: (typeof keys)[number]) => keyCells(key, projectOf);
  const list = listResult({ ...rest, field: 'keys', noun: 'key', rows: keys, cells });
  const naming = projectNaming(nearest ?? []);
  return nearest ? withNearest(list, 'key', nearest, (key) => namedKeyCells(key, naming)) : list;
}

function countAnswer({ counts, total, remaining }: ValueOf<typeof countModelKeys>, countBy: CountBy): Answer {
  const more = remaining === 0 ? '' : `; ${remaining} more with fewer keys are left out`;
  const lines = counts.map(
    ({ value, count, projectName }) =>
      `${count} | ${value === null ? 'absent' : quoted(value)}${projectName === undefined ? '' : ` ${quoted(projectName)}`}`,
  );
  return {
    structured: { outcome: 'listed', counts, remaining },
    summary: `${counted(total, 'key')}, counted by ${countBy}${more}.`,
    text: [headLine({ outcome: 'listed', remaining }), ...lines].join('\n'),
  };
}

type ValueOf<Call extends (...given: never[]) => Promise<Result<unknown>>> = Extract<
  Awaited<ReturnType<Call>>,
  { ok: true }
>['value'];
