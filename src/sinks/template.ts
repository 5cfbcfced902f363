// Replaces {groupId} and {entry} in an operator's path, variable or argument. Both values are checked
// before they get here (24 hexadecimal digits; a word without separators), so none can leave its place.

import type { SecretReference } from './sink.ts';

export function takesEntry(...templates: readonly string[]): boolean {
  return templates.some((template) => template.includes('{entry}'));
}

export function expand(template: string, reference: SecretReference): string {
  return template.replaceAll('{groupId}', reference.groupId).replaceAll('{entry}', reference.entry ?? '');
}
