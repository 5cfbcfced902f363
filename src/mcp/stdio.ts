// Serves over stdin and stdout until the host goes away, and then lets what is under way come to its end.

import { setTimeout as delay } from 'node:timers/promises';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { redacted, type Log } from '../secret/way-out.ts';
import { type McpAdapter } from './server.ts';
import { withRequestZero } from './request-zero.ts';

/** How long calls under way may take to end once the host has gone, and their answers to be read. In milliseconds. */
const LONGEST_END_MS = 10_000;

/** Resolves with the exit code when all is done: at the end of stdin, a signal, or an error that nothing caught. */
export async function serveStdio({ server, drain }: McpAdapter, uncaught: Promise<void>, log: Log): Promise<number> {
  const output = redacted(process.stdout);
  const ended = hostGone(server, output);
  // Of an error of the protocol the class alone: its message may quote what was received.
  server.onerror = (error) => {
    log('warning', `protocol error (${error.constructor.name})`);
  };
  await server.connect(withRequestZero(new StdioServerTransport(process.stdin, output)));
  const exitCode = await Promise.race([ended.then(() => 0), uncaught.then(() => 1)]);
  const finished = finish(drain, output).then(() => true);
  if (await Promise.race([finished, delay(LONGEST_END_MS, false)])) return exitCode;
  log('error', 'ended before every call was answered; reconcile_ai_model_api_keys tells what is true of them');
  return 1;
}

async function finish(drain: McpAdapter['drain'], output: NodeJS.WritableStream): Promise<void> {
  await drain();
  // The answers of the calls that ended just now are written in the next turn.
  await new Promise(setImmediate);
  await new Promise<void>((resolve) => output.end(resolve));
}

/** Neither the SDK's server nor its transport reacts to the end of stdin. */
function hostGone(server: McpAdapter['server'], output: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    const gone = () => {
      resolve();
    };
    // The transport closes itself over a message that is larger than it reads.
    server.onclose = gone;
    for (const event of ['end', 'close', 'error']) process.stdin.once(event, gone);
    // A host that no longer reads: without a listener the broken pipe would be an uncaught error.
    process.stdout.on('error', gone);
    output.on('error', gone);
    // Not `once`: a second signal must not end the process before the calls have ended.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, gone);
  });
}
