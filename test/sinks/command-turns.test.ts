// Programs that write all that their store holds, as keepassxc-cli does: several sinks of one server and several servers lead to one
// store, and each secret must stay in it.

import { writeFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import type { CommandSpec } from '../../src/config/command-spec.ts';
import { containing } from '../matching.ts';
import { folder, useScriptFolder } from './command-fixture.ts';
import { environmentOf } from './script-folder.ts';

useScriptFolder();

const GROUP = '0123456789abcdef01234567';
const ENTRIES = ['a', 'b', 'c', 'd'];
const secretOf = (entry: string) => `al-canary-${entry}-0123456789-0123456789`;

/** Reads the whole store, thinks, and writes the whole store; `$1` is the group, `$2` the entry. */
const REWRITE = `
store() { printf '%s' "$1" > "$F/store.$$"; mv "$F/store.$$" "$F/store"; }
before=$(cat "$F/store" 2>/dev/null)
sleep 0.1`;

function slowStore(group: string): CommandSpec {
  folder.sh('add', `value=$(cat)\n${REWRITE}\nstore "$before\n$1/$2=$value"`);
  folder.sh('drop', `${REWRITE}\nstore "$(printf '%s' "$before" | grep -v "^$1/$2=")"`);
  folder.sh('show', 'grep -s "^$1/$2=" "$F/store" | grep -o "[^=]*$"');
  const run = (name: string) => [folder.at(name), group, '{entry}'] as const;
  const rest = { verify: run('show'), remove: run('drop'), absent: [1] };
  return { type: 'command', argv: run('add'), ...rest, env: {}, timeoutMs: 20_000 };
}

/** As a server of its own: no module is shared with another. */
async function sinksOfServer(specs: Readonly<Record<string, CommandSpec>>) {
  vi.resetModules();
  const { openSinks } = await import('../../src/sinks/kinds.ts');
  const { Secret } = await import('../../src/secret/secret.ts');
  const { fingerprintOf } = await import('../../src/secret/opened-secret.ts');
  const secret = (entry: string) => new Secret(secretOf(entry));
  const fingerprint = (entry: string) => fingerprintOf(secret(entry));
  const sinks = openSinks(new Map(Object.entries(specs)), environmentOf(), undefined, folder.at('state'));
  return [...sinks.values()].map((sink) => ({ sink, secret, fingerprint }));
}

type Opened = Awaited<ReturnType<typeof sinksOfServer>>[number];

async function deliver({ sink, secret }: Opened, entry: string) {
  const preflight = await sink.preflight({ groupId: GROUP, entry }, 'prove');
  if (!preflight.ok) return expect.fail(preflight.failure.message);
  const { write } = preflight.value;
  return { write, delivery: await write.deliver(secret(entry)) };
}

function held(): string[] {
  const lines = folder.has('store') ? folder.read('store').split('\n') : [];
  return lines.filter((line) => line !== '').sort();
}

const linesOf = (...groups: string[]) =>
  groups.flatMap((group) => ENTRIES.map((entry) => `${group}/${entry}=${secretOf(entry)}`)).sort();

const SERVERS = {
  'two sinks of one server': () => sinksOfServer({ dev: slowStore('dev'), prod: slowStore('prod') }),
  'two servers': async () => {
    const [dev, prod] = [await sinksOfServer({ it: slowStore('dev') }), await sinksOfServer({ it: slowStore('prod') })];
    return [...dev, ...prod];
  },
};

describe.each(Object.entries(SERVERS))('%s', (_who, open) => {
  const deliverAll = async () => {
    const sinks = await open();
    return Promise.all(
      sinks.flatMap((opened) => ENTRIES.map(async (entry) => ({ opened, ...(await deliver(opened, entry)) }))),
    );
  };

  test('all that was delivered at once is there', async () => {
    for (const { delivery } of await deliverAll()) expect(delivery).toMatchObject({ outcome: 'written' });
    expect(held()).toEqual(linesOf('dev', 'prod'));
  });

  test('what is taken back at once is gone, and nothing else', async () => {
    const given = await deliverAll();
    const [dev, prod] = [given.slice(0, ENTRIES.length), given.slice(ENTRIES.length)];
    const added = prod.map(({ opened }, index) => deliver(opened, `new${index}`));
    const removed = dev.map(async ({ opened: { sink, fingerprint }, write }, index) => {
      const entry = ENTRIES[index] ?? '';
      if (index % 2 === 0) expect(await write.retract()).toBe('out');
      else await sink.withdraw?.({ groupId: GROUP, entry }, fingerprint(entry));
    });
    await Promise.all([...added, ...removed]);
    const others = prod.map((_each, index) => `prod/new${index}=${secretOf(`new${index}`)}`);
    expect(held()).toEqual([...linesOf('prod'), ...others].sort());
  });
});

test('a program that another server runs for too long is not run, and the hint says what to do', async () => {
  folder.sh('keep', 'cat > "$F/held.$1"; [ "$1" != slow ] || sleep 3');
  const spec = (entry: string, timeoutMs: number): CommandSpec => {
    return { type: 'command', argv: [folder.at('keep'), entry], env: {}, timeoutMs };
  };
  const [slow] = await sinksOfServer({ it: spec('slow', 20_000) });
  const [fast] = await sinksOfServer({ it: spec('fast', 100) });
  if (!slow || !fast) return expect.fail();
  const first = deliver(slow, 'a');
  await vi.waitUntil(() => folder.has('held.slow'));
  const { write, delivery } = await deliver(fast, 'a');
  expect(delivery).toMatchObject({
    outcome: 'failed',
    message: containing('another server'),
    hint: containing('again'),
  });
  expect(folder.has('held.fast')).toBe(false);
  expect(await write.retract()).toBe('out');
  expect((await first).delivery).toMatchObject({ outcome: 'written' });
});

test('where there can be no lock the program is not run', async () => {
  folder.sh('keep', 'cat > "$F/held"');
  writeFileSync(folder.at('state'), '');
  const [sink] = await sinksOfServer({
    it: { type: 'command', argv: [folder.at('keep')], env: {}, timeoutMs: 20_000 },
  });
  if (!sink) return expect.fail();
  const { write, delivery } = await deliver(sink, 'a');
  expect(delivery).toMatchObject({ outcome: 'failed', message: containing('state') });
  expect(folder.has('held')).toBe(false);
  expect(await write.retract()).toBe('out');
});
