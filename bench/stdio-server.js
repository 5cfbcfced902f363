// Runs a script as a stdio server, as a host does, and takes the time of its answers. It checks no more of them than that
// they are no errors.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';

/** As VS Code introduces itself, with everything that it can do. */
const INITIALIZE = {
  protocolVersion: '2025-11-25',
  capabilities: {
    roots: { listChanged: true },
    sampling: { context: {}, tools: {} },
    elicitation: { form: {}, url: {} },
    tasks: {
      list: {},
      cancel: {},
      requests: { sampling: { createMessage: {} }, elicitation: { create: {} } },
    },
    extensions: { 'io.modelcontextprotocol/ui': { mimeTypes: ['text/html;profile=mcp-app'] } },
  },
  clientInfo: { name: 'bench', title: 'Benchmark', version: '1.0.0' },
};

/** The process, at once, with a home of its own unless one is given. */
export function startServer(script, { folder, home = mkdtempSync(join(folder, 'home-')), env = {} }) {
  const began = performance.now();
  const child = spawn(process.execPath, [script], {
    cwd: home,
    env: { PATH: process.env.PATH, HOME: home, TMPDIR: home, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  // Of a server that has ended: the request that it owes an answer tells.
  child.stdin.on('error', () => undefined);
  const waiting = new Map();
  const giveUp = (why) => {
    for (const { reject } of waiting.values()) reject(new Error(why));
  };
  closed.then(([code]) => giveUp(`The server ended with ${code} and owes an answer.`));
  createInterface({ input: child.stdout }).on('line', (line) => {
    const at = performance.now();
    const { id, method, result, error } = JSON.parse(line);
    // It is promised answers that nobody here gives: nothing that is measured may need one.
    if (method !== undefined && id !== undefined) {
      giveUp(`The server asks for ${method}.`);
      return;
    }
    const asked = waiting.get(id);
    waiting.delete(id);
    if (error) asked?.reject(new Error(`The server answered ${JSON.stringify(error)}`));
    else asked?.resolve({ result, line, at });
  });
  const send = (message) => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  let lastId = 0;
  return {
    pid: child.pid,
    /** When it was spawned. */
    began,
    /** The answer's result, its line, and when it was there. */
    request(method, params) {
      lastId += 1;
      const id = lastId;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        send({ id, method, params });
      });
    },
    notify: (method) => send({ method }),
    async end() {
      child.stdin.end();
      await closed;
    },
  };
}

/** The first words of every host: milliseconds from the spawn to the answers of `initialize` and of `tools/list`. */
export async function greet(server) {
  const initialized = await server.request('initialize', INITIALIZE);
  server.notify('notifications/initialized');
  const listed = await server.request('tools/list', {});
  return {
    initializeMs: initialized.at - server.began,
    toolsListMs: listed.at - server.began,
    line: listed.line,
    tools: listed.result.tools,
  };
}

/** This server, or another, admitted to the stand-in, and greeted as by a host that has called no tool. */
export async function startGreetedServer({ installed, folder, atlas }, script = installed.script) {
  const server = startServer(script, { folder, env: atlas.environment });
  await greet(server);
  return server;
}

/** How many milliseconds the call took; a call that did not do what it should is an error. */
export async function timeCall(server, { name, arguments: given, outcome }) {
  const began = performance.now();
  const { result, at } = await server.request('tools/call', { name, arguments: given });
  const answered = result.structuredContent;
  if (answered?.outcome !== outcome) throw new Error(`${name}: ${answered?.error?.code ?? answered?.outcome}`);
  return at - began;
}
