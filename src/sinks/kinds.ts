// Opens the configured sinks: the one place that knows what opens each kind. What people are told of the kinds is in
// config/sink-kinds.ts.

import type { SinkSpec } from '../config/sink-spec.ts';
import { commandSink } from './command-sink.ts';
import { dotenvSink } from './dotenv/dotenv-sink.ts';
import { fileSink } from './file-sink.ts';
import { inlineSink } from './inline-sink.ts';
import { revealSink } from './reveal-sink.ts';
import { neverThrowing } from './never-throwing.ts';
import { openPages, type Pages } from '../page/pages.ts';
import type { Sink } from './sink.ts';
import { storeSink } from './stores/store-sink.ts';
import { openStore } from './stores/stores.ts';

/**
 * @param environment that of this process, from which programs get a short list
 * @param pages what shows a secret to a person
 * @param stateDir where the servers of this user keep their locks; absent where no other one is waited for
 */
export function openSinks(
  specs: ReadonlyMap<string, SinkSpec>,
  environment: Readonly<Record<string, string>>,
  pages = openPages({ environment }),
  stateDir?: string,
): ReadonlyMap<string, Sink> {
  const open = (name: string, spec: SinkSpec) => openSink(name, spec, environment, pages, stateDir);
  return new Map([...specs].map(([name, spec]) => [name, neverThrowing(open(name, spec))]));
}

function openSink(
  name: string,
  spec: SinkSpec,
  environment: Readonly<Record<string, string>>,
  pages: Pages,
  stateDir: string | undefined,
): Sink {
  switch (spec.type) {
    case 'file':
      return fileSink(name, spec, environment);
    case 'dotenv':
      return dotenvSink(name, spec, environment);
    case 'command':
      return commandSink(name, spec, environment, stateDir);
    case 'inline':
      return inlineSink(name);
    case 'reveal':
      return revealSink(name, pages);
    default:
      return storeSink(name, spec, environment, openStore);
  }
}
