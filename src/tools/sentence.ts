// Facts of results in words, for the sentence with which a result begins. Names are quoted: they are data, and cannot
// pass for words of this server.

export const howVerified = {
  'read-back': 'verified by reading back',
  metadata: 'verified by metadata',
  none: 'not verified: the sink cannot be read',
} as const;

/** In JSON's quotes, so that where a name ends is certain whatever is in it. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}

/** A word, a time or a number as it is; any other text of Atlas in quotes. */
export function shown(text: string): string {
  return /^[A-Za-z0-9_:.+-]+$/.test(text) ? text : quoted(text);
}

/** `1 key`, `2 keys`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
