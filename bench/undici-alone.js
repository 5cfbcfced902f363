// Sends what the stand-in saw a server send, byte for byte and in the same order, with undici and nothing else: what the
// requests cost by themselves. Only the id of the key is that of its own create. One after the other, as each of the server's requests needs the answer before it.

import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Agent } from 'undici';

/** Of the connection, not of the request: undici writes its own. */
const OF_THE_CONNECTION = new Set(['host', 'connection', 'content-length', 'transfer-encoding']);

function ofKey(path, apiKeyId) {
  return path.replace(/\/aiModelApiKeys\/[^/?]+/, `/aiModelApiKeys/${apiKeyId}`);
}

/** A client that has no connection yet. */
export function undiciAlone(baseUrl) {
  const agent = new Agent();
  return {
    /** How many milliseconds all of them took. */
    async send(requests) {
      const prepared = requests.map(({ method, path, headers, body }) => ({
        origin: baseUrl,
        method,
        path,
        headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !OF_THE_CONNECTION.has(name))),
        body,
      }));
      const began = performance.now();
      let made;
      for (const each of prepared) {
        const reply = await agent.request(made === undefined ? each : { ...each, path: ofKey(each.path, made) });
        const text = await reply.body.text();
        if (each.method === 'POST' && each.path.endsWith('/aiModelApiKeys')) made = JSON.parse(text).apiKeyId;
        // undici frees a connection one immediate after the reply; a request before that would open another.
        await nextTurn();
        if (reply.statusCode >= 300) throw new Error(`The stand-in answered ${reply.statusCode}.`);
      }
      return performance.now() - began;
    },
    end: () => agent.close(),
  };
}
