// A process of its own that writes variables through the sink of a .env file, or takes its lock. It begins when its
// standard input ends. Arguments: the path, then "add" and the variables, "hold", or "die".

import { once } from 'node:events';
import { basename, dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ok } from '../../src/failure.ts';
import { Secret } from '../../src/secret/secret.ts';
import { dotenvSink } from '../../src/sinks/dotenv/dotenv-sink.ts';
import { withLock } from '../../src/files/process-owner.ts';
import { withDirectory } from '../../src/files/safe-directory.ts';

const [, , path = '', task, ...variables] = process.argv;

async function add(variable: string): Promise<string> {
  const sink = dotenvSink('env', { type: 'dotenv', path, variable }, { PATH: process.env.PATH ?? '' });
  const preflight = await sink.preflight({ groupId: '0123456789abcdef01234567' }, 'prove');
  if (!preflight.ok) return preflight.failure.message;
  const secret = new Secret(`al-writer-${variable}`);
  const delivery = await preflight.value.write.deliver(secret);
  if (delivery.outcome !== 'written') return delivery.message;
  return (await preflight.value.write.verify(secret)).outcome;
}

function locked(action: () => Promise<unknown>) {
  return withDirectory(dirname(path), (directory) =>
    withLock(directory, { name: basename(path), path }, async () => ok(await action())),
  );
}

process.stdout.write('ready\n');
process.stdin.resume();
await once(process.stdin, 'end');
if (task === 'add') {
  for (const variable of variables) process.stdout.write(`${await add(variable)}\n`);
}
if (task === 'hold') {
  await locked(async () => {
    process.stdout.write('locked\n');
    await delay(600_000);
  });
}
if (task === 'die') {
  await locked(async () => {
    process.kill(process.pid, 'SIGKILL');
    await delay(600_000);
  });
}
