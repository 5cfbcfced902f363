// What the stand-in saw one of those that are compared send: whether it is what another one sent.

/** What sends something else, or over more connections, is no measure of the server. */
export function requireSameTraffic({ server, ...others }) {
  const wanted = traffic(server);
  for (const [who, seen] of Object.entries(others))
    if (traffic(seen) !== wanted) throw new Error(`server: ${wanted}; but ${who}: ${traffic(seen)}`);
}

/** The names of the requests in their order. */
export function operations({ requests }) {
  return requests.map(({ operation }) => operation).join(', ');
}

function traffic(seen) {
  return `${operations(seen) || 'nothing'}, new sockets: ${seen.sockets}`;
}
