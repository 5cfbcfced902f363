// A server with one real tool that does what a test says, and the parts that such a server does without.

import * as z from 'zod/v4';
import { ok } from '../../src/failure.ts';
import { createServer, type McpAdapter, type ServerOptions } from '../../src/mcp/server.ts';
import { type Prompts } from '../../src/prompts/prompt-catalog.ts';
import { type Catalog } from '../../src/tools/catalog.ts';
import { defineTool, type RequestContext } from '../../src/tools/tool.ts';

export const TOOL = 'try_it';

export const noPrompts: Prompts = {
  find: () => undefined,
  fill: (prompt, given) => Promise.resolve(prompt.fill(given)),
  complete: () => Promise.resolve({ values: [], total: 0, hasMore: false }),
};

/** @param act what the tool does; its result is the tool's */
function catalogOf(act: (control: RequestContext) => Promise<unknown>): Catalog {
  const tool = defineTool({
    name: TOOL,
    title: 'Try it',
    description: 'Does what a test says.',
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: () => z.strictObject({}),
    output: () => z.strictObject({ outcome: z.literal('done'), result: z.unknown() }),
    keyStateOfRefusal: 'not_applicable',
    async handle(_input, control) {
      const result = await act(control);
      return ok({ structured: { outcome: 'done', result: result ?? null }, summary: 'Done.' });
    },
  });
  return new Map([[TOOL, tool]]);
}

export function serverWith(
  act: (control: RequestContext) => Promise<unknown>,
  options: Partial<ServerOptions> = {},
): McpAdapter {
  return createServer({
    version: '0.0.0',
    catalog: catalogOf(act),
    toolDefinitions: [],
    prompts: noPrompts,
    promptDefinitions: [],
    instructions: 'None.',
    log: () => undefined,
    audit: () => Promise.resolve(),
    // These hosts answer at once, as persons do not.
    seenAfterMs: 0,
    ...options,
  });
}
