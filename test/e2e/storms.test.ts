// Twenty storms: servers on two machines, which share nothing but Atlas, create and rotate the same names, and are killed at
// random moments; replies are slow, and some are lost. When it is over and each machine has reconciled, nothing is lost that
// nobody was told of, and no machine has harmed the other.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { startSimulator, type Simulator } from '../atlas-simulator/simulator.ts';
import { leaksIn } from '../canary.ts';
import { filesBelow, startHost, temporaryHome, type Until } from './host.ts';
import { CREATE, GROUP, inLanes, RECONCILE } from './scene.ts';

const STORMS = 20;
const SERVERS = 8;
const NAMES = ['one', 'two', 'three'];
const MARK = /-undelivered-[0-9a-f]{12}$/;
const UNIQUE = ['never', 'at_rename', 'always'] as const;

interface Machine {
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
}

function machineFor(sandbox: Simulator, until: Until): Machine {
  const home = temporaryHome(until);
  const folder = join(home, 'sink');
  mkdirSync(folder, { mode: 0o700 });
  const { clientId, clientSecret } = sandbox.credentials;
  const env = {
    MONGODB_ATLAS_BASE_URL: sandbox.baseUrl,
    MONGODB_ATLAS_CLIENT_ID: clientId,
    MONGODB_ATLAS_CLIENT_SECRET: clientSecret,
    ATLAS_MODEL_KEYS_MAX_CREATES_PER_HOUR: '10000',
    ATLAS_MODEL_KEYS_SINKS: `keys=file:${folder}/{entry}.key`,
  };
  return { home, env };
}

const heldBy = ({ home }: Machine) => [...filesBelow(join(home, 'sink'))].filter(([path]) => path.endsWith('.key'));
const isTemporary = (path: string) => path.includes('.atlas-model-keys-');

async function storm(number: number, until: Until): Promise<string[]> {
  const sandbox = await startSimulator({ uniqueNames: UNIQUE[number % UNIQUE.length] ?? 'never' });
  until(() => sandbox.close());
  const machines = [machineFor(sandbox, until), machineFor(sandbox, until)];
  const bystander = sandbox.addKey(GROUP, { name: 'a person’s' });
  const said: string[] = [];
  sandbox.inject({ operation: 'any', when: 'after', kind: 'delay', ms: 15, times: 10_000, skip: 3 });
  sandbox.inject({ operation: 'create_key', when: 'after', kind: 'reset', skip: 3, times: 1 });
  const serve = async (index: number) => {
    const { home, env } = machines[index % machines.length] ?? expect.fail('no machine');
    const host = await startHost({ home, env, until });
    const name = NAMES[index % NAMES.length] ?? '';
    const listen = (call: Promise<unknown>) =>
      call.then((answer) => said.push(JSON.stringify(answer))).catch(() => undefined);
    const work = async () => {
      await listen(host.call(CREATE, { groupId: GROUP, name }));
      const old = sandbox.keys(GROUP).find((key) => key.name === name);
      const rotation = { groupId: GROUP, apiKeyId: old?.apiKeyId ?? 'none', confirmName: name };
      await listen(host.call('rotate_ai_model_api_key', rotation));
    };
    await Promise.race([work(), delay(Math.random() * 900)]);
    host.kill('SIGKILL');
    await host.ended;
  };
  await inLanes(
    3,
    Array.from({ length: SERVERS }, (_unused, index) => () => serve(index)),
  );
  await delay(100);
  sandbox.clearFaults();
  for (const machine of machines) {
    const host = await startHost({ ...machine, until });
    said.push(JSON.stringify(await host.call(RECONCILE, { apply: true })));
    host.kill('SIGKILL');
    await host.ended;
  }
  return judged(sandbox, machines, { bystander: bystander.apiKeyId, said: said.join('\n') });
}

/** What is wrong; empty where all is true. */
function judged(
  sandbox: Simulator,
  machines: readonly Machine[],
  { bystander, said }: { readonly bystander: string; readonly said: string },
): string[] {
  const live = sandbox.keys(GROUP);
  const held = machines.flatMap(heldBy);
  const wrong: string[] = [];
  if (!live.some(({ apiKeyId }) => apiKeyId === bystander)) wrong.push('the key of a person is gone');
  for (const { apiKeyId, name, secret } of live) {
    if (apiKeyId === bystander || said.includes(apiKeyId)) continue;
    const isHeld = held.some(([, value]) => value === secret);
    if (!MARK.test(name) && !isHeld) wrong.push(`${name} (${apiKeyId}) is lost, and nobody told`);
    if (MARK.test(name) && isHeld) wrong.push(`${name} (${apiKeyId}) is held and still marked`);
  }
  for (const [path, value] of held)
    if (!isTemporary(path) && !live.some(({ secret }) => secret === value)) wrong.push(`${path} holds a dead secret`);
  const elsewhere = machines.flatMap(({ home }) => [...filesBelow(join(home, '.local'))]);
  const secrets = ['al-sandbox-', sandbox.credentials.clientSecret];
  for (const [path, text] of elsewhere) if (leaksIn(text, secrets).length > 0) wrong.push(`a secret is in ${path}`);
  return wrong;
}

test(`${STORMS} storms of ${SERVERS} servers each`, { timeout: 300_000 }, async ({ onTestFinished }) => {
  const until: Until = (end) => {
    onTestFinished(() => end());
  };
  const wrong: string[] = [];
  await inLanes(
    2,
    Array.from({ length: STORMS }, (_unused, number) => async () => {
      wrong.push(...(await storm(number, until)).map((each) => `storm ${number}: ${each}`));
    }),
  );
  expect(wrong).toEqual([]);
});
