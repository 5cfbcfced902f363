// What is GitHub's own: sealed boxes, organizations, environments, and that 404 may mean that a token sees nothing.

import fc from 'fast-check';
import sodium from 'libsodium-wrappers';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Secret } from '../../../src/secret/secret.ts';
import type { Replaced } from '../../../src/sinks/sink.ts';
import { sealedFor } from '../../../src/sinks/stores/sealed-box.ts';
import { describeContract } from '../contract.ts';
import { githubStandIn, type GithubStandIn } from './github-stand-in.ts';
import { githubKind, sinkOf, TOKEN } from './store-kinds.ts';

const NEW = 'al-github-canary-of-the-new-key-0123456789-nEw1';
const reference = { groupId: '0123456789abcdef01234567', entry: 'app_1' };

async function github() {
  const server = await githubStandIn(TOKEN);
  onTestFinished(() => server.close());
  return server;
}

for (const kind of [
  githubKind(
    'github: of an environment',
    'github:acme/app?environment=prod env#{entry}',
    '/repos/acme/app/environments/prod env',
  ),
  githubKind('github: of an organization', 'github:acme/*#{entry}', '/orgs/acme/actions'),
])
  describeContract({ ...kind, isRetracting: true });

test('libsodium opens what was sealed, whatever the text and the key', async () => {
  await sodium.ready;
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.uint8Array({ minLength: 32, maxLength: 32 }), (text, seed) => {
      const { publicKey, privateKey } = sodium.crypto_box_seed_keypair(seed);
      const sealed = Buffer.from(sealedFor(Buffer.from(publicKey), text) ?? '', 'base64');
      expect(Buffer.from(sodium.crypto_box_seal_open(sealed, publicKey, privateKey)).toString('utf8')).toBe(text);
    }),
    { numRuns: 500 },
  );
  expect(sealedFor(Buffer.alloc(31), 'text')).toBeUndefined();
});

describe('places', () => {
  test.each([
    ['github:acme/app#KEY', '/repos/acme/app/actions/secrets/KEY', undefined],
    ['github:acme/app?environment=prod env#KEY', '/repos/acme/app/environments/prod env/secrets/KEY', undefined],
    ['github:acme/*#KEY', '/orgs/acme/actions/secrets/KEY', 'private'],
  ])('%s', async (uri, path, visibility) => {
    const server = await github();
    const preflight = await sinkOf(uri, { address: server.address }, { GITHUB_TOKEN: TOKEN }).preflight(
      reference,
      'prove',
    );
    if (!preflight.ok) return expect.fail(preflight.failure.message);
    await preflight.value.write.deliver(new Secret(NEW));
    expect(await preflight.value.write.verify(new Secret(NEW))).toMatchObject({
      outcome: 'verified',
      verification: 'metadata',
    });
    expect(server.secrets.get(path)).toMatchObject({ value: NEW, ...(visibility !== undefined && { visibility }) });
  });

  test('one that the token may not see is not called free', async () => {
    const server = await github();
    const sink = sinkOf('github:acme/other#KEY', { address: server.address }, { GH_TOKEN: TOKEN });
    expect(await sink.preflight(reference, 'prove')).toMatchObject({ ok: false, failure: { code: 'SINK_NOT_READY' } });
    expect(await sink.lookUp(reference)).toEqual({ held: 'unknown' });
  });

  test('a secret for selected repositories is not replaced', async () => {
    const server = await github();
    server.put('/orgs/acme/actions/secrets/KEY', 'before', 'selected');
    const sink = sinkOf('github:acme/*#KEY', { address: server.address }, { GH_TOKEN: TOKEN });
    const replaced = { maskedSecret: undefined, isLastHere: true };
    expect(await sink.preflight(reference, 'prove', replaced)).toMatchObject({ failure: { code: 'SINK_NOT_READY' } });
  });

  test.each(['github:acme/app#KEY', 'github:acme/app?environment=prod env#KEY'])(
    'a repository that is archived is found before there is a secret, where that is shown (%s)',
    async (uri) => {
      const server = await github();
      server.isArchived = true;
      expect(await problem(server, uri)).toMatchObject({
        code: 'SINK_NOT_READY',
        message: saying('is archived'),
      });
      for (const reply of [
        { status: 404 },
        { status: 403 },
        { status: 200, text: '<html>' },
        'reset before',
      ] as const) {
        server.fault = ({ path }) => (path === '/repos/acme/app' ? reply : undefined);
        const sink = sinkOf(uri, { address: server.address }, { GH_TOKEN: TOKEN });
        expect(await sink.preflight(reference, 'prove')).toMatchObject({ ok: true });
      }
      server.fault = ({ path }) =>
        path === '/repos/acme/app' ? { status: 429, headers: { 'retry-after': '9' } } : undefined;
      expect(await problem(server, uri)).toMatchObject({ hint: saying('in 9 seconds') });
    },
  );

  test('of an organization no repository is asked for', async () => {
    const server = await github();
    const sink = sinkOf('github:acme/*#KEY', { address: server.address }, { GH_TOKEN: TOKEN });
    expect(await sink.preflight(reference, 'prove')).toMatchObject({ ok: true });
    expect(server.calls).toHaveLength(2);
  });

  test.each(['GITHUB_X', '1X'])('%s is not a name', async (entry) => {
    const server = await github();
    const sink = sinkOf('github:acme/app#{entry}', { address: server.address }, { GH_TOKEN: TOKEN });
    expect(await sink.preflight({ ...reference, entry }, 'prove')).toMatchObject({ ok: false });
    expect(server.calls).toHaveLength(0);
  });
});

/** A write of a sink of `uri`, onto what may be replaced where a place is given. */
async function prepared(server: GithubStandIn, replaced?: Replaced) {
  const sink = sinkOf('github:acme/app#KEY', { address: server.address }, { GH_TOKEN: TOKEN });
  const preflight = await sink.preflight(reference, 'prove', replaced);
  return preflight.ok ? preflight.value.write : expect.fail(preflight.failure.message);
}

async function problem(server: GithubStandIn, uri = 'github:acme/app#KEY', environment = { GH_TOKEN: TOKEN }) {
  const preflight = await sinkOf(uri, { address: server.address }, environment).preflight(reference, 'prove');
  return preflight.ok ? expect.fail('nothing is wrong') : preflight.failure;
}

const PATH = '/repos/acme/app/actions/secrets/KEY';

test('what came in between is told of', async () => {
  const server = await github();
  const write = await prepared(server);
  server.meanwhile = () => {
    server.put(PATH, 'of another');
  };
  const delivery = await write.deliver(new Secret(NEW));
  expect(delivery).toMatchObject({ outcome: 'written', warnings: [expect.stringContaining('meanwhile')] });
});

test('what came in between in a rotation stays', async () => {
  const server = await github();
  server.put(PATH, 'of before');
  const write = await prepared(server, { maskedSecret: undefined, isLastHere: true });
  server.put(PATH, 'of another');
  expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'failed' });
  expect(await write.retract()).toBe('out');
  expect(server.secrets.get(PATH)?.value).toBe('of another');
});

test('a secret sealed for a public key that has changed meanwhile is not there, and not called so', async () => {
  const server = await github();
  const write = await prepared(server);
  server.meanwhile = () => {
    server.exchangeKey();
  };
  expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'failed' });
  expect(await write.retract()).toBe('out');
  expect(server.secrets.size).toBe(0);
});

test.each([
  ['is too short', Buffer.alloc(31).toString('base64')],
  ['is no point that a secret can be shared with', Buffer.alloc(32).toString('base64')],
  ['is not base64', '<html>'],
])('a public key that %s is found before there is a secret', async (_why, key) => {
  const server = await github();
  server.fault = ({ path }) => (path.endsWith('public-key') ? { status: 200, body: { key_id: '1', key } } : undefined);
  expect(await problem(server)).toMatchObject({
    code: 'SINK_NOT_READY',
    message: saying('public key'),
  });
});

test('a rotation within the second of the write before is told from it', async () => {
  const server = await github();
  server.clock = () => Date.now();
  server.put(PATH, 'of before');
  const write = await prepared(server, { maskedSecret: undefined, isLastHere: true });
  expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'written' });
  expect(await write.verify(new Secret(NEW))).toMatchObject({ outcome: 'verified' });
});

test('and leaves what somebody else puts there in that second', async () => {
  const server = await github();
  server.clock = () => Date.now();
  server.put(PATH, 'of before');
  const write = await prepared(server, { maskedSecret: undefined, isLastHere: true });
  let looks = 0;
  server.fault = ({ path }) => {
    if (path !== PATH) return undefined;
    looks += 1;
    if (looks === 2) server.secrets.set(PATH, { value: 'of another', updated: '2036-01-01T00:00:00Z' });
    return undefined;
  };
  expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'failed' });
  expect(server.secrets.get(PATH)?.value).toBe('of another');
});

describe('a look that shows for a while what was there before the write', () => {
  const late = async (old: string | undefined, looks: number) => {
    const server = await github();
    if (old !== undefined) server.put(PATH, old);
    const { updated } = server.secrets.get(PATH) ?? {};
    const before =
      updated === undefined ? { status: 404 } : { status: 200, body: { name: 'KEY', updated_at: updated } };
    const write = await prepared(server, old === undefined ? undefined : { maskedSecret: undefined, isLastHere: true });
    let left = 0;
    server.fault = ({ method, path }) => {
      if (method === 'PUT') left = looks;
      return method === 'GET' && path === PATH && (left -= 1) >= 0 ? before : undefined;
    };
    return write;
  };

  test.each([undefined, 'of before'])('is made again (%s)', async (old) => {
    const write = await late(old, 2);
    expect(await write.deliver(new Secret(NEW))).toEqual({ outcome: 'written', warnings: [] });
    expect(await write.verify(new Secret(NEW))).toMatchObject({ outcome: 'verified' });
  });

  test.each([undefined, 'of before'])('is not made for ever, and then nothing is known (%s)', async (old) => {
    const write = await late(old, 100);
    expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'uncertain' });
    expect(await write.verify(new Secret(NEW))).not.toMatchObject({ outcome: 'verified' });
  });
});

describe('a write of somebody else right after this one', () => {
  const later = async (seconds: number, date?: string) => {
    const server = await github();
    const begin = Date.parse('2026-02-01T00:00:00Z');
    server.clock = () => begin;
    server.replyHeaders = () => ({ date: date ?? new Date(begin).toUTCString() });
    const write = await prepared(server);
    server.afterwards = ({ method }) => {
      server.clock = () => begin + seconds * 1000;
      if (method === 'PUT') server.put(PATH, 'of another');
    };
    return { write, delivery: await write.deliver(new Secret(NEW)) };
  };

  test('is not taken for this one', async () => {
    const { write, delivery } = await later(3);
    expect(delivery).toMatchObject({ outcome: 'uncertain', message: saying('something else wrote') });
    expect(await write.verify(new Secret(NEW))).not.toMatchObject({ outcome: 'verified' });
    expect(await write.retract()).not.toBe('out');
  });

  test('cannot be told from it where both are of one moment, or where GitHub does not say when it answered', async () => {
    for (const { delivery } of [await later(2), await later(3, 'canary')])
      expect(delivery).toMatchObject({ outcome: 'written' });
  });
});

describe('what GitHub refuses is told as what it is', () => {
  const at = Date.parse('2026-02-01T00:00:00Z');
  const reset = (seconds: number) => ({
    'x-ratelimit-remaining': '0',
    'x-ratelimit-reset': String(at / 1000 + seconds),
    date: new Date(at).toUTCString(),
  });

  test.each([
    [{ status: 429, headers: { 'retry-after': '17' } }, 'in 17 seconds'],
    [{ status: 403, headers: { 'retry-after': '60' } }, 'in 60 seconds'],
    [{ status: 403, headers: reset(90) }, 'in 90 seconds'],
    [{ status: 403, headers: { ...reset(90), 'retry-after': '30' } }, 'in 30 seconds'],
    [{ status: 403, headers: reset(86_400) }, 'in 86400 seconds'],
    [{ status: 403, headers: { ...reset(0), date: 'canary' } }, 'in a minute'],
    [{ status: 403, headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1' } }, 'in a minute'],
    [{ status: 403, headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': 'canary' } }, 'in a minute'],
    [{ status: 403, body: { message: 'You have exceeded a secondary rate limit, canary.' } }, 'in a minute'],
    [{ status: 429, headers: { 'retry-after': 'canary' } }, 'in a minute'],
    [{ status: 429, headers: { 'retry-after': '0' } }, 'in a minute'],
  ])('%j: too many requests', async (reply, when) => {
    const server = await github();
    server.fault = () => reply;
    const failure = await problem(server);
    expect(failure.message).toMatch(/takes no more requests for now/);
    expect(failure.hint).toContain(`Try again ${when}.`);
    expect(JSON.stringify(failure)).not.toMatch(/canary|right/);
    // Another credential is not a way around it.
    expect(server.calls).toHaveLength(1);
  });

  test('after too many requests nothing is sent again until the time that GitHub names, or for an hour', async () => {
    for (const [seconds, restMs] of [
      [90, 90_000],
      [86_400, 3_600_000],
    ] as const) {
      const server = await github();
      const sink = sinkOf('github:acme/app#KEY', { address: server.address }, { GH_TOKEN: TOKEN });
      server.fault = () => ({ status: 403, headers: reset(seconds) });
      const hint = async () => {
        const preflight = await sink.preflight(reference, 'prove');
        return preflight.ok ? 'nothing is wrong' : preflight.failure.hint;
      };
      let now = Date.now();
      vi.spyOn(Date, 'now').mockImplementation(() => now);
      onTestFinished(() => void vi.restoreAllMocks());
      expect(await hint()).toContain(`in ${seconds} seconds`);
      server.fault = () => undefined;
      now += restMs - 30_000;
      expect(await hint()).toMatch(seconds === 90 ? /in 30 seconds/ : /in 82830 seconds/);
      expect(await sink.lookUp(reference)).toEqual({ held: 'unknown' });
      expect(server.calls).toHaveLength(1);
      now += 30_000;
      expect(await hint()).toBe('nothing is wrong');
    }
  });

  test('after too many requests without a time it is asked again', async () => {
    const server = await github();
    const sink = sinkOf('github:acme/app#KEY', { address: server.address }, { GH_TOKEN: TOKEN });
    server.fault = () => ({ status: 429 });
    expect(await sink.preflight(reference, 'prove')).toMatchObject({ failure: { hint: 'Try again in a minute.' } });
    server.fault = () => undefined;
    expect(await sink.preflight(reference, 'prove')).toMatchObject({ ok: true });
  });

  test('too many requests between a write and its look do not send another one', async () => {
    const server = await github();
    const write = await prepared(server);
    let isWritten = false;
    server.afterwards = ({ method }) => {
      isWritten ||= method === 'PUT';
    };
    server.fault = () => (isWritten ? { status: 429, headers: { 'retry-after': '60' } } : undefined);
    expect(await write.deliver(new Secret(NEW))).toMatchObject({ outcome: 'uncertain', hint: saying('in 60 seconds') });
    const sent = server.calls.length;
    expect(await write.verify(new Secret(NEW))).toMatchObject({ outcome: 'unreadable' });
    expect(await write.retract()).toBe('unknown');
    expect(server.calls).toHaveLength(sent);
  });

  test('a write that is one too many is not done', async () => {
    const server = await github();
    const write = await prepared(server);
    server.fault = ({ method }) => (method === 'PUT' ? { status: 403, headers: { 'retry-after': '60' } } : undefined);
    const delivery = await write.deliver(new Secret(NEW));
    expect(delivery).toMatchObject({ outcome: 'failed', hint: saying('in 60 seconds') });
  });

  test('a repository that has another name now', async () => {
    const server = await github();
    const failure = await problem(server, 'github:acme/renamed#KEY');
    expect(failure.hint).toContain('another name');
    expect(server.calls).toHaveLength(1);
  });

  test('one that is away has nothing to do with rights', async () => {
    const server = await github();
    server.fault = () => 'reset before';
    expect((await problem(server)).hint).not.toContain('right');
  });

  test('a write without the right to it', async () => {
    const server = await github();
    const write = await prepared(server);
    server.tokens.set(TOKEN, 'read');
    const delivery = await write.deliver(new Secret(NEW));
    expect(delivery).toMatchObject({ outcome: 'failed', hint: saying('right') });
  });
});

test.each([
  ['github.com', 'https://api.github.com'],
  ['acme.ghe.com', 'https://api.acme.ghe.com'],
  ['git.acme.example', 'https://git.acme.example'],
])('the API of %s is asked at %s, with the token that gh would take', async (host, origin) => {
  const away = { GH_HOST: host, HTTPS_PROXY: 'http://127.0.0.1:1' };
  const hintWith = async (variable: string) => {
    const sink = sinkOf('github:acme/app#KEY', {}, { ...away, PATH: '/nowhere', [variable]: TOKEN });
    const preflight = await sink.preflight(reference, 'prove');
    return preflight.ok ? '' : preflight.failure.hint;
  };
  const isEnterprise = origin.endsWith('.example');
  expect(await hintWith(isEnterprise ? 'GH_ENTERPRISE_TOKEN' : 'GH_TOKEN')).toContain(`${origin} `);
  expect(await hintWith(isEnterprise ? 'GH_TOKEN' : 'GH_ENTERPRISE_TOKEN')).not.toContain(origin);
});

function saying(words: string): unknown {
  return expect.stringContaining(words);
}
