// An agent of OpenAI's Agents SDK that makes model keys. It sees receipts, never a secret.

import { Agent, MCPServerStdio, run, setTracingDisabled } from '@openai/agents';
import { readArguments } from './server-command.js';

// Otherwise what tools answer is sent to OpenAI's traces.
setTracingDisabled(true);

const { task, command, args } = readArguments();
const server = new MCPServerStdio({
  name: 'atlas-model-keys',
  command,
  args,
  // The SDK passes few variables on. The settings come from the file that `setup` wrote, which HOME leads to.
  env: { HOME: process.env.HOME ?? '', PATH: process.env.PATH ?? '' },
});
await server.connect();
try {
  const agent = new Agent({
    name: 'Provisioner',
    model: process.env.MODEL ?? 'gpt-5-mini',
    instructions: 'You provision keys for applications. Tell where the secret went, and nothing that you do not know.',
    mcpServers: [server],
  });
  const { finalOutput } = await run(agent, task);
  process.stdout.write(`${finalOutput}\n`);
} finally {
  await server.close();
}
