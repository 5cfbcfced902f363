// The name of a key as Atlas keeps it, and whether a project has it already.

import type { LiveKey } from './model-key.ts';
import type { World } from './world.ts';

export function keptName({ rules }: World, name: string): string {
  switch (rules.spelling) {
    case 'exact':
      return name;
    case 'NFC':
      return name.normalize('NFC');
    case 'collapsed':
      return name.trim().replaceAll(/\s+/g, ' ');
  }
}

/** @param renamed the key that is to have the name; a new one where absent */
export function isTaken(world: World, groupId: string, name: string, renamed?: LiveKey): boolean {
  const { uniqueNames } = world.rules;
  if (uniqueNames === 'never' || (uniqueNames === 'at_rename' && renamed === undefined)) return false;
  return [...world.state.keys.values()].some(
    (key) => key.groupId === groupId && key.name === name && key.apiKeyId !== renamed?.apiKeyId,
  );
}
