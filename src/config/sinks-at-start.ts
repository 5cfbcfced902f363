// What every start needs of the sinks: those that need no setting, and what agents are told of each. Without the schemas of
// sink-spec.ts and store-spec.ts, whose making takes longer than all else that a host waits for at its first look.

import { basename, join } from 'node:path';
import { templatesOf } from './command-spec.ts';
import type { SinkSpec } from './sink-spec.ts';
import type { StoreSpec } from './store-spec.ts';

/** What the programs read that use such a key. */
export const DEFAULT_VARIABLE = 'VOYAGE_API_KEY';

/** The sinks that the settings `folder` and `dotenv` make. */
export function pickedSinks(folder: string | undefined, dotenv: string | undefined): [name: string, SinkSpec][] {
  const picks: [string, SinkSpec][] = folder === undefined ? [] : [['folder', keyFileIn(folder)]];
  if (dotenv === undefined) return picks;
  return [...picks, ['dotenv', { type: 'dotenv', path: dotenv, variable: DEFAULT_VARIABLE }]];
}

/** A file a key, by project. */
export function keyFileIn(folder: string): SinkSpec {
  return { type: 'file', path: join(folder, '{groupId}', '{entry}.key') };
}

/** What agents are told of a sink; a test compares it with what each kind says once it is opened (sinks/kinds.ts). */
export function shownSink(name: string, spec: SinkSpec) {
  const about = (location: string, ...templates: readonly string[]) => {
    const takesEntry = templates.some((each) => each.includes('{entry}'));
    return { name, kind: spec.type, location, takesEntry };
  };
  switch (spec.type) {
    case 'file':
      return about(spec.path, spec.path);
    case 'dotenv':
      return about(`${spec.path}#${spec.variable}`, spec.path, spec.variable);
    case 'command':
      return about(spec.preset?.uri ?? `command ${basename(spec.argv[0])}`, ...templatesOf(spec));
    case 'inline':
      return about('tool result');
    case 'reveal':
      return about('a page in the browser of the person at this machine');
    default:
      return about(storeLocation(spec), storeLocation(spec));
  }
}

/** For people: the URI, with placeholders in place. */
export function storeLocation(spec: StoreSpec): string {
  switch (spec.type) {
    case 'vault':
      return `vault:${spec.mount}/${spec.path}#${spec.field}`;
    case 'k8s':
      return `k8s:${spec.namespace}/${spec.name}#${spec.key}`;
    case 'aws-sm':
      return `aws-sm:${spec.name}${spec.field === undefined ? '' : `#${spec.field}`}`;
    case 'aws-ssm':
      return `aws-ssm:${spec.path}`;
    case 'github':
      return `github:${spec.owner}/${spec.repo}${spec.environment === undefined ? '' : `?environment=${spec.environment}`}#${spec.name}`;
  }
}
