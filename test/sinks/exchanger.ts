// A process of its own that exchanges a secret through a sink, and is killed by itself or by others while it does.
// Arguments: the kind of the sink, the path, the mask, the new secret, then one of
//   kill N    SIGKILL just before the call number N to the file system
//   sync N    the disk fails at sync number N and at all that follow
//   once N    it fails at that one alone
//   wait      begins when the standard input ends
//   swing     exchanges again and again, until somebody kills it

import { once } from 'node:events';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { Secret } from '../../src/secret/secret.ts';
import { dotenvSink } from '../../src/sinks/dotenv-sink.ts';
import { fileSink } from '../../src/sinks/file-sink.ts';
import type { Target } from '../../src/sinks/sink.ts';

const [, , kind, path = '', maskedSecret, value = '', task, at] = process.argv;
const environment = { PATH: process.env.PATH ?? '' };
const sink =
  kind === 'file'
    ? fileSink('local', { type: 'file', path }, environment)
    : dotenvSink('env', { type: 'dotenv', path, variable: 'VOYAGE_API_KEY' }, environment);

/** Runs `first` before each call of a method; an error of it is that of the call. */
function precede(owner: object, name: string, first: () => void): void {
  const method: unknown = Reflect.get(owner, name);
  if (typeof method !== 'function') throw new Error(`There is no ${name}.`);
  Reflect.set(owner, name, async function (this: unknown, ...args: unknown[]): Promise<unknown> {
    first();
    const result: unknown = await Reflect.apply(method, this, args);
    return result;
  });
}

async function handles(): Promise<object> {
  const handle = await fs.open('/');
  await handle.close();
  const prototype: unknown = Object.getPrototypeOf(handle);
  if (typeof prototype !== 'object' || prototype === null) throw new Error('There are no file handles.');
  return prototype;
}

async function killBefore(call: number): Promise<void> {
  let calls = 0;
  const count = () => {
    calls += 1;
    if (calls === call) process.kill(process.pid, 'SIGKILL');
  };
  const prototype = await handles();
  for (const name of ['open', 'link', 'lstat', 'readdir', 'rename', 'unlink']) precede(fs, name, count);
  for (const name of ['chmod', 'read', 'stat', 'sync', 'writeFile']) precede(prototype, name, count);
  syncBuiltinESMExports();
}

async function failSyncs(from: number, to: number): Promise<void> {
  let syncs = 0;
  precede(await handles(), 'sync', () => {
    syncs += 1;
    if (syncs >= from && syncs <= to) throw Object.assign(new Error('EIO'), { code: 'EIO' });
  });
}

async function prepare(): Promise<Target> {
  const preflight = await sink.preflight({ groupId: '0123456789abcdef01234567' }, 'inspect', { maskedSecret });
  if (!preflight.ready) throw new Error(preflight.problem.message);
  return preflight.target;
}

async function exchange(target: Target, secret: Secret): Promise<void> {
  const delivery = await target.deliver(secret);
  const verdict = delivery.outcome === 'failed' ? undefined : await target.verify(secret);
  process.stdout.write(`${delivery.outcome} ${verdict?.outcome ?? 'not at all'}\n`);
}

if (task === 'swing') {
  for (let each = 0; ; each += 1) {
    const target = await prepare();
    const delivery = await target.deliver(new Secret(value.replace('NUMBER', `${each}`)));
    if (delivery.outcome !== 'written') throw new Error(delivery.message);
    if (each === 0) process.stdout.write('ready\n');
    if (each % 3 === 0) await target.retract();
  }
}
const target = await prepare();
if (task === 'wait') {
  process.stdout.write('ready\n');
  process.stdin.resume();
  await once(process.stdin, 'end');
}
if (task === 'kill') await killBefore(Number(at));
if (task === 'sync') await failSyncs(Number(at), Number.POSITIVE_INFINITY);
if (task === 'once') await failSyncs(Number(at), Number(at));
await exchange(target, new Secret(value));
