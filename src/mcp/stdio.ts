// Serves over stdin and stdout until the host goes away, and then lets what is under way come to its end.

import { setTimeout as delay } from 'node:timers/promises';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { type McpAdapter } from './server.ts';
import { redacted } from './way-out.ts';

/** How long calls under way may take to end once the host has gone, in milliseconds. */
const LONGEST_DRAIN_MS = 10_000;

/** Resolves with the exit code when all is done: at the end of stdin, a signal, or an error that nothing caught. */
export async function serveStdio({ server, drain }: McpAdapter, uncaught: Promise<void>): Promise<number> {
  const output = redacted(process.stdout);
  const ended = hostGone(server, output);
  await server.connect(new StdioServerTransport(process.stdin, output));
  const exitCode = await Promise.race([ended.then(() => 0), uncaught.then(() => 1)]);
  await Promise.race([drain(), delay(LONGEST_DRAIN_MS)]);
  // The answers of the calls that ended just now are written in the next turn.
  await new Promise(setImmediate);
  await new Promise((resolve) => output.end(resolve));
  return exitCode;
}

/** Neither the SDK's server nor its transport reacts to the end of stdin. */
function hostGone(server: McpAdapter['server'], output: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    const gone = () => { resolve(); };
    // The transport closes itself over a message that is larger than it reads.
    server.onclose = gone;
    for (const event of ['end', 'close', 'error']) process.stdin.once(event, gone);
    // A host that no longer reads: without a listener the broken pipe would be an uncaught error.
    process.stdout.on('error', gone);
    output.on('error', gone);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, gone);
  });
}
