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
import { failedResult, internalFailure, type Tool, type ToolResult } from '../tools/tool.ts';
import { type Log } from './way-out.ts';

export interface ServerOptions {
  readonly version: string;
  readonly catalog: Catalog;
  /** For the model, at the start of a conversation. At most 1 KB. */
  readonly instructions: string;
  readonly log: Log;
}

export interface McpAdapter {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- see above
  readonly server: Server;
  /** Asks the calls under way to stop, and resolves when the last of them has ended. */
  readonly drain: () => Promise<void>;
}

export function createServer({ version, catalog, instructions, log }: ServerOptions): McpAdapter {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- see above
  const server = new Server(
    { name: 'atlas-model-keys-mcp', title: 'Atlas model keys', version },
    { capabilities: { tools: {} }, instructions },
  );
  const stopping = new AbortController();
  const underWay = new Set<Promise<unknown>>();

  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: catalog.offered.map(({ name, title, description, annotations, inputSchema, outputSchema }) => ({
      name,
      title,
      description,
      annotations: { title, ...annotations },
      inputSchema: { ...inputSchema, type: 'object' as const },
      outputSchema: { ...outputSchema, type: 'object' as const },
    })),
  }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, { signal }) => {
    const tool = catalog.find(params.name);
    if (!tool) throw new McpError(ErrorCode.InvalidParams, 'Unknown tool');
    const call = callSafely(tool, params.arguments ?? {}, AbortSignal.any([signal, stopping.signal]), log);
    underWay.add(call);
    try {
      return render(await call);
    } finally {
      underWay.delete(call);
    }
  });
  return {
    server,
    async drain() {
      stopping.abort();
      await Promise.allSettled(underWay);
    },
  };
}

/** A defect of a tool becomes a code. The error itself may quote anything, so only its class is logged. */
async function callSafely(tool: Tool, input: unknown, signal: AbortSignal, log: Log): Promise<ToolResult> {
  try {
    const result = await tool.call(input, signal);
    log(result.isError ? 'warning' : 'info', `${tool.name}: ${result.outcome}`);
    return result;
  } catch (error) {
    log('error', `${tool.name}: INTERNAL (${error instanceof Error ? error.constructor.name : typeof error})`);
    return failedResult(internalFailure);
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
