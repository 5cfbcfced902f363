// A package registry on loopback that has this package and no other, so that a host's `npx` installs what was built here.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod/v4';

const root = fileURLToPath(new URL('../..', import.meta.url));
const manifest = z.looseObject({ name: z.string(), version: z.string() });

export interface Registry {
  readonly url: string;
  readonly version: string;
  readonly close: () => void;
}

/** Packs the dist that is there. */
export async function startRegistry(): Promise<Registry> {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'amk-registry-'));
  const env = { PATH: process.env.PATH, HOME: folder, npm_config_update_notifier: 'false' };
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: root, env, stdio: 'pipe' });
  const [tarball = ''] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
  const content = readFileSync(join(folder, tarball));
  rmSync(folder, { recursive: true });
  const { name, version, ...rest } = manifest.parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
  const integrity = `sha512-${createHash('sha512').update(content).digest('base64')}`;
  const server = createServer(({ url: path, headers }, response) => {
    if (path === `/${tarball}`) response.end(content);
    else if (path === `/${name}`) {
      const dist = { tarball: `http://${headers.host ?? ''}/${tarball}`, integrity };
      const versions = { [version]: { name, version, bin: rest.bin, engines: rest.engines, dist } };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ name, 'dist-tags': { latest: version }, versions }));
    } else response.writeHead(404).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The registry has no port.');
  return {
    url: `http://127.0.0.1:${address.port}/`,
    version,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
