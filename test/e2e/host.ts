// Runs the built server as a host does: a child process over stdio, with the SDK's client, keeping every byte that came out.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { ReadBuffer, serializeMessage } from '@modelcontextprotocol/sdk/shared/stdio.js';
import { type Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { CallToolResultSchema, type CallToolResult, type ClientCapabilities } from '@modelcontextprotocol/sdk/types.js';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';
import { type JsonSchemaType, type jsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/types.js';
import { afterAll, onTestFinished } from 'vitest';
import { sandboxFor } from '../atlas-simulator/sandbox-for.ts';
import { type Simulator } from '../atlas-simulator/simulator.ts';
import { holdToSchema } from '../tools/strict-result.ts';

export const BUNDLE = fileURLToPath(new URL('../../dist/atlas-model-keys-mcp.js', import.meta.url));

/** Copies the two files of the bundle to where no package.json says what they are. */
export function copyBundle(folder: string): { readonly bundle: string; readonly program: string } {
  const name = readdirSync(dirname(BUNDLE)).find((file) => file.startsWith('program-')) ?? '';
  const [bundle, program] = [join(folder, 'server.mjs'), join(folder, name)];
  copyFileSync(BUNDLE, bundle);
  copyFileSync(join(dirname(BUNDLE), name), program);
  return { bundle, program };
}

/** Takes what is to be done when something is no longer needed: by default when the test ends. */
export type Until = (done: () => Promise<void> | void) => void;

/** For what the tests of the calling suite share: until the last of them has ended. */
export function untilLastTest(): Until {
  const todo: (() => Promise<void> | void)[] = [];
  afterAll(async () => {
    for (const done of todo.reverse()) await done();
  });
  return (done) => todo.push(done);
}

/** A user's home of its own, with a mode that file sinks accept. */
export function temporaryHome(until: Until = onTestFinished): string {
  const home = join(mkdtempSync(join(realpathSync(tmpdir()), 'amk-e2e-')), 'home');
  mkdirSync(join(home, 'tmp'), { recursive: true, mode: 0o700 });
  until(() => {
    rmSync(join(home, '..'), { recursive: true, force: true });
  });
  return home;
}

/** The file's path. Mode 0600, so that it is accepted as a configuration. */
export function fileIn(home: string, name: string, content: string): string {
  const path = join(home, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

/** The variables with which a server is admitted to the sandbox as a service account. */
export function credentialsFor({
  baseUrl,
  credentials,
}: Pick<Simulator, 'baseUrl' | 'credentials'>): Record<string, string> {
  return {
    MONGODB_ATLAS_BASE_URL: baseUrl,
    MONGODB_ATLAS_CLIENT_ID: credentials.clientId,
    MONGODB_ATLAS_CLIENT_SECRET: credentials.clientSecret,
  };
}

/** A simulated Atlas, a home, and the variables with which a server that has that home is admitted; until the test ends. */
export async function atlasAndHome() {
  const sandbox = await sandboxFor();
  return { sandbox, home: temporaryHome(), env: credentialsFor(sandbox) };
}

interface RunningServer {
  readonly pid: number;
  /** Everything that came out so far. */
  readonly output: () => { readonly stdout: string; readonly stderr: string };
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly endInput: () => void;
}

export interface Host extends RunningServer {
  readonly client: Client;
  /** A tool call as hosts make it; the result is checked by the SDK, and against the tool's full output schema. */
  readonly call: (name: string, args?: Record<string, unknown>) => Promise<CallToolResult>;
}

export interface ServerSettings {
  readonly home: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Another build of the server than the one that ships. */
  readonly bundle?: string;
  /** A program and its arguments that start the server, such as one that makes it another user's. */
  readonly by?: readonly string[];
  readonly until?: Until;
}

export interface HostSettings extends ServerSettings {
  /** What the host can do. */
  readonly capabilities?: ClientCapabilities;
}

/** One that was not yet spoken to. */
export interface SilentServer extends RunningServer {
  readonly transport: Transport;
  /** Into its standard input, be it a message or not. */
  readonly write: (text: string) => void;
}

export function startServer({
  home,
  args = [],
  env = {},
  bundle = BUNDLE,
  by = [],
  until = onTestFinished,
}: ServerSettings): SilentServer {
  const [program = process.execPath, ...rest] = [...by, process.execPath, bundle, ...args];
  const child = spawn(program, rest, {
    cwd: home,
    env: { PATH: process.env.PATH, HOME: home, TMPDIR: join(home, 'tmp'), ...env },
    stdio: 'pipe',
  });
  const chunks: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
  child.stdout.on('data', (chunk: Buffer) => chunks.stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.stderr.push(chunk));
  child.stdin.on('error', () => undefined);
  const ended = once(child, 'close').then(([code, signal]: (number | NodeJS.Signals | null)[]) => ({
    code: typeof code === 'number' ? code : null,
    signal: typeof signal === 'string' ? signal : null,
  }));
  until(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return {
    pid: child.pid ?? 0,
    output: () => ({
      stdout: Buffer.concat(chunks.stdout).toString(),
      stderr: Buffer.concat(chunks.stderr).toString(),
    }),
    ended,
    kill: (signal) => child.kill(signal),
    endInput: () => child.stdin.end(),
    transport: transportOver(child.stdin, child.stdout),
    write: (text) => child.stdin.write(text),
  };
}

export function transportOver(input: NodeJS.WritableStream, output: NodeJS.ReadableStream): Transport {
  const lines = new ReadBuffer();
  const transport: Transport = {
    start() {
      output.on('data', (chunk: Buffer) => {
        lines.append(chunk);
        for (let message = lines.readMessage(); message; message = lines.readMessage()) transport.onmessage?.(message);
      });
      output.on('end', () => transport.onclose?.());
      return Promise.resolve();
    },
    send(message) {
      input.write(serializeMessage(message));
      return Promise.resolve();
    },
    close() {
      input.end();
      return Promise.resolve();
    },
  };
  return transport;
}

const ajv = new AjvJsonSchemaValidator();
const schemas = new Map<string, JsonSchemaType>();

/** The SDK's own, which compiles a schema once: each of hundreds of servers has the same ones. */
const compiledOnce: jsonSchemaValidator = {
  getValidator(schema) {
    const text = JSON.stringify(schema);
    const first = schemas.get(text) ?? schema;
    schemas.set(text, first);
    return ajv.getValidator(first);
  },
};

export async function startHost({ capabilities = {}, ...settings }: HostSettings): Promise<Host> {
  const { transport, ...server } = startServer(settings);
  const client = new Client(
    { name: 'test-host', version: '1.0.0' },
    { jsonSchemaValidator: compiledOnce, capabilities },
  );
  await client.connect(transport);
  await client.listTools();
  return {
    ...server,
    client,
    call: async (name, args = {}) => {
      const called = CallToolResultSchema.parse(await client.callTool({ name, arguments: args }));
      holdToSchema(name, called.structuredContent);
      return called;
    },
  };
}

/** The content of every file below the folder, by path: the journal and the audit log too, unless `withState` is false. */
export function filesBelow(folder: string, withState = true): Map<string, string> {
  return new Map(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => withState || !/\/(?:\.local\/state|state)\//.test(path))
      .map((path) => [path, readFileSync(path, 'latin1')]),
  );
}
