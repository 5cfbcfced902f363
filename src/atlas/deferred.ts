// Atlas, opened at the first call and not before: starting the server loads, opens and sends nothing.

import { type Atlas } from './atlas.ts';

export function deferredAtlas(open: () => Promise<Atlas>): Atlas {
  let opened: Promise<Atlas> | undefined;
  const atlas = () => (opened ??= open());
  return {
    listKeys: async (groupId, signal) => (await atlas()).listKeys(groupId, signal),
    createKey: async (key, signal) => (await atlas()).createKey(key, signal),
    deleteKey: async (groupId, apiKeyId) => (await atlas()).deleteKey(groupId, apiKeyId),
    close: async () => (await opened)?.close(),
  };
}
