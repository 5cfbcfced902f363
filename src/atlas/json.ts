// Reads fields of replies, of which Atlas promises none. A field of another type counts as absent.

import { cleanText } from './outside-text.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The field as text that is fit to show; undefined where nothing of it is. */
export function textField(object: JsonObject, name: string, longest: number): string | undefined {
  const value = object[name];
  const text = typeof value === 'string' ? cleanText(value, longest) : '';
  return text === '' ? undefined : text;
}

export function listField(object: JsonObject, name: string): readonly unknown[] {
  const value = object[name];
  return Array.isArray(value) ? value : [];
}
