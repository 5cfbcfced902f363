// Sends exchanges as a process of its own, since Node reads NODE_EXTRA_CA_CERTS only when it starts.
// Arguments: the base URL and how many exchanges, one after another. Writes their results as JSON.

import { createTransport, type Exchange } from '../../../src/http/transport.ts';
import { readProxy } from '../../../src/config/proxy.ts';

const [, , baseUrl = '', times = '1'] = process.argv;
const proxy = readProxy(process.env);
const transport = createTransport({
  baseUrl: new URL(baseUrl),
  timeoutMs: Number(process.env.TIMEOUT_MS ?? 15_000),
  ...(proxy && { proxy }),
});

async function exchanges(): Promise<void> {
  const results: Exchange[] = [];
  for (let time = 0; time < Number(times); time += 1) {
    results.push(
      await transport.send({ method: 'POST', path: '/p?q', headers: { authorization: 'Bearer canary' }, body: 'body' }),
    );
  }
  await transport.close();
  process.stdout.write(JSON.stringify(results));
}

void exchanges();
