import { type Metafile, type Plugin } from 'esbuild';

interface Options {
  readonly plugins?: readonly Plugin[];
  readonly complete?: boolean;
}

export function buildServer(outfile: string, options?: Options): Promise<readonly Metafile[]>;
