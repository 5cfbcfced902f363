// The SDK adapter: offers tools and prompts over MCP, gives their results the protocol's form, and connects the SDK's server to
// the streams of a host.
//
// It uses the low-level Server, since McpServer answers invalid arguments in bare text before a tool sees them.

import type { Readable, Writable } from 'node:stream';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import {
  CallToolRequestSchema,
  type CallToolResult,
  ListToolsRequestSchema,
  type CompleteRequest,
  CompleteRequestSchema,
  ErrorCode,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  type JSONRPCMessage,
} from '@modelcontextprotocol/sdk/types.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { Prompts } from '../prompts/prompt-catalog.ts';
import type { PromptDefinition } from '../prompts/prompt-definitions.ts';
import { type Log, classOf } from '../secret/redaction.ts';
import { nearest } from '../text/text.ts';
import type { Catalog } from '../tools/catalog.ts';
import type { ToolDefinition } from '../tools/tool-definition.ts';
import { internalFailure, type RequestContext, type Tool, type ToolResult } from '../tools/tool.ts';
import { CAPABILITIES, serverInfo, type HandshakeOptions, REPEATED } from './handshake.ts';
import { requestContextOf } from './forms-and-progress.ts';

/** Of tools, as this server and most others name them. */
const TOOL_NAME = /^[a-z][a-z0-9_]{0,63}$/;
const LONGEST_TOOL_NAME = 64;

export interface ServerOptions extends HandshakeOptions {
  readonly catalog: Catalog;
  readonly prompts: Prompts;
  readonly log: Log;
  /** Keeps a record of each call, and of each key of a call about several; must not throw. */
  readonly audit: (record: CallRecord) => Promise<void>;
  /** How long a person may take to answer a form; what suits the host where absent. In milliseconds. */
  readonly askTimeoutMs?: number | undefined;
  /** An answer to a form that comes sooner is not a person's. In milliseconds. */
  readonly seenAfterMs?: number | undefined;
}

export interface McpAdapter {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- see above
  readonly server: Server;
  /** Asks the calls under way to stop, and resolves when the last of them has ended. */
  readonly drain: () => Promise<void>;
}

/** `stopping` is aborted when the server stops. */
type ServerParts = ServerOptions & Pick<McpAdapter, 'server'> & { readonly stopping: AbortSignal };

export function createServer(options: ServerOptions): McpAdapter {
  const { version, catalog, toolDefinitions, instructions } = options;
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- see above
  const server = new Server(serverInfo(version), { capabilities: CAPABILITIES, instructions });
  const stopping = new AbortController();
  const serving = { ...options, server, stopping: stopping.signal };
  const underWay = new Set<Promise<unknown>>();

  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: [...toolDefinitions] }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const tool = catalog.get(params.name);
    if (!tool) throw invalidParams(unknownTool(params.name, toolDefinitions));
    const { context, end } = requestContextOf(extra, tool.title, serving);
    const call = recorded(tool, params.arguments ?? {}, context, serving);
    underWay.add(call);
    try {
      return render(await call);
    } finally {
      end();
      underWay.delete(call);
    }
  });
  servePrompts(serving);
  return {
    server,
    async drain() {
      stopping.abort();
      await Promise.allSettled(underWay);
    },
  };
}

/** The message repeats a name only if it has the form of a tool's name: anything may have been passed. */
function unknownTool(name: string, toolDefinitions: readonly ToolDefinition[]): string {
  const [like] = nearest(name.slice(0, LONGEST_TOOL_NAME), toolDefinitions, ({ name: known }) => known, 1);
  const known = like ? ` The nearest is ${like.name}.` : '';
  return TOOL_NAME.test(name) ? `Unknown tool: ${name}.${known}` : `Unknown tool.${known}`;
}

/** Of what a host says of itself, in the record. */
const LONGEST = 100;

async function recorded(
  tool: Tool,
  input: unknown,
  context: RequestContext,
  { server, log, audit }: ServerParts,
): Promise<ToolResult> {
  const started = process.uptime() * 1000;
  const result = await callSafely(tool, input, context, log);
  const { name = '', version = '' } = server.getClientVersion() ?? {};
  const durationMs = Math.round(process.uptime() * 1000 - started);
  for (const { subject, outcome } of result.each ?? [result])
    await audit({
      time: new Date().toISOString(),
      host: { name: name.slice(0, LONGEST), version: version.slice(0, LONGEST) },
      tool: tool.name,
      ...subject,
      outcome,
      durationMs,
    });
  return result;
}

/** A defect of a tool becomes a code. The error itself may quote anything, so only its class is logged. */
async function callSafely(tool: Tool, input: unknown, context: RequestContext, log: Log): Promise<ToolResult> {
  try {
    const result = await tool.call(input, context);
    log(result.isError ? 'warning' : 'info', `${tool.name}: ${result.outcome}`);
    // Nobody may get the answer (a cancelled call has none), and somebody must know of this key.
    for (const { alarm } of [result, ...(result.each ?? [])])
      if (alarm !== undefined) log('error', `${tool.name}: ${alarm}`);
    return result;
  } catch (error) {
    log('error', `${tool.name}: INTERNAL (${classOf(error)})`);
    return internalFailure(tool);
  }
}

/** Some hosts show the model only `content`, others only `structuredContent`: each says everything. */
function render({ isError, structured, summary, text = JSON.stringify(structured) }: ToolResult): CallToolResult {
  return {
    content: [{ type: 'text', text: `${summary}\n${text}` }],
    structuredContent: { ...structured },
    ...(isError && { isError }),
  };
}

/** With all that the subject of the call says. */
type CallRecord = ToolResult['subject'] & {
  /** ISO 8601. */
  readonly time: string;
  readonly host: { readonly name: string; readonly version: string };
  readonly tool: string;
  /** The result's outcome, or the code of its error. */
  readonly outcome: string;
  readonly durationMs: number;
};

function servePrompts(serving: ServerParts): void {
  const { server, prompts, promptDefinitions } = serving;
  server.setRequestHandler(ListPromptsRequestSchema, () => ({ prompts: [...promptDefinitions] }));
  server.setRequestHandler(GetPromptRequestSchema, async ({ params }) => {
    const prompt = prompts.find(params.name);
    if (!prompt) throw invalidParams(unknownPrompt(promptDefinitions));
    const filled = await prompts.fill(prompt, params.arguments ?? {}, serving.stopping);
    if (!filled.ok) throw invalidParams(filled.failure);
    const content = { type: 'text' as const, text: filled.value };
    return { description: prompt.description, messages: [{ role: 'user' as const, content }] };
  });
  server.setRequestHandler(CompleteRequestSchema, async ({ params }) => ({
    completion: { ...(await completeSafely(serving, params)) },
  }));
}

function unknownPrompt(offered: readonly PromptDefinition[]): string {
  return offered.length === 0
    ? 'Unknown prompt. This server offers no prompts, since the operator does not offer the tools for them.'
    : `Unknown prompt. There are: ${offered.map(({ name }) => name).join(', ')}.`;
}

/** A person who types sees no suggestions rather than an error. */
async function completeSafely(
  { prompts, log, stopping }: ServerParts,
  { ref, argument: { name, value }, context }: CompleteRequest['params'],
) {
  const nothing = { values: [], total: 0, hasMore: false };
  if (ref.type !== 'ref/prompt') return nothing;
  try {
    return await prompts.complete(ref.name, { argument: name, value, others: context?.arguments ?? {} }, stopping);
  } catch (error) {
    log('error', `completion: INTERNAL (${classOf(error)})`);
    return nothing;
  }
}

/** Not the SDK's McpError, which begins its message with the code: the host's SDK puts the code there again. */
function invalidParams(message: string): Error {
  return Object.assign(new Error(message), { code: ErrorCode.InvalidParams });
}

/** Resolves when the server reads, with a promise that resolves when the transport has closed of itself. */
export async function connect(
  server: McpAdapter['server'],
  input: Readable,
  output: Writable,
  log: Log,
): Promise<{ readonly closed: Promise<void> }> {
  // Of a protocol error only the class is logged: its message may quote what was received.
  server.onerror = (error) => {
    log('warning', `protocol error (${classOf(error)})`);
  };
  // The transport closes itself when a message is larger than it reads.
  const closed = new Promise<void>((resolve) => {
    server.onclose = resolve;
  });
  await server.connect(withRequestIdMap(new StdioServerTransport(input, output)));
  return { closed };
}

/** Only this server sees it. */
const ZERO_OF_HOST = 'request-zero-of-the-host';
/** Only the host sees it. */
const ZERO_OF_SERVER = 'request-zero-of-the-server';

/**
 * The same transport with three corrections. The SDK ignores a cancellation of the request id 0, with which it begins to count
 * its own requests: that id gets another name before an SDK sees it, and its own again on the way back. The answer to a
 * repeated `initialize` is dropped, since the handshake has given it. Arguments that are null, which the SDK refuses, become
 * an empty object.
 */
export function withRequestIdMap(transport: Transport): Transport {
  let isIntroduced = false;
  const isRepeated = (message: JSONRPCMessage) => {
    if (isIntroduced || !('id' in message) || message.id !== REPEATED) return false;
    isIntroduced = true;
    return true;
  };
  const wrapped: Transport = {
    start: () => {
      transport.onmessage = (message, extra) => {
        wrapped.onmessage?.(withArguments(restored(renamed(message, ZERO_OF_HOST), ZERO_OF_SERVER)), extra);
      };
      transport.onerror = (error) => wrapped.onerror?.(error);
      transport.onclose = () => wrapped.onclose?.();
      return transport.start();
    },
    send: (message, options) =>
      isRepeated(message)
        ? Promise.resolve()
        : transport.send(restored(renamed(message, ZERO_OF_SERVER), ZERO_OF_HOST), options),
    close: () => transport.close(),
  };
  return wrapped;
}

/** A request, or a cancellation of one, from whoever counted from 0. */
function renamed<Message extends JSONRPCMessage>(message: Message, name: string): Message {
  if (!('method' in message)) return message;
  if ('id' in message) return message.id === 0 ? { ...message, id: name } : message;
  if (message.method !== 'notifications/cancelled' || message.params?.requestId !== 0) return message;
  return { ...message, params: { ...message.params, requestId: name } };
}

/** An answer to whoever counted from 0. */
function restored<Message extends JSONRPCMessage>(message: Message, name: string): Message {
  return 'id' in message && message.id === name && !('method' in message) ? { ...message, id: 0 } : message;
}

function withArguments<Message extends JSONRPCMessage>(message: Message): Message {
  if (!('method' in message) || message.params?.arguments !== null) return message;
  return { ...message, params: { ...message.params, arguments: {} } };
}
