// Builds the server with a layer of its protection taken away, to see that the other one is enough. Nothing of this
// ships: the layers are exchanged while the bundle is made.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Plugin } from 'esbuild';
import { buildServer } from '../../build.js';

/** `redacted-output`: the redaction of everything that leaves. `structure`: the cleaning of what comes from Atlas. */
export type Layer = 'redacted-output' | 'structure';

const exchanged: Record<Layer, { readonly files: RegExp; readonly from: RegExp; readonly to: string }> = {
  'redacted-output': {
    files: /src\/(?:secret\/redaction|keys\/journal\/audit)\.ts$/,
    from: /\bredact(?:Json)?(?=\((?:chunk|`atlas|JSON))/g,
    to: '((text: string) => text.trimEnd())',
  },
  structure: {
    files: /src\/atlas\/api\/untrusted-text\.ts$/,
    from: /import \{[^}]*\} from '[^']*redaction\.ts';/,
    to: 'const redactOutside = (text: string) => text; const redactProse = redactOutside; const hasModelKey = () => false; const sharesRun = hasModelKey;',
  },
};

/** The path of a bundle without these layers; it is removed by `remove`. */
export async function bundleWithout(...layers: readonly Layer[]): Promise<{ bundle: string; remove: () => void }> {
  const folder = mkdtempSync(join(tmpdir(), 'amk-variant-'));
  const bundle = join(folder, 'server.mjs');
  const taken = new Set<Layer>();
  await buildServer(bundle, { plugins: layers.map((layer) => withoutLayer(layer, taken)) });
  for (const layer of layers) if (!taken.has(layer)) throw new Error(`no file is of the layer ${layer}`);
  return {
    bundle,
    remove: () => {
      rmSync(folder, { recursive: true });
    },
  };
}

/** @param taken gets the layer once a file of it is in the bundle */
function withoutLayer(layer: Layer, taken: Set<Layer>): Plugin {
  const { files, from, to } = exchanged[layer];
  return {
    name: `without ${layer}`,
    setup(building) {
      building.onLoad({ filter: files }, ({ path }) => {
        const source = readFileSync(path, 'utf8');
        if (source.search(from) < 0) throw new Error(`${path} is not protected where the test thinks`);
        taken.add(layer);
        return { contents: source.replace(from, to), loader: 'ts' };
      });
    },
  };
}
