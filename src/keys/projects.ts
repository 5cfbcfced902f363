// Lists the projects that the credential sees and the operator allows, and resolves their names.

import type { Position } from '../atlas/api/pages.ts';
import type { Project } from '../atlas/api/projects.ts';
import { nearest } from '../text/nearest.ts';
import type { RequestContext } from './request-context.ts';
import { cursorAt, positionOf } from './cursor.ts';
import type { KeyContext } from './known-key.ts';
import { readWindow } from './list-window.ts';
import { contains } from './name-filter.ts';
import { isAllowed } from './policy.ts';
import { ok, type Result } from '../failure.ts';

export interface ProjectListRequest {
  readonly orgId?: string | undefined;
  /** Part of the name, whatever its case. */
  readonly nameContains?: string | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export interface ProjectList {
  readonly projects: readonly Project[];
  readonly remaining: number;
  readonly nextCursor?: string;
  /** The projects whose names are most like `nameContains`, where none contains it. */
  readonly nearest?: readonly Project[];
}

const MOST_NEAREST = 5;

export async function listProjects(
  context: KeyContext,
  { orgId, nameContains, limit, cursor }: ProjectListRequest,
  call: RequestContext,
): Promise<Result<ProjectList>> {
  const query = { projects: orgId, nameContains };
  const from = positionOf(cursor, query);
  if (!from.ok) return from;
  const allowed = (project: Project) => isAllowed(context, project.groupId);
  const fits =
    nameContains === undefined ? allowed : (project: Project) => allowed(project) && contains(nameContains)(project);
  const keep = nameContains === undefined && !context.allowedProjects ? undefined : fits;
  const seen = new Map<string | number, Project>();
  const read = async (position: Position, signal: AbortSignal) => {
    const slice = await context.atlas.readProjects(orgId, position, signal);
    if (slice.ok)
      for (const project of slice.value.rows) if (allowed(project)) seen.set(project.groupId ?? seen.size, project);
    return slice;
  };
  const window = await readWindow(read, { from: from.value, limit, keep, identityOf: ({ groupId }) => groupId }, call);
  if (!window.ok) return window;
  const { rows, remaining, next } = window.value;
  const likely =
    nameContains !== undefined && rows.length === 0 && cursor === undefined
      ? nearest(nameContains.toLowerCase(), [...seen.values()], ({ name }) => name.toLowerCase(), MOST_NEAREST)
      : [];
  return ok({
    projects: rows,
    remaining,
    ...(next !== undefined && { nextCursor: cursorAt(next, query) }),
    ...(likely.length > 0 && { nearest: likely }),
  });
}
