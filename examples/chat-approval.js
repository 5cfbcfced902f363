// A chat bot, here on standard input and output. Where the server asks before it deletes or rotates a key, the bot puts the question into
// the chat, and what the person writes next is the answer. The model sees neither the question nor the answer, so it cannot approve.

import { createInterface } from 'node:readline';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { readArguments } from './server-command.js';

const { command, args } = readArguments();
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (text) => process.stdout.write(`${text}\n`);
/** What the person writes next; undefined once the chat has ended. */
const nextLine = async () => (await lines.next()).value;

const client = new Client({ name: 'chat-approval', version: '1.0.0' }, { capabilities: { elicitation: {} } });
client.setRequestHandler(ElicitRequestSchema, async ({ params }) => {
  say(params.message);
  const content = {};
  for (const [name, field] of Object.entries(params.requestedSchema.properties)) {
    say(`[approval] ${field.title ?? name}, or "no":`);
    const answer = await nextLine();
    if (answer === undefined) return { action: 'cancel' };
    if (/^no?$/i.test(answer.trim())) return { action: 'decline' };
    content[name] = answer.trim();
  }
  return { action: 'accept', content };
});
// HOME leads to the settings that `setup` wrote.
await client.connect(new StdioClientTransport({ command, args }));
const { tools } = await client.listTools();
const offered = tools.map(({ name, description, inputSchema }) => ({
  type: 'function',
  function: { name, description, parameters: inputSchema },
}));

async function think(messages) {
  const response = await fetch(`${process.env.OPENAI_BASE_URL ?? 'https://api.openai.com/v1'}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${process.env.OPENAI_API_KEY}` },
    body: JSON.stringify({ model: process.env.MODEL ?? 'gpt-5-mini', messages, tools: offered }),
  });
  if (!response.ok) throw new Error(`The model answered with status ${response.status}.`);
  return (await response.json()).choices[0].message;
}

/** The model's turn, with as many calls as it wants. A person may take long, so the calls have an hour. */
async function answer(messages) {
  for (;;) {
    const message = await think(messages);
    messages.push(message);
    if (!message.tool_calls?.length) return message.content;
    for (const { id, function: call } of message.tool_calls) {
      const request = { name: call.name, arguments: JSON.parse(call.arguments) };
      const { structuredContent, content } = await client.callTool(request, undefined, { timeout: 3_600_000 });
      messages.push({ role: 'tool', tool_call_id: id, content: JSON.stringify(structuredContent ?? content) });
    }
  }
}

const messages = [];
for (let line = await nextLine(); line !== undefined; line = await nextLine()) {
  messages.push({ role: 'user', content: line });
  say(await answer(messages));
}
await client.close();
