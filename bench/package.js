// Packs the project, installs the tarball into an empty folder without a network, and weighs both. What is measured
// elsewhere in the benchmark is this installed server. It does not build: what is in dist/ is packed.

import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const inFolder = promisify(execFile);

export async function packAndInstall(folder) {
  const npm = async (cwd, ...args) => {
    // An empty cache of its own: nothing that is not in the tarball can be installed.
    const options = [`--cache=${join(folder, 'npm-cache')}`, '--offline', '--ignore-scripts', '--loglevel=error'];
    return (await inFolder('npm', [...args, ...options], { cwd })).stdout;
  };
  const [packed] = JSON.parse(await npm(root, 'pack', '--json', `--pack-destination=${folder}`));
  const installation = join(folder, 'installation');
  await mkdir(installation);
  await writeFile(join(installation, 'package.json'), '{ "private": true }\n');
  await npm(installation, 'install', join(folder, packed.filename));
  const installed = join(installation, 'node_modules', packed.name);
  const { bin, version } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
  const script = join(installed, bin[packed.name]);
  return {
    name: packed.name,
    version,
    script,
    sizes: {
      tarball: packed.size,
      files: packed.files.map(({ path, size }) => ({ path, bytes: size })),
      bundle: packed.files.reduce((sum, { path, size }) => sum + (/\.c?js$/.test(path) ? size : 0), 0),
      installed: await bytesBelow(join(installation, 'node_modules')),
      packages: (await packagesIn(join(installation, 'node_modules'))).length,
    },
  };
}

/** Sources of this project, or of the benchmark, as one file that Node runs. */
export async function bundle(entry, outfile, options = {}) {
  await build({
    entryPoints: [join(root, entry)],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    logLevel: 'warning',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    ...options,
  });
  return outfile;
}

async function bytesBelow(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function packagesIn(modules) {
  const names = await readdir(modules);
  return names.filter((name) => !name.startsWith('.'));
}
