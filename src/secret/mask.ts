// The mask by which Atlas shows the secret of a key, such as `al-****odu2`, and whether a value fits it. It holds no
// secret. A mask of another form shows too little: tokens of other services may end in the same four characters.

interface Mask {
  readonly beginning: string;
  readonly ending: string;
}

/** In characters. Of the secrets that Atlas publishes as examples, a mask hides 36. */
const FEWEST_HIDDEN = 16;
const LONGEST_SECRET = 256;
const FORM = /^(al-(?:[a-z]{2,}-)?)\*+([^*]{4})$/;

/** Undefined where there is no mask, or one that shows too little to tell one key's secret from another's. */
export function maskOf(text: string | undefined): Mask | undefined {
  const [, beginning, ending] = FORM.exec(text ?? '') ?? [];
  return beginning === undefined || ending === undefined ? undefined : { beginning, ending };
}

/** Whether a value has the form of a key's secret, without anything that a file or a command could have added. */
export function isSecretOfKey(value: string): boolean {
  return value.length <= LONGEST_SECRET && /^[A-Za-z0-9_.~+/=-]+$/.test(value);
}

/** Whether a value may be the secret that is shown so: what is visible must fit, and the value look like a key. */
export function fits(value: string, { beginning, ending }: Mask): boolean {
  const hidden = value.length - beginning.length - ending.length;
  return hidden >= FEWEST_HIDDEN && isSecretOfKey(value) && value.startsWith(beginning) && value.endsWith(ending);
}
