// Builds the published files: one bundle with everything in it, so that the package has no run-time dependencies, and the
// JSON Schema of the configuration file. With the path of a folder it writes there instead (nothing is removed then).

import { chmod, rm, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';

const folder = process.argv[2] ?? 'dist';
const outfile = `${folder}/atlas-model-keys-mcp.js`;
const common = { bundle: true, platform: 'node', target: 'node20.19', format: 'esm', logLevel: 'warning' };

if (folder === 'dist') await rm(folder, { recursive: true, force: true });
await build({
  ...common,
  entryPoints: ['src/main.ts'],
  outfile,
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  // undici and ajv are CommonJS and ask for Node's own modules with require().
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
});
await chmod(outfile, 0o755);

// The schema comes from the settings' own, which is TypeScript: it is bundled in memory and run from there.
const { outputFiles } = await build({ ...common, entryPoints: ['src/config/json-schema.ts'], write: false });
const { configurationSchema } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
await writeFile(`${folder}/config.schema.json`, `${JSON.stringify(configurationSchema(), null, 2)}\n`);
