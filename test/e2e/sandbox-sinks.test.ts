// Sinks of every kind beside --sandbox, by flags as an operator tries them: a command as an object, which verifies and takes back, a
// store, and a preset. The keys are simulated; the sinks are real.

import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { done, missingOf, realHome } from '../sinks/real-programs.ts';
import { vaultStandIn } from '../sinks/stores/vault-stand-in.ts';
import { startHost, temporaryHome } from './host.ts';
import { errorOf, structuredOf } from './result.ts';
import { CREATE, GROUP } from './scene.ts';

const TOKEN = 'canary-token-of-a-store-0123456789';
const hasAge = missingOf(['age', 'age-keygen']).length === 0;

async function sandboxWith(
  sinks: Readonly<Record<string, string | object>>,
  env: Readonly<Record<string, string>> = {},
) {
  const args = Object.entries(sinks).flatMap(([name, sink]) => [
    '--sink',
    `${name}=${typeof sink === 'string' ? sink : JSON.stringify(sink)}`,
  ]);
  const host = await startHost({ home: temporaryHome(), args: ['--sandbox', ...args], env });
  return { host, create: (name: string, sink: string) => host.call(CREATE, { groupId: GROUP, name, sink }) };
}

test('a command as an object is verified, refuses what is there, and takes back what failed', async () => {
  const home = temporaryHome();
  const [kept, keep, drop] = ['kept', 'keep', 'drop'].map((name) => join(home, name));
  mkdirSync(kept ?? '', { mode: 0o700 });
  const script = (path = '', body = '') => {
    writeFileSync(path, `#!/bin/sh\n${body}\n`);
    chmodSync(path, 0o700);
  };
  script(keep, `cat > '${kept}'/"$1"`);
  script(drop, `rm '${kept}'/"$1"`);
  const team = {
    type: 'command',
    argv: [keep, '{entry}'],
    verify: ['cat', `${kept}/{entry}`],
    remove: [drop, '{entry}'],
    absent: [1],
  };
  const { create } = await sandboxWith({ team, bad: { ...team, argv: [keep, 'other'] } });
  expect(structuredOf(await create('one', 'team'))).toMatchObject({
    outcome: 'delivered',
    delivery: { kind: 'command', verification: 'read-back' },
  });
  expect(readFileSync(join(kept ?? '', 'one'), 'utf8')).toMatch(/^al-/);
  expect(errorOf(await create('one-', 'team'))).toMatchObject({ code: 'SINK_ENTRY_EXISTS', keyState: 'not_created' });
  expect(errorOf(await create('two', 'bad'))).toMatchObject({ code: 'SINK_WRITE_FAILED', keyState: 'rolled_back' });
});

test('a store gets the secret by its own API', async () => {
  const vault = await vaultStandIn(TOKEN);
  onTestFinished(() => vault.close());
  const environment = { VAULT_ADDR: vault.address, VAULT_TOKEN: TOKEN };
  const { host, create } = await sandboxWith({ vault: 'vault:secret/apps/{entry}#KEY' }, environment);
  expect(structuredOf(await create('one', 'vault'))).toMatchObject({
    delivery: { kind: 'vault', verification: 'read-back' },
  });
  expect(vault.current('apps/one')).toMatchObject({ KEY: expect.stringMatching(/^al-/) as unknown });
  expect(host.output().stderr + host.output().stdout).not.toContain('canary');
});

test.skipIf(!hasAge && !process.env.CI)('a preset too: age, with the real program', async () => {
  const real = realHome();
  onTestFinished(() => real.close());
  const [identity, file] = [real.at('id.txt'), real.at('{entry}.age')];
  done(real, 'age-keygen', ['-o', identity]);
  const recipient = /age1[a-z0-9]+/.exec(readFileSync(identity, 'utf8'))?.[0] ?? '';
  const { create } = await sandboxWith({ age: `age:${file}?recipient=${recipient}&identity=${identity}` });
  expect(structuredOf(await create('one', 'age'))).toMatchObject({ delivery: { verification: 'read-back' } });
  expect(existsSync(real.at('one.age'))).toBe(true);
});
