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
 */
export function openSinks(
  specs: ReadonlyMap<string, SinkSpec>,
  environment: Readonly<Record<string, string>>,
  pages = openPages({ environment }),
): ReadonlyMap<string, Sink> {
  return new Map([...specs].map(([name, spec]) => [name, neverThrowing(openSink(name, spec, environment, pages))]));
}

function openSink(name: string, spec: SinkSpec, environment: Readonly<Record<string, string>>, pages: Pages): Sink {
  switch (spec.type) {
    case 'file':
      return fileSink(name, spec, environment);
    case 'dotenv':
      return dotenvSink(name, spec, environment);
    case 'command':
      return commandSink(name, spec, environment);
    case 'inline':
      return inlineSink(name);
    case 'reveal':
      return revealSink(name, pages);
    default:
      return storeSink(name, spec, environment, openStore);
  }
}
