// The gh client as the judge of the stand-in for GitHub: what it puts there is seen by the sink, and what the sink puts there is
// listed and removed by it. It needs the Debian package gh.

import { describe, expect, onTestFinished, test } from 'vitest';
import { promisify } from 'node:util';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { Secret } from '../../../src/secret/secret.ts';
import { missingOf, realHome } from '../real-programs.ts';
import { githubStandIn } from './github-stand-in.ts';
import { sinkOf, TOKEN } from './store-kinds.ts';

const run = promisify(execFile);
const NEW = 'al-gh-canary-of-the-new-key-0123456789-nEw1';
const OTHER = "al-gh-canary of another, with blanks, 'quotes' and ü";
const reference = { groupId: '0123456789abcdef01234567', entry: 'app_1' };

/** gh asks this host over http, which goes to the stand-in as its proxy. */
const HOST = 'github.localhost';

const places = [
  ['of a repository', 'github:acme/app#{entry}', '/repos/acme/app/actions', ['-R', `${HOST}/acme/app`]],
  [
    'of an environment',
    'github:acme/app?environment=prod env#{entry}',
    '/repos/acme/app/environments/prod env',
    ['-R', `${HOST}/acme/app`, '--env', 'prod env'],
  ],
  ['of an organization', 'github:acme/*#{entry}', '/orgs/acme/actions', ['--org', 'acme']],
] as const;

async function scene(uri: string) {
  const home = realHome();
  const server = await githubStandIn(TOKEN);
  onTestFinished(async () => {
    await server.close();
    await home.close();
  });
  const env = { ...home.env, GH_HOST: HOST, GH_TOKEN: TOKEN, HTTP_PROXY: server.address, NO_COLOR: '1' };
  return {
    server,
    sink: sinkOf(uri, { address: server.address }, { GH_TOKEN: TOKEN }),
    gh: async (...args: readonly string[]) => (await run('gh', ['secret', ...args], { cwd: home.path, env })).stdout,
  };
}

const missing = missingOf(['gh']).length > 0;
const title = `gh and a secret${missing ? ' (not installed: gh)' : ''}`;

describe.skipIf(missing && process.env.CI === undefined).each(places)(`${title} %s`, (_of, uri, root, flags) => {
  const path = `${root}/secrets/APP_1`;

  test('what gh sets is there for the sink, and stays', async () => {
    const { server, sink, gh } = await scene(uri);
    expect(await sink.lookUp(reference)).toEqual({ held: 'nothing' });
    await gh('set', 'app_1', '--body', OTHER, ...flags);
    expect(server.secrets.get(path)?.value).toBe(OTHER);
    expect(await sink.lookUp(reference)).toEqual({ held: 'something' });
    expect(await sink.preflight(reference, 'prove')).toMatchObject({ failure: { code: 'SINK_ENTRY_EXISTS' } });
    expect(server.secrets.get(path)?.value).toBe(OTHER);
  });

  test('what the sink puts there is listed by gh, and what gh deletes is gone for the sink', async () => {
    const { server, sink, gh } = await scene(uri);
    const preflight = await sink.preflight(reference, 'prove');
    if (!preflight.ok) return expect.fail(preflight.failure.message);
    const { write } = preflight.value;
    expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'written', warnings: [] });
    const [name, updated, visibility] = (await gh('list', ...flags)).trim().split('\t');
    expect([name, updated]).toEqual(['APP_1', expect.stringContaining('2026-01-01')]);
    expect(visibility).toBe(root.startsWith('/orgs/') ? 'PRIVATE' : undefined);
    await gh('delete', 'app_1', ...flags);
    expect(server.secrets.has(path)).toBe(false);
    expect(await write.verify(new Secret(NEW))).toMatchObject({ outcome: 'mismatch' });
    expect(await sink.lookUp(reference)).toEqual({ held: 'nothing' });
  });

  test('what gh sets after a delivery is not taken away by a retract', async () => {
    const { server, sink, gh } = await scene(uri);
    const preflight = await sink.preflight(reference, 'prove');
    if (!preflight.ok) return expect.fail(preflight.failure.message);
    await preflight.value.write.deliver(new Secret(NEW));
    await gh('set', 'APP_1', '--body', OTHER, ...flags);
    expect(await preflight.value.write.retract()).toBe('unknown');
    expect(server.secrets.get(path)?.value).toBe(OTHER);
  });
});

describe.skipIf(missing && process.env.CI === undefined)(
  `the token of ${missing ? 'gh (not installed: gh)' : 'gh'}`,
  () => {
    const FRESH = 'canary-token-after-a-new-login-0123456789';

    /** Logged in with gh, whose token the sink asks it for. */
    async function loggedIn() {
      const home = realHome();
      const server = await githubStandIn(TOKEN);
      onTestFinished(async () => {
        await server.close();
        await home.close();
      });
      const logIn = (token: string) => {
        writeFileSync(home.at('hosts.yml'), `github.com:\n    user: ada\n    oauth_token: ${token}\n`, { mode: 0o600 });
      };
      logIn(TOKEN);
      const environment = { ...home.env, GH_CONFIG_DIR: home.path };
      const sink = sinkOf('github:acme/app#{entry}', { address: server.address, timeoutMs: 10_000 }, environment);
      expect(await sink.lookUp(reference)).toEqual({ held: 'nothing' });
      server.calls.length = 0;
      return { server, sink, logIn };
    }

    test.each([
      ['does not accept it', 401],
      ['does not allow this', 403],
      ['does not show the place', 404],
    ])('is had again once where GitHub %s any more', async (_why, status) => {
      const { server, sink, logIn } = await loggedIn();
      server.tokens.set(FRESH, 'write');
      server.fault = ({ headers }) => (headers.authorization === `Bearer ${TOKEN}` ? { status } : undefined);
      logIn(FRESH);
      expect(await sink.lookUp(reference)).toEqual({ held: 'nothing' });
      expect(server.calls.filter(({ headers }) => headers.authorization === `Bearer ${TOKEN}`)).toHaveLength(1);
    });

    test('and where gh has no other, the refusal is told without it', async () => {
      const { server, sink, logIn } = await loggedIn();
      server.tokens.clear();
      const preflight = await sink.preflight(reference, 'prove');
      expect(preflight).toMatchObject({ failure: { code: 'SINK_NOT_READY', message: saying('401') } });
      expect(JSON.stringify(preflight)).not.toContain('canary');
      expect(server.calls).toHaveLength(1);
      // The person logs in anew, and calls again.
      server.tokens.set(FRESH, 'write');
      logIn(FRESH);
      expect(await sink.lookUp(reference)).toEqual({ held: 'nothing' });
    });

    test('a person who is not logged in is told what to run', async () => {
      const { server, sink, logIn } = await loggedIn();
      server.tokens.clear();
      logIn('');
      const other = sinkOf('github:acme/app#KEY', { address: server.address }, realEnvironment());
      expect(await other.preflight(reference, 'prove')).toMatchObject({
        failure: { code: 'SINK_NOT_READY', hint: saying('gh auth token') },
      });
      expect(await sink.lookUp(reference)).toEqual({ held: 'unknown' });
    });
  },
);

/** Of a person who has never used gh. */
function realEnvironment() {
  const home = realHome();
  onTestFinished(() => home.close());
  return home.env;
}

function saying(words: string): unknown {
  return expect.stringContaining(words);
}
