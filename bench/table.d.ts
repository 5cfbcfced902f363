// The types of table.js, for its tests.

import type { Summary } from './measure.js';

type Format = (value: number) => string;

export function table(rows: readonly (readonly (string | number)[])[]): string;
export function spread(summary: Summary, format?: Format): string;
export const milliseconds: Format;
export const times: Format;
export const megabytes: Format;
export const whole: Format;
export function withLastRun(document: string, text: string): string;
