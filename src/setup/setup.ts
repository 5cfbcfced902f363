// The command `setup`: asks for credential, projects, sink and guards, tries them as the doctor does, keeps them once for every host, and
// adds the server to the hosts. What was planned is shown before anything is written.

import { homedir } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import type { Atlas } from '../atlas/atlas.ts';
import type { CommandLine } from '../config/command-line.ts';
import { ConfigError } from '../config/config-error.ts';
import type { Config } from '../config/config.ts';
import { withoutSettings, type Environment } from '../config/environment.ts';
import { examine } from '../doctor/doctor.ts';
import { isWell, printable, reportOf } from '../doctor/report.ts';
import {
  addToHost,
  commandLine,
  findHost,
  planAddition,
  planRemoval,
  removeFromHost,
  type FoundHost,
  type Planned,
} from './host-registration.ts';
import { hostKinds, type HostPlaces, type Registration } from './hosts.ts';
import { readRecord, writeRecord, type SetupRecord } from './record.ts';
import { ok } from '../failure.ts';
import { redact } from '../secret/redaction.ts';
import { registrationOf, wordsForOthers, type Started } from './registration.ts';
import { keyringOf } from './secret-place.ts';
import { planStoring, store, type SetupProblem, type StoringPlan } from './stored-settings.ts';

export interface Setup {
  readonly commandLine: CommandLine;
  /** With these variables in place of those of the process. Rejects with a ConfigError as at the start of the server. */
  readonly load: (environment?: Environment) => Promise<Config>;
  /** What flags and environment say, as the configuration file spells it. */
  readonly given: (config: Config) => Readonly<Record<string, unknown>>;
  /** Whether the configuration file is where every host's server looks by itself. */
  readonly isAtCustomaryPlace: (config: Config) => boolean;
  readonly openAtlas: (config: Config) => Promise<Atlas>;
  readonly started: Started;
  /** Whether a person can be asked. */
  readonly isTerminal: boolean;
  readonly output: Writable;
}

/** Resolves with the exit code: 0 if all was done, else 1. Rejects with a ConfigError where the settings cannot be used. */
export async function runSetup(setup: Setup): Promise<number> {
  const { hosts = [], remove, yes = false } = setup.commandLine.setup ?? {};
  const known = hostKinds.map(({ id }) => id);
  if (!hosts.every((id) => known.includes(id))) throw new ConfigError('--host', `must be one of: ${known.join(', ')}`);
  if (remove !== undefined) {
    if (!known.includes(remove)) throw new ConfigError('--remove', `must be one of: ${known.join(', ')}`);
    return takeOut(setup, remove);
  }
  if (yes) return setUp(setup, await setup.load());
  if (!setup.isTerminal) {
    throw new ConfigError('setup', 'asks in a terminal, and here is none; --yes takes what flags and environment say');
  }
  const { askAll, askHosts, askToGoOn, GivenUp } = await import('./questions.ts');
  try {
    return await setUp(setup, await askAll(setup), { hosts: askHosts, toGoOn: askToGoOn });
  } catch (error) {
    if (!(error instanceof GivenUp)) throw error;
    say(setup, ['Nothing was written.']);
    return 1;
  }
}

/** What a person is asked once it is known; absent with --yes. */
interface LateQuestions {
  readonly hosts: (found: readonly { readonly id: string; readonly title: string }[]) => Promise<readonly string[]>;
  readonly toGoOn: () => Promise<boolean>;
}

async function setUp(setup: Setup, config: Config, ask?: LateQuestions): Promise<number> {
  const path = configurationPath(config);
  const record = await readRecord(dirname(path));
  if (!record.ok) return tell(setup, record.failure);
  const keyring = setup.commandLine.setup?.keychain === true ? keyringOf(config) : ok(undefined);
  if (!keyring.ok) return tell(setup, keyring.failure);
  const plan = await planStoring(config, setup.given(config), path, record.value, keyring.value);
  if (!plan.ok) return tell(setup, plan.failure);
  const checks = await examine(config, setup);
  setup.output.write(reportOf(checks, false));
  // Before any of it is shown: what failed may be a secret in the place of a path.
  if (!isWell(checks)) return tell(setup, { message: 'Nothing was written, since a check failed.' });
  const { content = '' } = plan.value;
  if (redact(content) !== content) return tell(setup, SECRET_IN_SETTINGS);

  const places = placesOf(config);
  const hosts = hostsFor(setup, places);
  if (!hosts.ok) return tell(setup, hosts);
  const chosen = await ask?.hosts(hosts.found.map(({ kind }) => kind));
  const wanted = hosts.found.filter(({ kind }) => chosen?.includes(kind.id) !== false);
  const server = registrationOf(setup.started, setup.isAtCustomaryPlace(config) ? undefined : path);
  say(setup, [
    '',
    ...wordsOfStoring(plan.value),
    ...wanted.flatMap((host) => wordsOf(host, planAddition(host, server, record.value.hosts[host.kind.id]))),
  ]);
  if (setup.commandLine.setup?.dryRun === true) {
    say(setup, wordsForOthers(server));
    return 0;
  }
  if (ask && !(await ask.toGoOn())) return tell(setup, { message: 'Nothing was written.' });
  return carryOut(setup, { plan: plan.value, record: record.value, hosts: wanted, server, places });
}

/** Such as one that stands in the arguments of the program that prints it. */
const SECRET_IN_SETTINGS: SetupProblem = {
  message: 'Nothing was written, since the configuration file would hold a secret.',
  hint: 'Give the secret by itself, or name a file or a program that does not have it in its arguments.',
};

interface Order {
  readonly plan: StoringPlan;
  readonly record: SetupRecord;
  readonly hosts: readonly FoundHost[];
  readonly server: Registration;
  readonly places: HostPlaces;
}

/** The record is written after each step, so that what was done is known whenever this ends. */
async function carryOut(setup: Setup, { plan, record, hosts, server, places }: Order): Promise<number> {
  const stored = await store(plan, record);
  if (!stored.ok) return tell(setup, stored.failure);
  const directory = dirname(plan.path);
  let kept = stored.value;
  const first = await writeRecord(directory, kept);
  if (!first.ok) return tell(setup, first.failure);
  say(setup, ['', `kept       ${plan.path}`]);
  let isDone = true;
  for (const host of hosts) {
    const { id, title } = host.kind;
    const registered = await addToHost(host, server, kept.hosts[id], places);
    isDone &&= registered.ok;
    if (registered.digest !== undefined) {
      kept = { ...kept, hosts: { ...kept.hosts, [id]: registered.digest } };
      const written = await writeRecord(directory, kept);
      if (!written.ok) return tell(setup, written.failure);
    }
    say(setup, [`${registered.ok ? 'ok  ' : 'not '}       ${title}: ${registered.words}`]);
  }
  say(setup, wordsForOthers(server));
  return isDone ? 0 : 1;
}

async function takeOut(setup: Setup, id: string): Promise<number> {
  const config = await setup.load();
  const directory = dirname(configurationPath(config));
  const record = await readRecord(directory);
  if (!record.ok) return tell(setup, record.failure);
  const places = placesOf(config);
  const kind = hostKinds.find((each) => each.id === id);
  const host = kind && findHost(kind, places);
  if (host === undefined || typeof host === 'string') return tell(setup, { message: host ?? 'There is no such host.' });
  const { [id]: digest, ...others } = record.value.hosts;
  if (setup.commandLine.setup?.dryRun === true) {
    say(setup, wordsOf(host, planRemoval(host, digest)));
    return 0;
  }
  const removed = await removeFromHost(host, digest, places);
  say(setup, [`${host.kind.title}: ${removed.words}`]);
  if (!removed.ok) return 1;
  const written = digest === undefined ? record : await writeRecord(directory, { ...record.value, hosts: others });
  if (!written.ok) return tell(setup, written.failure);
  if (Object.keys(others).length === 0) say(setup, [`The configuration stays in ${directory}.`]);
  return 0;
}

function configurationPath({ configurationFile: { path } }: Config): string {
  if (path === undefined)
    throw new ConfigError('setup', 'finds no home directory of this user; name a file by --config');
  return resolve(path);
}

/** Nothing of this server's own settings goes to a host. */
function placesOf({ environment }: Config): HostPlaces {
  return { home: homedir(), platform: process.platform, environment: withoutSettings(environment) };
}

/** Those that are named, each of which must be there; else those that are there. */
function hostsFor(setup: Setup, places: HostPlaces) {
  const named = setup.commandLine.setup?.hosts ?? [];
  const kinds = hostKinds.filter(({ id }) => named.length === 0 || named.includes(id));
  const looked = kinds.map((kind) => findHost(kind, places));
  const missing = looked.find((host) => typeof host === 'string');
  if (named.length > 0 && missing !== undefined) return { ok: false as const, message: missing };
  return { ok: true as const, found: looked.filter((host) => typeof host !== 'string') };
}

function wordsOfStoring({ path, content, secret }: StoringPlan): string[] {
  const shown = content?.trimEnd().split('\n') ?? [];
  return [
    secret ? `secret     goes into ${secret.path}, for you only` : 'secret     is kept where it is',
    content === undefined ? `settings   ${path} says all of it already` : `settings   ${path}:`,
    ...shown.map((line) => `             ${line}`),
  ];
}

function wordsOf(host: FoundHost, planned: Planned): string[] {
  if (!Array.isArray(planned.commands)) return [`host       ${host.kind.title}: ${planned.words}`];
  return planned.commands.map((args: readonly string[]) => `host       ${commandLine(host, args)}`);
}

function say({ output }: Setup, lines: readonly string[]): void {
  for (const line of lines) output.write(`${printable(line)}\n`);
}

function tell(setup: Setup, { message, hint }: SetupProblem): number {
  say(setup, [message, ...(hint?.split('\n') ?? [])]);
  return 1;
}
