import { type Metafile, type Plugin } from 'esbuild';

interface Options {
  readonly plugins?: readonly Plugin[];
  readonly complete?: boolean;
}

export function buildServer(outfile: string, options?: Options): Promise<readonly Metafile[]>;

export const LEFT_OUT: Readonly<Record<string, string>>;

export function buildPart(path: string, options?: { readonly shared?: boolean }): Promise<string>;
