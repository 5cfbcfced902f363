// What machines and people hand over without meaning it.

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { configurationFile, load, refusalOf, temporaryFolder } from './fixture.ts';

describe('a configuration in UTF-16, as PowerShell 5 writes it', () => {
  const json = '{"readOnly":true}';
  const swapped = Buffer.from(json, 'utf16le').swap16();
  test.each([
    ['little endian', Buffer.from(`\uFEFF${json}`, 'utf16le')],
    ['big endian', Buffer.concat([Buffer.from([0xfe, 0xff]), swapped])],
    ['little endian without a mark', Buffer.from(json, 'utf16le')],
    ['big endian without a mark', swapped],
  ])('is named as what it is: %s', async (_what, bytes) => {
    const path = configurationFile({});
    writeFileSync(path, bytes);
    expect(await refusalOf(['--config', path])).toBe(
      `${path}: is in UTF-16, as PowerShell 5 writes it; save it as UTF-8`,
    );
  });
});

describe('the variables of Kubernetes for a service of a like name', () => {
  const links = (service: string) => ({
    [`${service}_SERVICE_HOST`]: '10.0.0.1',
    [`${service}_SERVICE_PORT`]: '80',
    [`${service}_SERVICE_PORT_HTTP_2`]: '80',
    [`${service}_PORT`]: 'tcp://10.0.0.1:80',
    [`${service}_PORT_80_TCP`]: 'tcp://10.0.0.1:80',
    [`${service}_PORT_80_TCP_PROTO`]: 'tcp',
    [`${service}_PORT_80_TCP_PORT`]: '80',
    [`${service}_PORT_80_TCP_ADDR`]: '10.0.0.1',
  });
  test.each(['ATLAS_MODEL_KEYS', 'ATLAS_MODEL_KEYS_MCP', 'ATLAS_MODEL_KEYS_READ_ONLY'])(
    '%s: are passed over',
    async (service) => {
      expect((await load([], links(service))).readOnly).toBe(false);
    },
  );
  test.each(['READONLY', 'PORTS', 'REPORT', 'SERVICE', 'SERVICE_HOSTS', 'PORT_TCP'])(
    'and no other: %s',
    async (name) => {
      expect(await refusalOf([], { [`ATLAS_MODEL_KEYS_${name}`]: '1' })).toMatch(/is not known here/);
    },
  );
});

describe('a list of sinks in one variable', () => {
  const form = /^ATLAS_MODEL_KEYS_SINKS: must be one NAME=URI, or for several a JSON object .*\{"app":"dotenv:/;
  test.each([
    'a=file:/srv/a,b=file:/srv/b',
    'a=file:/srv/a, b=dotenv:/srv/.env#KEY',
    'a=file:/srv/a;b=command:["pass"]',
    'a=file:/srv/a,b=inline',
    'a=inline,b=file:/srv/b',
    'a=file:/srv/a,b=file:/srv/b,c=vault:kv/x',
  ])('%s is refused with the form to use', async (value) => {
    expect(await refusalOf([], { ATLAS_MODEL_KEYS_SINKS: value })).toMatch(form);
  });
  test('a comma in a path is no list', async () => {
    const { sinks } = await load([], { ATLAS_MODEL_KEYS_SINKS: 'a=file:/srv/a,b/{entry}' });
    expect([...sinks.values()]).toEqual([{ type: 'file', path: '/srv/a,b/{entry}' }]);
    const command = 'a=command:["put","a=file:/x","b=inline"]';
    expect([...(await load([], { ATLAS_MODEL_KEYS_SINKS: command })).sinks.keys()]).toEqual(['a']);
  });
});

describe('a key of the configuration that is not known', () => {
  const said = async (key: string) => {
    const path = configurationFile({ [key]: 'x' });
    return (await refusalOf(['--config', path])).slice(path.length);
  };
  test.each(['defaultSinc', 'read-only', 'READ_ONLY', 'sink2', 'maximumCreatesPerHour', '$comment'])(
    'is told where a person made it up: %s',
    async (key) => {
      expect(await said(key)).toBe(`: ${key}: is not known here`);
    },
  );
  test.each([
    'al-0123456789abcdefghij-KLMNO',
    'al-abcdefghijklmnopqrstuvwxyz',
    'mdb_sa_sk_abcdefghijklmnopqrst',
    '1d0f5b9e-93c4-4f7e-8f5d-0a1b2c3d4e5f',
    'deadbeef1234deadbeef1234',
    'QmFzZTY0IGlzIG5vdCBhIHNlY3JldA',
  ])('is not told where it looks like a secret: %s', async (key) => {
    expect(await said(key)).toBe(': (unreadable name): is not known here');
  });
  test('and a secret at random is hardly ever told', () => {
    const keys = fc.sample(fc.stringMatching(/^[A-Za-z0-9]{24,40}$/), { numRuns: 100, seed: 7 });
    return Promise.all(keys.map(said)).then((lines) => {
      expect(lines.filter((line) => !line.includes('(unreadable name)'))).toEqual([]);
    });
  });
  test('the name of a sink is told, such as production-eu-west-1', async () => {
    expect(await refusalOf(['--sink', 'production-eu-west-1=file:relative'])).toMatch(
      /^--sink\.production-eu-west-1\.path/,
    );
    expect(await refusalOf(['--sink', 'al-0123456789abcdefghij=file:relative'])).toMatch(
      /^--sink\.\(unreadable name\)/,
    );
  });
});

const isRoot = process.geteuid?.() === 0;

test.skipIf(!isRoot)(
  `a configuration of root is read${isRoot ? '' : ' (skipped: only root can give itself another user)'}`,
  () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o755);
    mkdirSync(join(folder, 'etc'));
    const path = join(folder, 'etc', 'config.json');
    writeFileSync(path, '{"readOnly":true}', { mode: 0o644 });
    const reader = join(folder, 'reader.mjs');
    const entry = fileURLToPath(new URL('../../src/config/configuration-file.ts', import.meta.url));
    buildSync({ entryPoints: [entry], outfile: reader, bundle: true, platform: 'node', format: 'esm' });
    const script = `import(${JSON.stringify(reader)}).then(async (file) => console.log(JSON.stringify(await file.readConfigurationFile(${JSON.stringify(path)}))))`;
    expect(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8', uid: 65_534 })).toBe(
      '{"readOnly":true}\n',
    );
  },
);
