// A home, a simulated Atlas and stand-in hosts for the command `setup`, which runs as a person or a script runs it: a child process of the
// bundle that ships.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { atlasAndHome, BUNDLE, startServer } from '../e2e/host.ts';
import { leaksIn } from '../canary.ts';
import { HOST_FILES, standInHosts } from './stand-in-hosts.ts';

export const GROUP = '69681d39c9e8cfd375386316';
export const STARTED = [process.execPath, BUNDLE];

export async function openSetup(ids: readonly string[] = Object.keys(HOST_FILES)) {
  const { sandbox, home, env: credentials } = await atlasAndHome();
  const hosts = standInHosts(home, ids);
  const folder = join(home, '.config/atlas-model-keys');
  const env = { PATH: hosts.folder, ...credentials };
  const run = async (args: readonly string[], more: Readonly<Record<string, string>> = env) => {
    const { ended, output, endInput } = startServer({
      home,
      args: ['setup', ...args],
      env: { PATH: hosts.folder, ...more },
    });
    endInput();
    const { code } = await ended;
    const { stdout, stderr } = output();
    return { code, said: stdout + stderr, leaks: leaksIn(stdout + stderr, [sandbox.credentials.clientSecret]) };
  };
  return {
    sandbox,
    home,
    folder,
    env,
    hosts,
    run,
    path: (name: string) => join(folder, name),
    read: (name: string) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : undefined),
  };
}
