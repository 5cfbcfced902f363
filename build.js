// Builds the published file: one bundle with everything in it, so that the package has no run-time dependencies.

import { chmod, rm } from 'node:fs/promises';
import { build } from 'esbuild';

const outfile = 'dist/atlas-model-keys-mcp.js';

await rm('dist', { recursive: true, force: true });
await build({
  entryPoints: ['src/main.ts'],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  // undici and ajv are CommonJS and ask for Node's own modules with require().
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  logLevel: 'warning',
});
await chmod(outfile, 0o755);
