// A process of its own that exchanges a secret through a sink (or puts it where there is none, in a file sink), and is killed by itself or by others while it does.
// Arguments: the kind of the sink, the path, the mask, the new secret, then one of
//   kill N    SIGKILL just before the call number N to the file system
//   sync N    the disk fails at sync number N and at all that follow
//   once N    it fails at that one only
//   wait      begins when the standard input ends
//   swing     exchanges again and again, until somebody kills it

import { once } from 'node:events';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { Secret } from '../../src/secret/secret.ts';
import { dotenvSink } from '../../src/sinks/dotenv/dotenv-sink.ts';
import { fileSink } from '../../src/sinks/file-sink.ts';
import type { PreparedWrite } from '../../src/sinks/sink.ts';

const [, , kind, path = '', maskedSecret, value = '', task, at] = process.argv;
const nonce = '0123456789ab';
const environment = { PATH: process.env.PATH ?? '' };
const sink =
  kind === 'file'
    ? fileSink('local', { type: 'file', path }, environment)
    : dotenvSink('env', { type: 'dotenv', path, variable: 'VOYAGE_API_KEY' }, environment);

/** What is asked of the system, but for what only closes. */
const CALLS = [
  'fchmodSync',
  'fstatSync',
  'fsync',
  'linkSync',
  'lstatSync',
  'openSync',
  'readSync',
  'readdirSync',
  'readlinkSync',
  'renameSync',
  'unlinkSync',
  'writeFileSync',
] as const;

function killBefore(call: number): void {
  let calls = 0;
  for (const name of CALLS) {
    const method = fs[name];
    const counting = (...args: unknown[]): unknown => {
      calls += 1;
      if (calls === call) process.kill(process.pid, 'SIGKILL');
      return Reflect.apply(method, fs, args);
    };
    Reflect.set(fs, name, counting);
  }
  syncBuiltinESMExports();
}

function failSyncs(from: number, to: number): void {
  let syncs = 0;
  const { fsync } = fs;
  const failing = (file: number, done: (error: Error | null) => void) => {
    syncs += 1;
    if (syncs < from || syncs > to) fsync(file, done);
    else setImmediate(done, Object.assign(new Error('EIO'), { code: 'EIO' }));
  };
  Reflect.set(fs, 'fsync', failing);
  syncBuiltinESMExports();
}

async function prepare(): Promise<PreparedWrite> {
  const preflight = await sink.preflight({ groupId: '0123456789abcdef01234567' }, 'inspect', { maskedSecret });
  if (!preflight.ok) throw new Error(preflight.failure.message);
  return preflight.value.write;
}

async function exchange(target: PreparedWrite, secret: Secret): Promise<void> {
  const delivery = await target.deliver(secret, { nonce });
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
if (task === 'kill') killBefore(Number(at));
if (task === 'sync') failSyncs(Number(at), Number.POSITIVE_INFINITY);
if (task === 'once') failSyncs(Number(at), Number(at));
await exchange(target, new Secret(value));
