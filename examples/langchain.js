// A LangChain agent that makes model keys, with the tools that LangChain's MCP adapters made of the server's.

import { MultiServerMCPClient } from '@langchain/mcp-adapters';
import { ChatOpenAI } from '@langchain/openai';
import { createAgent } from 'langchain';
import { readArguments } from './server-command.js';

const { task, command, args } = readArguments();
const client = new MultiServerMCPClient({
  // A refusal is for the model to read, not an exception.
  throwOnLoadError: true,
  mcpServers: { 'atlas-model-keys': { transport: 'stdio', command, args } },
});
try {
  const agent = createAgent({
    model: new ChatOpenAI({
      model: process.env.MODEL ?? 'gpt-5-mini',
      configuration: { baseURL: process.env.OPENAI_BASE_URL },
    }),
    tools: await client.getTools(),
    systemPrompt: 'You provision keys for applications. Tell where the secret went, and nothing that you do not know.',
  });
  const { messages } = await agent.invoke({ messages: [{ role: 'user', content: task }] });
  process.stdout.write(`${messages.at(-1)?.text}\n`);
} finally {
  await client.close();
}
