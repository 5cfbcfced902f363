// Adds the server to hosts by their own commands, and takes it out again. It judges by the host's file, before and after, whose
// entry it is; a host's command runs without any variable of this server's settings, so that no secret can get there.

import { shellWord } from '../files/file-problem.ts';
import { describeEnd, readProgram } from '../programs/child-process.ts';
import { findExecutable } from '../programs/executable.ts';
import { readHostEntry, type HostEntry } from './host-entry.ts';
import { SERVER, type HostKind, type HostPlaces, type Registration } from './hosts.ts';

/** A host whose program was found, and what its file says. */
export interface FoundHost {
  readonly kind: HostKind;
  /** The path of its program. */
  readonly program: string;
  readonly entry: HostEntry;
}

/** How it ended, in words for a person; `digest` is that of the entry that setup has made. */
export interface Registered {
  readonly ok: boolean;
  readonly words: string;
  readonly digest?: string;
}

const LONGEST_MS = 60_000;

/** The host, or why its program cannot be run. */
export function findHost(kind: HostKind, places: HostPlaces): FoundHost | string {
  const program = findExecutable(kind.id, places.environment.PATH ?? '');
  if (!program.ok) return `${program.failure.message} ${program.failure.hint}`;
  return { kind, program: program.value, entry: readHostEntry(kind, places) };
}

/** The arguments of each command that is to be run; or, in words, why none is. */
export type Planned =
  | { readonly commands: readonly (readonly string[])[]; readonly words?: never }
  | ({ readonly commands?: never } & Registered);

/** @param digest of the entry that setup made, as its record has it */
export function planAddition({ kind, entry }: FoundHost, server: Registration, digest: string | undefined): Planned {
  switch (entry.is) {
    case 'absent':
      return { commands: [kind.add(server)] };
    case 'unreadable':
      return unreadable(entry.path);
    case 'there':
      if (entry.starts(server)) return { ok: true, words: 'has it already' };
      if (digest !== entry.digest) return { ok: false, words: notOwn(entry.path) };
      return { commands: [...(kind.remove ? [kind.remove] : []), kind.add(server)] };
  }
}

export function planRemoval({ kind, entry }: FoundHost, digest: string | undefined): Planned {
  switch (entry.is) {
    case 'absent':
      return { ok: true, words: 'has no entry of this server' };
    case 'unreadable':
      return unreadable(entry.path);
    case 'there':
      if (entry.digest !== digest) return { ok: false, words: notOwn(entry.path) };
      if (kind.remove) return { commands: [kind.remove] };
      return { ok: false, words: `has no command for that; take ${SERVER} out of "${kind.member}" in ${entry.path}` };
  }
}

export function addToHost(
  host: FoundHost,
  server: Registration,
  digest: string | undefined,
  places: HostPlaces,
): Promise<Registered> {
  return runAndLook(host, planAddition(host, server, digest), places, (entry) => {
    if (entry.is === 'there' && entry.starts(server)) return { ok: true, words: 'added', digest: entry.digest };
    const files = host.kind.files(places).join(' or ');
    return {
      ok: false,
      words: `its command ended well, but the entry is not in ${files}; look at what the host lists`,
    };
  });
}

export function removeFromHost(host: FoundHost, digest: string | undefined, places: HostPlaces): Promise<Registered> {
  return runAndLook(host, planRemoval(host, digest), places, (entry) =>
    entry.is === 'absent'
      ? { ok: true, words: 'taken out' }
      : { ok: false, words: 'its command ended well, but the entry is still there' },
  );
}

function unreadable(path: string): Registered {
  return { ok: false, words: `${path} cannot be read, so it is not changed` };
}

function notOwn(path: string): string {
  return `the entry ${SERVER} in ${path} was not made by setup, or was changed since; it stays as it is`;
}

/**
 * Runs the commands, and judges by what the host's file says once each has ended well. What they print is not shown: it is the
 * host's, and may be anything.
 */
async function runAndLook(
  host: FoundHost,
  planned: Planned,
  places: HostPlaces,
  judge: (now: HostEntry) => Registered,
): Promise<Registered> {
  if (!planned.commands) return planned;
  for (const args of planned.commands) {
    const program = { path: host.program, args, env: places.environment, timeoutMs: LONGEST_MS };
    const end = await readProgram(program);
    if (end.by === 'exit') end.output.fill(0);
    if (end.by === 'exit' && end.code === 0) continue;
    return { ok: false, words: `${describeEnd(program, end)} Try it yourself: ${commandLine(host, args)}` };
  }
  return judge(readHostEntry(host.kind, places));
}

/** As a person can paste it into a shell. */
export function commandLine({ kind }: FoundHost, args: readonly string[]): string {
  return [kind.id, ...args].map(shellWord).join(' ');
}
