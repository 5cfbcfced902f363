// Starts the Atlas stand-in in a process of its own, and gives it orders. See atlas-process.js.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from './package.js';

const SCRIPT = fileURLToPath(new URL('atlas-process.js', import.meta.url));

export async function startAtlas(folder) {
  const simulator = await bundle('test/atlas-simulator/simulator.ts', join(folder, 'simulator.mjs'));
  const child = fork(SCRIPT, [simulator]);
  await once(child, 'message');
  const waiting = new Map();
  child.on('message', ({ id, answer }) => {
    waiting.get(id)(answer);
    waiting.delete(id);
  });
  let lastId = 0;
  const order = (name, argument) =>
    new Promise((resolve) => {
      lastId += 1;
      waiting.set(lastId, resolve);
      child.send({ id: lastId, order: name, argument });
    });
  const { baseUrl, credentials, groupId } = await order('about');
  return {
    baseUrl,
    accessToken: credentials.accessToken,
    /** The environment with which a server is admitted to it. Nothing else limits the benchmark's creates. */
    environment: {
      MONGODB_ATLAS_BASE_URL: baseUrl,
      MONGODB_ATLAS_CLIENT_ID: credentials.clientId,
      MONGODB_ATLAS_CLIENT_SECRET: credentials.clientSecret,
      MONGODB_ATLAS_PROJECT_ID: groupId,
      ATLAS_MODEL_KEYS_MAX_CREATES_PER_HOUR: '10000',
    },
    delay: (ms) => order('delay', ms),
    expireTokens: () => order('expireTokens'),
    reset: (count = 0) => order('reset', count),
    addProjects: (wanted) => order('addProjects', wanted),
    forget: () => order('forget'),
    seen: () => order('seen'),
    async end() {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}
