// Builds the published files: the bundle, so that the package has no run-time dependencies; the JSON Schema of the
// configuration file; and the licence notices of what is bundled. `node build.js [FOLDER]`.
//
// A host starts the server just to look at it, and V8 pays for every byte that it parses. So the bundle is two files:
// `src/main.ts` with what the first answers need, and `src/program.ts`, all the rest, which is loaded when it is needed.

import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { notices } from './build/notices.js';
import {
  builtinsOnUse,
  builtinsWhenRead,
  evaluated,
  exchanged,
  fromMain,
  globalProcess,
  loading,
  programFile,
  programModule,
  requireApart,
  usedSchemas,
} from './build/split.js';

const common = {
  absWorkingDir: fileURLToPath(new URL('.', import.meta.url)),
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  logLevel: 'warning',
  legalComments: 'none',
  minify: true,
  metafile: true,
};

/**
 * What libraries bring along and this server never uses: V8 would parse it all the same. test/e2e/left-out.test.ts shows that
 * none of it is used.
 */
export const LEFT_OUT = {
  // What undici's dispatcher wants of fetch: forms as the body of a request.
  '/web/fetch/body\\.js$': 'module.exports = {};',
  // HTTP/2, which this server does not offer to Atlas; with it comes Node's own module of it.
  '/client-h2\\.js$': 'module.exports = {};',
  // The parser of replies with SIMD (72 KB): undici tries it, and takes the one without where it is none, as on machines without SIMD.
  '/llhttp_simd-wasm\\.js$': 'module.exports = {};',
  // The SDK checks answers to forms with ajv; src/mcp/forms-and-progress.ts checks them itself, more strictly.
  'ajv-provider\\.js$': 'export class AjvJsonSchemaValidator {}',
  // Tasks, an experiment of the SDK, which this server does not offer.
  '/experimental/tasks/server\\.js$': 'export class ExperimentalServerTasks {}',
  // For schemas of zod 3, of which there is none.
  '^zod/v3$': 'module.exports = {};',
};

const programOptions = {
  ...common,
  format: 'cjs',
  write: false,
};

/** Of package.json the program needs its version; the rest is for those who build it. */
const { version } = JSON.parse(await readFile(new URL('package.json', import.meta.url), 'utf8'));
const ONLY_VERSION = { '/package\\.json$': `export default ${JSON.stringify({ version })};` };

/** For tests: `plugins`, for both parts, take a layer of protection away; `complete` leaves nothing out, to be compared. */
export async function buildServer(outfile, { plugins = [], complete = false } = {}) {
  const program = await build({
    ...programOptions,
    ...programModule,
    entryPoints: ['src/program.ts'],
    plugins: [
      fromMain,
      ...plugins,
      globalProcess,
      ...(complete ? [] : [builtinsWhenRead, usedSchemas, ...exchanged(LEFT_OUT)]),
    ],
  });
  const { text } = program.outputFiles[0];
  const file = programFile(text);
  const main = await build({
    ...common,
    entryPoints: ['src/main.ts'],
    format: 'esm',
    // Old Nodes must be able to read it, if only to be refused by its first statements.
    target: 'node12.17',
    outfile,
    plugins: [
      ...plugins,
      globalProcess,
      builtinsOnUse,
      ...exchanged(ONLY_VERSION),
      evaluated(/\/tools\/tool-definitions\.ts$/, 'toolDefinitions', run),
      evaluated(/\/prompts\/prompt-definitions\.ts$/, 'promptDefinitions', run),
      ...loading(file),
    ],
  });
  requireApart(program.metafile, main.metafile);
  await writeFile(join(dirname(outfile), file), text);
  await chmod(outfile, 0o755);
  return [program.metafile, main.metafile];
}

/**
 * For tests: a file and what it imports, built as the program is. The text of a CommonJS module; with `shared` it takes the
 * shared files from a variable of that name, as the program does.
 */
export async function buildPart(path, { shared = false } = {}) {
  const plugins = [...(shared ? [fromMain] : []), ...exchanged(LEFT_OUT, { inPart: true })];
  const { outputFiles } = await build({ ...programOptions, entryPoints: [path], plugins });
  return outputFiles[0].text;
}

/** The exports of a TypeScript file, which is bundled in memory and run from there. */
export async function run(path) {
  const { outputFiles } = await build({ ...common, entryPoints: [path], format: 'esm', write: false });
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = process.argv[2] ?? 'dist';
  if (folder === 'dist') await rm(folder, { recursive: true, force: true });
  const metafiles = await buildServer(`${folder}/atlas-model-keys-mcp.js`);
  const { configurationSchema } = await run('src/config/json-schema.ts');
  await writeFile(`${folder}/config.schema.json`, `${JSON.stringify(configurationSchema(), null, 2)}\n`);
  await writeFile(`${folder}/THIRD-PARTY-NOTICES.txt`, await notices(metafiles));
}
