// Starts the built server as a host on Windows does, over pipes, and speaks the protocol with it line by line. Plain
// JavaScript without packages, for a node.exe that has nothing else.

import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { clearTimeout, setTimeout } from 'node:timers';

const ANSWER_LIMIT_MS = 60_000;

/** What a user's processes have there, and nothing of this test. */
export function environmentOf(home, more = {}) {
  for (const folder of ['AppData/Local/Temp', 'AppData/Roaming']) mkdirSync(join(home, folder), { recursive: true });
  const { SystemRoot, SystemDrive, ComSpec, PATHEXT, PATH } = process.env;
  return {
    ...{ SystemRoot, SystemDrive, ComSpec, PATHEXT },
    // As Windows spells it.
    Path: PATH,
    USERPROFILE: home,
    APPDATA: join(home, 'AppData', 'Roaming'),
    LOCALAPPDATA: join(home, 'AppData', 'Local'),
    TEMP: join(home, 'AppData', 'Local', 'Temp'),
    TMP: join(home, 'AppData', 'Local', 'Temp'),
    ...more,
  };
}

/** A server that was asked to begin. */
export async function startServer(server, { args = [], env, cwd }) {
  const child = spawn(process.execPath, [server, ...args], { cwd, env, stdio: 'pipe', windowsHide: true });
  const output = { stdout: '', stderr: '' };
  child.stderr.setEncoding('utf8').on('data', (text) => (output.stderr += text));
  child.stdin.on('error', () => undefined);
  const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
  const waiting = new Map();
  createInterface({ input: child.stdout }).on('line', (line) => {
    output.stdout += `${line}\n`;
    const message = JSON.parse(line);
    waiting.get(message.id)?.(message);
  });
  let last = 0;
  const send = (message) => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  const request = (method, params = {}) => {
    const id = ++last;
    send({ id, method, params });
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer to ${method}: ${output.stderr}`)), ANSWER_LIMIT_MS);
      const settle = (settled, value) => {
        clearTimeout(timer);
        settled(value);
      };
      waiting.set(id, ({ result, error }) =>
        settle(error ? reject : resolve, error ? new Error(error.message) : result),
      );
      void ended.then(() => settle(reject, new Error(`ended before it answered ${method}: ${output.stderr}`)));
    });
  };
  const clientInfo = { name: 'windows-host', version: '1.0.0' };
  await request('initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo });
  send({ method: 'notifications/initialized' });
  return {
    output,
    ended,
    listTools: async () => (await request('tools/list')).tools,
    call: async (name, toolArguments = {}) =>
      (await request('tools/call', { name, arguments: toolArguments })).structuredContent,
    kill: () => child.kill('SIGKILL'),
    leave: () => {
      child.stdin.end();
      return ended;
    },
  };
}

/** A command of the server that ends by itself, such as `doctor`. */
export async function runCommand(server, { args, env, cwd }) {
  const child = spawn(process.execPath, [server, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  const code = await new Promise((resolve) => child.once('close', resolve));
  return { code, stdout, stderr };
}
