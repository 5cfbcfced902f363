// The process of the Atlas stand-in: the simulator of the tests (its bundle is the first argument), and the sockets that were
// opened to it, counted by the system's own notice of each. Takes orders from the benchmark over IPC.

import { subscribe } from 'node:diagnostics_channel';
import { pathToFileURL } from 'node:url';

const { startSimulator } = await import(pathToFileURL(process.argv[2]));

let sockets = 0;
subscribe('net.server.socket', () => {
  sockets += 1;
});

const simulator = await startSimulator();
const [{ id: groupId }] = simulator.projects;

const orders = {
  about: () => ({ baseUrl: simulator.baseUrl, credentials: simulator.credentials, groupId }),
  /** Every request from now on waits so long before it is carried out. */
  delay(ms) {
    simulator.clearFaults();
    if (ms > 0) simulator.inject({ kind: 'delay', ms, operation: 'any', when: 'before', times: Infinity });
  },
  expireTokens: () => simulator.expireTokens(),
  /** So many keys and no others; nothing seen. */
  reset(count) {
    for (const { apiKeyId } of simulator.keys()) simulator.removeKey(apiKeyId);
    for (let n = 1; n <= count; n += 1) simulator.addKey(groupId, { name: `${n % 2 ? 'odd' : 'even'} ${n}` });
    orders.forget();
  },
  /** So many projects more, each with so many keys; their ids. */
  addProjects({ count, keys }) {
    return Array.from({ length: count }, () => {
      const { id } = simulator.addProject();
      for (let n = 1; n <= keys; n += 1) simulator.addKey(id, { name: `before ${n}` });
      return id;
    });
  },
  /** Nothing seen, and the keys as they are. */
  forget() {
    simulator.clearRequests();
    sockets = 0;
  },
  /** What has arrived since then. */
  seen: () => ({
    sockets,
    requests: simulator.requests.map(({ operation, method, path, headers, body }) => ({
      operation,
      method,
      path,
      headers,
      body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
    })),
  }),
};

process.on('message', ({ id, order, argument }) => {
  process.send({ id, answer: orders[order](argument) });
});
process.on('disconnect', () => process.exit());
process.send({ ready: true });
