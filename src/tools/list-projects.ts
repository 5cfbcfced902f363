// The tool that lists the projects which the operator's credential sees and policy allows.

import * as z from 'zod/v4';
import { listProjects } from '../keys/lists.ts';
import { listResult, projectCells, withNearest } from './result-text.ts';
import { MOST_TOKENS, nameContains, orgId, page, type Defaults } from './parameter.ts';
import { rest, resultSchema } from './result-schema.ts';
import { defineTool, type Tool } from './tool.ts';
import { ok } from '../failure.ts';
import type { KeyContext } from '../keys/find-key.ts';

const projectSchema = () =>
  z.strictObject({
    groupId: z.string().optional(),
    name: z.string(),
    orgId: z.string().optional(),
  });

const output = () =>
  resultSchema(['listed'], {
    projects: z.array(projectSchema()),
    nearest: z.array(projectSchema()),
    ...rest(),
  });

export function listProjectsTool(context: KeyContext & Defaults): Tool {
  return defineTool({
    name: 'list_projects',
    title: 'List projects',
    description:
      'List the MongoDB Atlas projects that this server can use: id, name, organization. ' +
      'Use it to find the groupId of a project by its name; if no name contains the text, nearest lists the most similar names.',
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
    input: () => z.strictObject({ nameContains: nameContains(), orgId: orgId(context), ...page() }),
    output,
    keyStateOfRefusal: 'not_applicable',
    async handle({ orgId = context.orgId, ...filter }, call) {
      const listed = await listProjects(context, { orgId, mostTokens: MOST_TOKENS, ...filter }, call);
      if (!listed.ok) return listed;
      const { projects, nearest, ...rest } = listed.value;
      const list = listResult({ ...rest, field: 'projects', noun: 'project', rows: projects, cells: projectCells });
      return ok(nearest ? withNearest(list, 'project', nearest, projectCells) : list);
    },
  });
}
