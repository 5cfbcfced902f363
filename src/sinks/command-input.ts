// What a command sink writes to its program: the secret as it is, or in the form that the operator's `input` gives it, such as
// JSON. The caller wipes the bytes.

import { expand, type SecretReference } from './sink.ts';

const VALUE = /\{(secret|endpoint)(?::(json|base64))?\}/g;

/** Whether the input has the endpoint of the key in it. */
export function hasEndpoint(input = ''): boolean {
  return /\{endpoint[:}]/.test(input);
}

/** @param input absent where the program wants the secret and nothing else */
export function inputFor(
  input: string | undefined,
  reference: SecretReference,
  secret: string,
  endpoint: string | undefined,
): Buffer {
  if (input === undefined) return Buffer.from(secret, 'utf8');
  // Placeholders of the operator's text only: those in a value stay as they are.
  const parts = input.split(VALUE);
  const texts = parts.map((part, index) => {
    if (index % 3 === 0) return expand(part, reference);
    if (index % 3 === 2) return '';
    return inForm(part === 'secret' ? secret : (endpoint ?? ''), parts[index + 1]);
  });
  return Buffer.from(texts.join(''), 'utf8');
}

function inForm(value: string, form: string | undefined): string {
  if (form === 'json') return JSON.stringify(value);
  return form === 'base64' ? Buffer.from(value, 'utf8').toString('base64') : value;
}
