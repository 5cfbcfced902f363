// The SDK adapter: offers the catalog's tools over MCP and gives their results the protocol's form.
//
// It uses the low-level Server, since McpServer answers invalid arguments in bare text before a tool sees them.

import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import {
  CallToolRequestSchema,
  ErrorCode,
  ListToolsRequestSchema,
  McpError,
  type CallToolResult,
} from '@modelcontextprotocol/sdk/types.js';
import { type Catalog } from '../tools/catalog.ts';
import { internalFailure, type CallControl, type Tool, type ToolResult } from '../tools/tool.ts';
import { type Log } from '../secret/way-out.ts';
import { callRecord, type CallRecord } from './call-record.ts';
import { progressTo } from './progress.ts';

export interface ServerOptions {
  readonly version: string;
  readonly catalog: Catalog;
  /** For the model, at the start of a conversation. At most 1 KB. */
  readonly instructions: string;
  readonly log: Log;
  /** Keeps a record of each call; must not throw. */
  readonly audit: (record: CallRecord) => Promise<void>;
}

export interface McpAdapter {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- see above
  readonly server: Server;
  /** Asks the calls under way to stop, and resolves when the last of them has ended. */
  readonly drain: () => Promise<void>;
}

export function createServer({ version, catalog, instructions, log, audit }: ServerOptions): McpAdapter {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- see above
  const server = new Server(
    { name: 'atlas-model-keys-mcp', title: 'Atlas model keys', version },
    { capabilities: { tools: {} }, instructions },
  );
  const stopping = new AbortController();
  const underWay = new Set<Promise<unknown>>();

  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: catalog.offered.map(toolOffer) }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const tool = catalog.find(params.name);
    if (!tool) throw new McpError(ErrorCode.InvalidParams, 'Unknown tool');
    const control = { signal: AbortSignal.any([extra.signal, stopping.signal]), progress: progressTo(extra, log) };
    const call = recorded(tool, params.arguments ?? {}, control);
    underWay.add(call);
    try {
      return render(await call);
    } finally {
      underWay.delete(call);
    }
  });
  const recorded = async (tool: Tool, input: unknown, control: CallControl) => {
    const started = performance.now();
    const result = await callSafely(tool, input, control, log);
    await audit(callRecord(server.getClientVersion(), tool, result, performance.now() - started));
    return result;
  };
  return {
    server,
    async drain() {
      stopping.abort();
      await Promise.allSettled(underWay);
    },
  };
}

function toolOffer({ name, title, description, annotations, inputSchema, outputSchema }: Tool) {
  return {
    name,
    title,
    description,
    annotations: { title, ...annotations },
    inputSchema: { ...inputSchema, type: 'object' as const },
    outputSchema: { ...outputSchema, type: 'object' as const },
  };
}

/** A defect of a tool becomes a code. The error itself may quote anything, so only its class is logged. */
async function callSafely(tool: Tool, input: unknown, control: CallControl, log: Log): Promise<ToolResult> {
  try {
    const result = await tool.call(input, control);
    log(result.isError ? 'warning' : 'info', `${tool.name}: ${result.outcome}`);
    // The answer may never reach anybody (a cancelled call gets none), and this key must not be forgotten.
    if (result.alarm !== undefined) log('error', `${tool.name}: ${result.alarm}`);
    return result;
  } catch (error) {
    log('error', `${tool.name}: INTERNAL (${error instanceof Error ? error.constructor.name : typeof error})`);
    return internalFailure(tool);
  }
}

/** Some hosts show the model `content` alone, others `structuredContent` alone: each says everything. */
function render({ isError, structured, summary }: ToolResult): CallToolResult {
  return {
    content: [{ type: 'text', text: `${summary}\n${JSON.stringify(structured)}` }],
    structuredContent: { ...structured },
    ...(isError && { isError }),
  };
}
