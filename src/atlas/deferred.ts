// Atlas, opened when it is first needed and not before: starting the server loads, opens and sends nothing.

import type { Atlas } from './atlas.ts';

export function deferredAtlas(open: () => Promise<Atlas>): Atlas {
  let opened: Promise<Atlas> | undefined;
  const atlas = () => (opened ??= open());
  return {
    listKeys: async (...given) => (await atlas()).listKeys(...given),
    readKeys: async (...given) => (await atlas()).readKeys(...given),
    getKey: async (...given) => (await atlas()).getKey(...given),
    createKey: async (...given) => (await atlas()).createKey(...given),
    renameKey: async (...given) => (await atlas()).renameKey(...given),
    deleteKey: async (...given) => (await atlas()).deleteKey(...given),
    listProjects: async (...given) => (await atlas()).listProjects(...given),
    readProjects: async (...given) => (await atlas()).readProjects(...given),
    listRateLimits: async (...given) => (await atlas()).listRateLimits(...given),
    updateRateLimit: async (...given) => (await atlas()).updateRateLimit(...given),
    resetRateLimits: async (...given) => (await atlas()).resetRateLimits(...given),
    describeCredential: async (...given) => (await atlas()).describeCredential(...given),
    useKey: async (...given) => (await atlas()).useKey(...given),
    endpointBase: async (...given) => (await atlas()).endpointBase(...given),
    close: async () => (await opened)?.close(),
  };
}
