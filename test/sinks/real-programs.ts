// What the tests with real programs share: a home of its own for each test, and a reason where a program is missing.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { CommandSpec } from '../../src/config/command-spec.ts';
import { sinkSchema, type SinkSpec } from '../../src/config/sink-spec.ts';
import { openSinks } from '../../src/sinks/kinds.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { environmentOf } from './script-folder.ts';

/** The programs of the list that are not there. */
export function missingOf(programs: readonly string[]): readonly string[] {
  return programs.filter((program) => !isInstalled(program));
}

/** Why a test with these programs is skipped; undefined where it is not. */
export function reasonOf(programs: readonly string[]): string | undefined {
  const missing = missingOf(programs);
  return missing.length > 0 ? `not installed: ${missing.join(', ')}` : undefined;
}

function isInstalled(program: string): boolean {
  const folders = (environmentOf().PATH ?? '').split(delimiter);
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export type RealHome = ReturnType<typeof realHome>;

/** Nothing of the person who runs the tests: no keys, no agent, no bus, no store. */
export function realHome() {
  // Short, because the path of a gpg-agent's socket may have about 100 characters at most.
  const path = mkdtempSync('/tmp/amk-');
  const { PATH = '', LANG = 'C.UTF-8' } = environmentOf();
  const env: Record<string, string> = { PATH, LANG, HOME: path, GNUPGHOME: path };
  env.PASSWORD_STORE_DIR = join(path, 'store');
  const daemons: ChildProcess[] = [];
  const start = (program: string, args: readonly string[]) => {
    const daemon = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'ignore'] });
    daemons.push(daemon);
    return daemon;
  };
  /** Ends the daemons that were started, the last one first. */
  const endDaemons = async () => {
    for (const daemon of daemons.splice(0).reverse()) {
      if (daemon.exitCode !== null || daemon.signalCode !== null) continue;
      const exited = new Promise((resolve) => daemon.once('exit', resolve));
      daemon.kill('SIGKILL');
      await exited;
    }
  };
  return {
    path,
    env,
    at: (name: string) => join(path, name),
    /** Runs a program as a person would, in the environment that the sink has too. */
    run: (program: string, args: readonly string[], input = '') => {
      const { status, stdout, stderr } = spawnSync(program, args, { env, input, encoding: 'utf8' });
      return { status, stdout, stderr };
    },
    start,
    endDaemons,
    async close() {
      if (isInstalled('gpgconf')) spawnSync('gpgconf', ['--kill', 'all'], { env });
      await endDaemons();
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** As {@link RealHome}'s `run`, and its output; throws where the program fails. */
export function done({ run }: Pick<RealHome, 'run'>, program: string, args: readonly string[], input = ''): string {
  const { status, stdout, stderr } = run(program, args, input);
  if (status !== 0) throw new Error(`${program} failed: ${stderr}`);
  return stdout.replace(/\n$/, '');
}

/** The sink of a URI or an object, in that home. */
export function sinkOf(spec: string | object, { env }: Pick<RealHome, 'env'>): Sink {
  const sink = openSinks(new Map([['store', sinkSchema.parse(spec)]]), env).get('store');
  return sink ?? expect.fail('no sink');
}

/** A store of pass, whose key has that passphrase. */
export function makePassStore(home: RealHome, passphrase = ''): void {
  const key = ['--batch', '--pinentry-mode', 'loopback', '--passphrase', passphrase];
  done(home, 'gpg', [...key, '--quick-generate-key', 'Ada <ada@example.org>', 'future-default', 'default', 'never']);
  done(home, 'pass', ['init', 'ada@example.org']);
}

/** A bus and an unlocked keyring of their own. A sink learns of them only by the inherited list. */
export async function startKeyring(home: RealHome): Promise<void> {
  for (const folder of ['run', 'data']) mkdirSync(home.at(folder), { mode: 0o700, recursive: true });
  Object.assign(home.env, { XDG_RUNTIME_DIR: home.at('run'), XDG_DATA_HOME: home.at('data') });
  const bus = ['--session', '--nofork', '--print-address', `--address=unix:dir=${home.at('run')}`];
  const { stdout } = home.start('dbus-daemon', bus);
  home.env.DBUS_SESSION_BUS_ADDRESS = await new Promise<string>((resolve) => {
    stdout.once('data', (chunk: Buffer) => {
      resolve(chunk.toString().trim());
    });
  });
  home.start('gnome-keyring-daemon', ['--foreground', '--unlock', '--components=secrets']).stdin.end('password');
  const call = ['--session', '--print-reply', '--dest=org.freedesktop.DBus', '/org/freedesktop/DBus'];
  const question = ['org.freedesktop.DBus.NameHasOwner', 'string:org.freedesktop.secrets'];
  while (!home.run('dbus-send', [...call, ...question]).stdout.includes('boolean true')) await delay(20);
}

/** As {@link sinkOf} of a preset. Its programs are bound by modes, as those of every user but root are. */
export function boundSinkOf(uri: string, { env }: Pick<RealHome, 'env'>): Sink {
  const spec: SinkSpec = sinkSchema.parse(uri);
  if (spec.type !== 'command') return expect.fail('no preset');
  const bound = <T extends CommandSpec['verify']>(argv: T) =>
    argv && (process.geteuid?.() === 0 ? (['setpriv', '--bounding-set=-all', ...argv] as const) : argv);
  const { argv, replace, remove, exists, verify, prove } = spec;
  const looking = { exists: bound(exists), verify: bound(verify), prove: bound(prove) };
  const writing = { argv: bound(argv), replace: bound(replace), remove: bound(remove) };
  const sinks = openSinks(new Map([['store', { ...spec, ...looking, ...writing }]]), env);
  return sinks.get('store') ?? expect.fail('no sink');
}
