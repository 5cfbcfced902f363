import { type Metafile, type Plugin } from 'esbuild';

export function buildServer(outfile: string, plugins?: readonly Plugin[]): Promise<readonly Metafile[]>;
