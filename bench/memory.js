// The memory of another process, in bytes, as the system counts it: from /proc on Linux, from ps elsewhere.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const onLinux = process.platform === 'linux';

export function residentMemory(pid) {
  if (onLinux) return statusOf(pid, 'VmRSS');
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) * 1024;
}

/** The most that it ever held; undefined where the system does not say. */
export function peakMemory(pid) {
  return onLinux ? statusOf(pid, 'VmHWM') : undefined;
}

function statusOf(pid, field) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const [, kilobytes] = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status) ?? [];
  if (kilobytes === undefined) throw new Error(`The process ${pid} has no ${field}.`);
  return Number(kilobytes) * 1024;
}
