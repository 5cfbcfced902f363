// What the build leaves out of libraries (build.js, LEFT_OUT) is used on no path: here each of it is a trap that says so on
// stderr, in a server that does all it can: forms, every kind of request to Atlas, over TLS through a proxy.

import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { type Plugin } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildServer, LEFT_OUT } from '../../build.js';
import { exchanged } from '../../build/split.js';
import { sandboxFor } from '../atlas-simulator/sandbox-for.ts';
import { makeCertificate, NAME, proxyFor, tlsGatewayFor } from '../atlas/http/tls-servers.ts';
import { credentialsFor, startHost, temporaryHome } from './host.ts';
import { structuredOf } from './result.ts';
import { CREATE, GROUP } from './scene.ts';

/** Says that it is used, by whatever of it is read or called, and goes on as what stands there in what ships. */
const TRAPS: Readonly<Record<keyof typeof LEFT_OUT, string>> = {
  '/web/fetch/body\\.js$': `module.exports = new Proxy({}, { get: (_, name) => trap('body ' + String(name)) });`,
  '/client-h2\\.js$': `module.exports = new Proxy(() => {}, { get: (_, name) => trap('h2 ' + String(name)), apply: () => trap('h2') });`,
  '/llhttp_simd-wasm\\.js$': `module.exports = new Proxy({}, { get: (_, name) => trap('simd ' + String(name)) });`,
  'ajv-provider\\.js$': `export class AjvJsonSchemaValidator { getValidator() { trap('ajv'); } }`,
  '/experimental/tasks/server\\.js$': `export class ExperimentalServerTasks { constructor() { trap('tasks'); } }`,
  '^zod/v3$': `module.exports = new Proxy({}, { get: (_, name) => name === '__esModule' || trap('zod ' + String(name)) });`,
};

const SAY = `const trap = (name) => void process.stderr.write('LEFT-OUT ' + name + '\\n');`;

let folder: string;
let bundle: string;

beforeAll(async () => {
  folder = mkdtempSync(join(realpathSync(tmpdir()), 'amk-left-out-'));
  makeCertificate(join(folder, 'tls'));
  bundle = join(folder, 'server.mjs');
  const plugins: Plugin[] = exchanged(
    Object.fromEntries(Object.entries(TRAPS).map(([pattern, trap]) => [pattern, `${SAY} ${trap}`])),
    { inPart: true },
  );
  await buildServer(bundle, { plugins, complete: true });
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

test('everything that is left out has its trap, and each is in the bundle', () => {
  expect(Object.keys(TRAPS)).toEqual(Object.keys(LEFT_OUT));
  const built = readdirSync(folder).filter((name) => /\.[cm]js$/.test(name));
  const text = built.map((name) => readFileSync(join(folder, name), 'latin1')).join('');
  expect(text.match(/LEFT-OUT/g)).toHaveLength(Object.keys(LEFT_OUT).length);
});

test('none of it is used', async () => {
  const sandbox = await sandboxFor();
  const proxy = await proxyFor(await tlsGatewayFor(join(folder, 'tls'), sandbox.baseUrl));
  const home = temporaryHome();
  const sinks = Object.fromEntries(['app', 'vault'].map((name) => [name, `file:${home}/{entry}.${name}`]));
  const host = await startHost({
    home,
    bundle,
    capabilities: { elicitation: {} },
    env: {
      ...credentialsFor(sandbox),
      MONGODB_ATLAS_BASE_URL: `https://${NAME}`,
      NODE_EXTRA_CA_CERTS: join(folder, 'tls', 'cert.pem'),
      HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`,
      ATLAS_MODEL_KEYS_CONFIRM: 'required',
      ATLAS_MODEL_KEYS_SINKS: JSON.stringify(sinks),
    },
  });
  let forms = 0;
  host.client.setRequestHandler(ElicitRequestSchema, async ({ params }) => {
    forms += 1;
    // A person takes a while; what is answered at once was seen by nobody.
    await delay(400);
    const typed = params.message.split('\n').at(-1) ?? '';
    return { action: 'accept', content: { answer: JSON.stringify(params).includes('"vault"') ? 'vault' : typed } };
  });
  const called = async (name: string, args: Record<string, unknown>) =>
    structuredOf(await host.call(name, { groupId: GROUP, ...args }));
  const { key } = await called(CREATE, { name: 'first' });
  const apiKeyId = key?.apiKeyId;
  const { tools } = await host.client.listTools();
  for (const { name } of tools) await host.client.callTool({ name, arguments: { groupId: GROUP } });
  await called('update_ai_model_api_key', { apiKeyId, name: 'second' });
  await called('update_ai_model_api_key', { apiKeyId, name: 'first' });
  expect(await called('delete_ai_model_api_key', { apiKeyId, confirmName: 'first' })).toMatchObject({
    outcome: 'deleted',
  });
  expect(forms).toBeGreaterThan(0);
  expect(new Set(sandbox.requests.map(({ method }) => method))).toEqual(new Set(['POST', 'GET', 'PATCH', 'DELETE']));
  expect(host.output().stderr).not.toContain('LEFT-OUT');
});
