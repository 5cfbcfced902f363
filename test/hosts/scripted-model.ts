// A model that follows a script, on loopback, in the four protocols in which hosts and agents speak to models. It calls one tool once, and
// then says that it is done. It keeps what it was sent, since that is all that a model of this host would have seen.

import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import * as z from 'zod/v4';

export interface ScriptedModel {
  readonly url: string;
  /** The body of every request. */
  readonly seen: readonly string[];
  /** The names of the tools that were offered, as the host calls them. */
  readonly offered: () => readonly string[];
  close(): void;
}

/** What the model does: the tool whose name ends so, with these arguments; for the person's answers in between it says `done`. */
export interface Script {
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
}

interface Turn {
  /** Absent once the tool has answered, or where it is not offered. */
  readonly call?:
    | {
        readonly id: string;
        readonly name: string;
        readonly namespace?: string;
        readonly args: Readonly<Record<string, unknown>>;
      }
    | undefined;
  readonly model: string;
  readonly streams: boolean;
}

const DONE = 'done';
const ID = 'call_scripted_1';
const SEARCH_ID = 'call_search_1';

const body = z.looseObject({
  model: z.string().default('scripted'),
  stream: z.boolean().default(false),
  tools: z.array(z.looseObject({})).default([]),
});

const named = z.looseObject({ name: z.string() });
/** In any of the protocols. */
const offer = z.union([
  z.looseObject({ functionDeclarations: z.array(named) }).transform((tool) => tool.functionDeclarations),
  z.looseObject({ function: named }).transform((tool) => [tool.function]),
  // A host that puts the tools of a server into a namespace wants it back in the call.
  z
    .looseObject({ type: z.literal('namespace'), name: z.string(), tools: z.array(named) })
    .transform(({ name: namespace, tools }) => tools.map(({ name }) => ({ name, namespace }))),
  named.transform((tool) => [tool]),
]);

export async function startScriptedModel(script: Script): Promise<ScriptedModel> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    void textOf(request).then((text) => {
      if (request.method !== 'POST') {
        sendJson(response, { data: [{ id: 'scripted', object: 'model' }], object: 'list' });
        return;
      }
      seen.push(text);
      reply(request.url ?? '', text, script, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    seen,
    offered: () => [...new Set(seen.flatMap((text) => namesIn(parsed(text).tools).map(({ name }) => name)))],
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(z.instanceof(Uint8Array).parse(chunk)));
  return Buffer.concat(chunks).toString();
}

function parsed(text: string): z.output<typeof body> {
  return body.catch({ model: 'scripted', stream: false, tools: [] }).parse(text === '' ? {} : JSON.parse(text));
}

function namesIn(tools: readonly unknown[]): { readonly name: string; readonly namespace?: string }[] {
  return tools.flatMap((tool) => {
    const offered: { name: string; namespace?: unknown }[] = offer.catch([]).parse(tool);
    return offered.map(({ name, namespace }) => ({ name, ...(typeof namespace === 'string' && { namespace }) }));
  });
}

/** Some hosts show the tools of servers only to a model that searches for them. */
function nextCall(offered: ReturnType<typeof namesIn>, { tool, args }: Script, text: string): Turn['call'] {
  const wanted = offered.find(({ name }) => name.endsWith(tool));
  if (wanted) return { ...wanted, id: ID, args };
  const search = offered.find(({ name }) => /^tool_?search$/i.test(name));
  if (!search || text.includes(SEARCH_ID)) return undefined;
  return { ...search, id: SEARCH_ID, args: { query: 'atlas-model-keys', max_results: 20 } };
}

function reply(path: string, text: string, script: Script, response: ServerResponse): void {
  const { model, stream, tools } = parsed(text);
  // The result of a call has its id, but for Gemini's.
  const isAnswered = text.includes(ID) || text.includes('"functionResponse"');
  const call = isAnswered ? undefined : nextCall(namesIn(tools), script, text);
  const turn: Turn = { model, streams: stream || path.includes(':streamGenerateContent'), ...(call && { call }) };
  if (/count_?tokens/i.test(path)) sendJson(response, { input_tokens: 1, totalTokens: 1 });
  else if (/generateContent/i.test(path)) asGemini(turn, response);
  else if (path.includes('/messages')) asAnthropic(turn, response);
  else if (path.includes('/responses')) asResponses(turn, response);
  else if (path.includes('/chat/completions')) asCompletions(turn, response);
  else sendJson(response, {});
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function sendEvents(response: ServerResponse, events: readonly object[], { isTyped = false, last = '' } = {}): void {
  const lines = events.map((event) => {
    const type = isTyped && 'type' in event ? `event: ${String(event.type)}\n` : '';
    return `${type}data: ${JSON.stringify(event)}\n\n`;
  });
  response.writeHead(200, { 'content-type': 'text/event-stream' }).end(lines.join('') + last);
}

function asAnthropic({ call, model, streams }: Turn, response: ServerResponse): void {
  const usage = { input_tokens: 1, output_tokens: 1 };
  const block = call ? { type: 'tool_use', id: call.id, name: call.name, input: {} } : { type: 'text', text: '' };
  const delta = call
    ? { type: 'input_json_delta', partial_json: JSON.stringify(call.args) }
    : { type: 'text_delta', text: DONE };
  const stop_reason = call ? 'tool_use' : 'end_turn';
  const message = { id: `msg_${randomUUID()}`, type: 'message', role: 'assistant', model, stop_sequence: null, usage };
  if (!streams) {
    const content = call ? { ...block, input: call.args } : { ...block, text: DONE };
    sendJson(response, { ...message, stop_reason, content: [content] });
    return;
  }
  sendEvents(
    response,
    [
      { type: 'message_start', message: { ...message, stop_reason: null, content: [] } },
      { type: 'content_block_start', index: 0, content_block: block },
      { type: 'content_block_delta', index: 0, delta },
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage },
      { type: 'message_stop' },
    ],
    { isTyped: true },
  );
}

function asResponses({ call, model, streams }: Turn, response: ServerResponse): void {
  const item = call
    ? { type: 'function_call', id: 'fc_1', call_id: call.id, ...callOf(call), status: 'completed' }
    : {
        type: 'message',
        id: 'msg_1',
        role: 'assistant',
        status: 'completed',
        content: [{ type: 'output_text', text: DONE, annotations: [] }],
      };
  const usage = {
    input_tokens: 1,
    output_tokens: 1,
    total_tokens: 2,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens_details: { reasoning_tokens: 0 },
  };
  const whole = {
    id: `resp_${randomUUID()}`,
    object: 'response',
    created_at: 1,
    model,
    status: 'completed',
    output: [item],
    usage,
    tools: [],
    parallel_tool_calls: false,
    tool_choice: 'auto',
    instructions: null,
    metadata: {},
    error: null,
    incomplete_details: null,
  };
  if (!streams) {
    sendJson(response, whole);
    return;
  }
  sendEvents(
    response,
    [
      { type: 'response.created', sequence_number: 0, response: { ...whole, status: 'in_progress', output: [] } },
      { type: 'response.output_item.added', sequence_number: 1, output_index: 0, item },
      { type: 'response.output_item.done', sequence_number: 2, output_index: 0, item },
      { type: 'response.completed', sequence_number: 3, response: whole },
    ],
    { isTyped: true },
  );
}

function callOf({ name, namespace, args }: NonNullable<Turn['call']>) {
  return { name, ...(namespace !== undefined && { namespace }), arguments: JSON.stringify(args) };
}

function asCompletions({ call, model, streams }: Turn, response: ServerResponse): void {
  const tool_calls = call && [{ index: 0, id: call.id, type: 'function', function: callOf(call) }];
  const said = tool_calls ? { role: 'assistant', content: null, tool_calls } : { role: 'assistant', content: DONE };
  const finish_reason = call ? 'tool_calls' : 'stop';
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  const base = { id: `chatcmpl-${randomUUID()}`, created: 1, model };
  if (!streams) {
    sendJson(response, {
      ...base,
      object: 'chat.completion',
      choices: [{ index: 0, message: said, finish_reason }],
      usage,
    });
    return;
  }
  const chunk = (delta: object, finish: string | null) => ({
    ...base,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, finish_reason: finish }],
  });
  sendEvents(response, [chunk(said, null), { ...chunk({}, finish_reason), usage }], { last: 'data: [DONE]\n\n' });
}

function asGemini({ call, streams }: Turn, response: ServerResponse): void {
  const part = call ? { functionCall: { name: call.name, args: call.args } } : { text: DONE };
  const reply = {
    candidates: [{ content: { role: 'model', parts: [part] }, finishReason: 'STOP', index: 0 }],
    usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
  };
  if (streams) sendEvents(response, [reply]);
  else sendJson(response, reply);
}
