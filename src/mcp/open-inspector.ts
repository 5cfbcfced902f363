// Finds out whether somebody opened Node's inspector before this program could prevent it. Asked before a secret of a key can
// be in the process: whoever is connected to the inspector reads all of its memory.

import { url } from 'node:inspector';

export const INSPECTOR_OPENED =
  "Node's inspector was opened on this process by SIGUSR1 while it started, so that it ends before it has a secret; start it again (NODE_OPTIONS=--disable-sigusr1 prevents it, from Node 22.14 on)";

/** @param nodeOptions the operator's, which may ask for an inspector as the flags of Node may */
export function isInspectorOpened(nodeOptions: string | undefined): boolean {
  return url() !== undefined && ![...process.execArgv, nodeOptions ?? ''].join(' ').includes('--inspect');
}
