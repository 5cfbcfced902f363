// What is GitHub's own: sealed boxes, organizations, environments, and that 404 may mean that a token sees nothing.

import fc from 'fast-check';
import sodium from 'libsodium-wrappers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Secret } from '../../../src/secret/secret.ts';
import { sealedFor } from '../../../src/sinks/stores/sealed-box.ts';
import { describeContract } from '../contract.ts';
import { githubStandIn } from './github-stand-in.ts';
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
    expect(await preflight.value.write.verify(new Secret(NEW))).toEqual({
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

  test.each(['GITHUB_X', '1X'])('%s is not a name', async (entry) => {
    const server = await github();
    const sink = sinkOf('github:acme/app#{entry}', { address: server.address }, { GH_TOKEN: TOKEN });
    expect(await sink.preflight({ ...reference, entry }, 'prove')).toMatchObject({ ok: false });
    expect(server.calls).toHaveLength(0);
  });
});

test('what came in between is told of', async () => {
  const server = await github();
  const sink = sinkOf('github:acme/app#KEY', { address: server.address }, { GH_TOKEN: TOKEN });
  const preflight = await sink.preflight(reference, 'prove');
  if (!preflight.ok) return expect.fail(preflight.failure.message);
  server.meanwhile = () => {
    server.put('/repos/acme/app/actions/secrets/KEY', 'of another');
  };
  const delivery = await preflight.value.write.deliver(new Secret(NEW));
  expect(delivery).toMatchObject({ outcome: 'written', warnings: [expect.stringContaining('meanwhile')] });
});
