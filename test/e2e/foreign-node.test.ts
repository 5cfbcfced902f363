// The server within another program's Node, as Claude Desktop runs it in a process of Electron: stdin and stdout are streams of
// the host's own, process.execPath is no Node, the search path is that of a graphical session, and there may be neither an
// inspector nor diagnostic reports.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { deserializeMessage, serializeMessage } from '@modelcontextprotocol/sdk/shared/stdio.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, onTestFinished, test } from 'vitest';
import * as z from 'zod/v4';
import { atlasAndHome, copyBundle, fileIn } from './host.ts';
import { structuredOf } from './result.ts';
import { CREATE, GROUP } from './scene.ts';

/** Stands before the program, in the same process. Lines come and go as messages of the host. */
const HOST = `
const { EventEmitter } = require('node:events');
const { PassThrough, Writable } = require('node:stream');
const Module = require('node:module');
const output = {
  stream: () => new Writable({ write: (chunk, _encoding, done) => process.send(String(chunk), () => done()) }),
  function: () => Object.assign(new EventEmitter(), { write: (chunk) => void process.send(String(chunk)), end() {} }),
}[process.env.TEST_OUTPUT]();
const input = new PassThrough();
process.on('message', (line) => (line === 'end' ? input.end() : input.write(line)));
const replace = (object, name, value) => Object.defineProperty(object, name, { value, configurable: true });
replace(process, 'stdin', input);
replace(process, 'stdout', output);
replace(process, 'report', undefined);
replace(process, 'execPath', '/Applications/Claude.app/Contents/Frameworks/Claude Helper');
replace(process.features, 'inspector', false);
replace(process.versions, 'electron', '41.0.0');
const { getBuiltinModule } = process;
const refuse = (id) => { if (/^(?:node:)?inspector/.test(id)) throw new Error('ERR_INSPECTOR_NOT_AVAILABLE'); };
process.getBuiltinModule = (id) => { refuse(id); return getBuiltinModule(id); };
const load = Module._load;
Module._load = function (id) { refuse(id); return load.apply(this, arguments); };
`;

type Output = 'stream' | 'function';

function startWithin(home: string, output: Output, env: Readonly<Record<string, string>>) {
  const folder = join(home, 'bundle');
  mkdirSync(folder);
  const { bundle } = copyBundle(folder);
  const child = fork(bundle, [], {
    cwd: '/',
    execArgv: ['--require', fileIn(home, 'host.cjs', HOST)],
    // That of a graphical session, in which there is no Node.
    env: { HOME: home, PATH: '/usr/bin:/bin:/usr/sbin:/sbin', TEST_OUTPUT: output, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const printed: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => printed.push(chunk));
  const ended = once(child, 'close').then(([code]: unknown[]) => code);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const transport: Transport = {
    start() {
      child.on('message', (line) => {
        for (const text of z.string().parse(line).trimEnd().split('\n'))
          transport.onmessage?.(deserializeMessage(text));
      });
      void ended.then(() => transport.onclose?.());
      return Promise.resolve();
    },
    send(message) {
      child.send(serializeMessage(message));
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
  return {
    transport,
    ended,
    printed: () => Buffer.concat(printed).toString(),
    endInput: () => child.send('end'),
  };
}

describe.each<[Output]>([['stream'], ['function']])('stdout is a %s of the host', (output) => {
  test('lists the tools, creates a key, and ends with its input', async () => {
    const { sandbox, home, env } = await atlasAndHome();
    const server = startWithin(home, output, env);
    const client = new Client({ name: 'desktop', version: '1.0.0' });
    await client.connect(server.transport);
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain(CREATE);
    const request = { name: CREATE, arguments: { groupId: GROUP, name: 'a key' } };
    const called = structuredOf(CallToolResultSchema.parse(await client.callTool(request)));
    expect(called).toMatchObject({ outcome: 'delivered', delivery: { sink: 'local' } });
    const folder = join(home, '.local/share/atlas-model-keys/keys', GROUP);
    expect(readFileSync(join(folder, readdirSync(folder)[0] ?? ''), 'utf8')).toBe(sandbox.keys(GROUP)[0]?.secret);
    server.endInput();
    expect(await server.ended).toBe(0);
    expect(server.printed()).toBe('');
  });

  test('ends when its input ends before anything was called', async () => {
    const { home, env } = await atlasAndHome();
    const server = startWithin(home, output, env);
    await new Client({ name: 'desktop', version: '1.0.0' }).connect(server.transport);
    server.endInput();
    expect(await server.ended).toBe(0);
  });
});

test('only setup, which tells hosts how it was started, and the keyring of Windows ask for the Node that runs it', () => {
  const sources = fileURLToPath(new URL('../../src', import.meta.url));
  const asking = readdirSync(sources, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && readFileSync(join(sources, file), 'utf8').includes('execPath'))
    .map((file) => file.replaceAll('\\', '/'));
  expect(asking.sort()).toEqual(['config/presets.ts', 'main.ts', 'setup/registration.ts']);
});
