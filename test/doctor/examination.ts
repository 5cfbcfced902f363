// Runs the doctor as a person or a script does: a child process of the bundle that ships, with a simulated Atlas, a home and
// one sink. Nothing here expects anything but that the report has its form.

import { lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import * as z from 'zod/v4';
import { FIRST_PROJECT } from '../../src/sandbox/first-project.ts';
import { sandboxFor } from '../atlas-simulator/sandbox-for.ts';
import type { Simulator, SimulatorOptions } from '../atlas-simulator/simulator.ts';
import { credentialsFor, startServer, temporaryHome } from '../e2e/host.ts';

export const GROUP = FIRST_PROJECT;

const report = z.strictObject({
  ok: z.boolean(),
  checks: z.array(
    z.strictObject({
      check: z.string().min(1),
      status: z.enum(['ok', 'warning', 'failed']),
      finding: z.string().min(1),
      advice: z.string().min(1).optional(),
    }),
  ),
});

export type Found = z.output<typeof report>['checks'][number];

export interface Examined {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export async function openWard(options: SimulatorOptions = {}) {
  const sandbox = await sandboxFor(options);
  const home = temporaryHome();
  mkdirSync(join(home, 'sink'), { mode: 0o700 });
  const env = { ...credentialsFor(sandbox), ATLAS_MODEL_KEYS_SINKS: `app=file:${home}/sink/{entry}.key` };
  const run = (args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    runDoctor(home, args, { ...env, ...more });
  return {
    sandbox,
    home,
    stateDir: join(home, '.local/state/atlas-model-keys'),
    run,
    /** What it finds, and what it ends with. */
    examine: async (more: Readonly<Record<string, string>> = {}, args: readonly string[] = []) => {
      const examined = await run(['--json', ...args], more);
      return { ...examined, ...readReport(examined) };
    },
  };
}

export async function runDoctor(
  home: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Examined> {
  const { ended, output } = startServer({ home, args: ['doctor', ...args], env });
  const { code } = await ended;
  return { code, ...output() };
}

export function readReport({ stdout }: Examined) {
  const { ok, checks } = report.parse(JSON.parse(stdout));
  return { ok, checks, failed: namesOf(checks, 'failed'), warnings: namesOf(checks, 'warning') };
}

export function namesOf(checks: readonly Found[], status: Found['status']): string[] {
  return checks.filter((found) => found.status === status).map(({ check }) => check);
}

/** Everything below a folder: kinds, modes, contents, and of files the times (in a folder the doctor tries a write). */
export function pictureOf(folder: string): Map<string, string> {
  const names = ['.', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })];
  return new Map(
    names.map((name) => {
      const path = join(folder, name);
      const stats = lstatSync(path);
      const { mode, mtimeMs, ctimeMs, uid } = stats;
      const file = stats.isFile() ? [mtimeMs, ctimeMs, readFileSync(path, 'latin1')] : [];
      return [name, [mode, uid, ...file].join(' ')];
    }),
  );
}

/** The address of something that passes all on to the sandbox, and whose clock differs from this machine's. */
export async function behindOtherClock({ baseUrl }: Simulator, seconds: number | undefined): Promise<string> {
  const between = createServer((incoming, outgoing) => {
    outgoing.sendDate = false;
    const { method, headers, url = '/' } = incoming;
    const passed = request(new URL(url, baseUrl), { method, headers }, (reply) => {
      const headers = Object.entries(reply.headers).filter(([name]) => name !== 'date');
      if (seconds !== undefined) headers.push(['date', new Date(Date.now() + seconds * 1000).toUTCString()]);
      outgoing.writeHead(reply.statusCode ?? 502, Object.fromEntries(headers));
      reply.pipe(outgoing);
    });
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => {
    between.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    between.closeAllConnections();
    between.close();
  });
  const address = between.address();
  return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
}
