// On what a run was made. No names of hosts, users or paths.

import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';

export function machine() {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory: totalmem(),
    node: process.version,
    os: `${type()} ${release()}`,
    loadBefore: loadavg()[0],
  };
}

export function machineLine({ cpu, cores, memory, node, os, loadBefore }) {
  const gigabytes = Math.round(memory / 1e9);
  return `${cpu}, ${cores} cores, ${gigabytes} GB; Node ${node.slice(1)}; ${os}; load before the run ${loadBefore.toFixed(2)}`;
}
