// Compares the two forms of a result: some hosts show the model only its text, others only its structured content.

import { type CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { expect } from 'vitest';
import { textOf } from './result.ts';

/** Every name, number and date of the structured content is in the text; names as JSON writes them, dates to the minute. */
export function expectTheSameInText(called: CallToolResult): void {
  const text = textOf(called);
  const isSaid = (value: unknown) =>
    [
      String(value),
      JSON.stringify(value),
      String(value).replace(/:\d{2}Z$/, 'Z'),
      ...(value === null ? ['never used'] : []),
    ].some((form) => text.includes(form));
  expect(scalarsIn(called.structuredContent).filter((value) => !isSaid(value))).toEqual([]);
}

/** The lines after the sentence and the head of a list: one a row. */
export function rowsIn(called: CallToolResult): string[] {
  return textOf(called).split('\n').slice(2);
}

function scalarsIn(value: unknown): unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(scalarsIn) : [value];
}
