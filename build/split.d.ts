// The types of split.js, for its test.

import { type Metafile, type Plugin } from 'esbuild';

export function requireApart(program: Pick<Metafile, 'inputs'>, main: Pick<Metafile, 'inputs'>): void;
export function programFile(text: string): string;
export function loading(file: string): Plugin[];
export function evaluated(filter: RegExp, name: string, run: (file: string) => Promise<object>): Plugin;
export function exchanged(texts: Readonly<Record<string, string>>, options?: { readonly inPart?: boolean }): Plugin[];
export const builtinsOnUse: Plugin;
export const builtinsWhenRead: Plugin;
export const usedSchemas: Plugin;
