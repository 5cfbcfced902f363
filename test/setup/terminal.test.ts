// `setup` with a person at a terminal: script(1) of util-linux gives it one. What is typed for the secret is not shown.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { leaksIn } from '../canary.ts';
import { GROUP, openSetup, STARTED } from './session.ts';

const ENTER = '\r';
const DOWN = '\u001b[B';
const SPACE = ' ';
const CANCEL = '\u0003';

async function atTerminal(
  { home, hosts }: Awaited<ReturnType<typeof openSetup>>,
  env: Readonly<Record<string, string>>,
) {
  const command = [...STARTED, 'setup'].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qefc', `stty cols 120 rows 40; ${command}`, '/dev/null'], {
    cwd: home,
    env: { PATH: `${hosts.folder}:${process.env.PATH ?? ''}`, HOME: home, TERM: 'xterm', SHELL: '/bin/sh', ...env },
    stdio: 'pipe',
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = once(child, 'close');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  await once(child, 'spawn');
  const shown = () => Buffer.concat(chunks).toString();
  return {
    shown,
    answer: async (question: string, keys: string) => {
      await vi
        .waitUntil(() => shown().includes(question), { timeout: 20_000, interval: 10 })
        .catch(() => {
          throw new Error(`It did not ask "${question}":\n${shown()}`);
        });
      child.stdin.write(keys);
    },
    end: async () => {
      await ended;
      return child.exitCode;
    },
  };
}

describe.runIf(process.platform === 'linux')('in a terminal', () => {
  test('it asks for all that is missing, and keeps it', async () => {
    const setup = await openSetup(['claude', 'codex']);
    const { baseUrl, credentials } = setup.sandbox;
    const terminal = await atTerminal(setup, { MONGODB_ATLAS_BASE_URL: baseUrl });
    await terminal.answer('How do you sign in to Atlas?', ENTER);
    await terminal.answer('Client id of the service account', `${credentials.clientId}${ENTER}`);
    await terminal.answer('Client secret', `${credentials.clientSecret}${ENTER}`);
    await terminal.answer('Which projects may agents use?', `${SPACE}${ENTER}`);
    await terminal.answer('Where do the secrets of new keys go?', `${DOWN}${ENTER}`);
    await terminal.answer('Path of the .env file', `~/app/.env${ENTER}`);
    await terminal.answer('May agents only read', ENTER);
    await terminal.answer('Is a person asked', `${DOWN}${ENTER}`);
    await terminal.answer('Which hosts get the server?', `${SPACE}${ENTER}`);
    await terminal.answer('Write this?', ENTER);
    expect(await terminal.end(), terminal.shown()).toBe(0);

    expect(leaksIn(terminal.shown(), [credentials.clientSecret])).toEqual([]);
    expect(setup.read('client-secret')).toBe(credentials.clientSecret);
    expect(JSON.parse(setup.read('config.json') ?? '')).toEqual({
      sinks: { app: 'dotenv:~/app/.env' },
      allowedProjects: [GROUP],
      confirm: 'required',
      atlas: { baseUrl, clientId: credentials.clientId, clientSecretFile: setup.path('client-secret') },
    });
    expect(setup.hosts.calls().map(({ host }) => host)).toEqual(['codex']);
  });

  test('it asks nothing that flags, environment or file say, and writes nothing where the person stops', async () => {
    const setup = await openSetup(['claude']);
    const terminal = await atTerminal(setup, {
      ...setup.env,
      PATH: `${setup.hosts.folder}:${process.env.PATH ?? ''}`,
      ATLAS_MODEL_KEYS_ALLOWED_PROJECTS: GROUP,
      ATLAS_MODEL_KEYS_SINKS: `app=file:${setup.home}/keys/{entry}`,
      ATLAS_MODEL_KEYS_READ_ONLY: 'true',
      ATLAS_MODEL_KEYS_CONFIRM: 'never',
    });
    await terminal.answer('Which hosts get the server?', ENTER);
    await terminal.answer('Write this?', CANCEL);
    expect(await terminal.end()).toBe(1);
    expect(terminal.shown()).toContain('Nothing was written.');
    expect(terminal.shown()).not.toMatch(/sign in|Which projects|Where do|only read|Is a person/);
    expect([existsSync(setup.folder), setup.hosts.calls()]).toEqual([false, []]);
  });
});
