// The mask by which Atlas shows the secret of a key, such as `al-****odu2`, and whether a value fits it. It holds no
// secret.

export interface Mask {
  readonly beginning: string;
  readonly ending: string;
}

/** With fewer visible characters at its end, a mask would fit the secrets of other keys too often. */
const FEWEST_AT_END = 4;
/** In characters. Of the secrets that Atlas publishes as examples, a mask hides 36. */
const FEWEST_HIDDEN = 16;
const LONGEST_SECRET = 256;

/** Undefined where there is no mask, or one that shows too little to tell one key's secret from another's. */
export function maskOf(text: string | undefined): Mask | undefined {
  const [, beginning, ending] = /^([^*]*)\*+([^*]*)$/.exec(text ?? '') ?? [];
  if (beginning === undefined || ending === undefined || ending.length < FEWEST_AT_END) return undefined;
  return { beginning, ending };
}

/** Whether a value may be the secret that is shown so: what is visible must fit, and the value look like a key. */
export function fits(value: string, { beginning, ending }: Mask): boolean {
  const hidden = value.length - beginning.length - ending.length;
  if (hidden < FEWEST_HIDDEN || value.length > LONGEST_SECRET || !/^[A-Za-z0-9_.~+/=-]+$/.test(value)) return false;
  return value.startsWith(beginning) && value.endsWith(ending);
}
