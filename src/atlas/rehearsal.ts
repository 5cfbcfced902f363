// Has a list of keys read once before the first call does so, that this one need not wait until V8 has compiled the HTTP
// client and what reads a reply. The other end is a stream in memory: nothing leaves the process, no name is looked up.

import { Socket } from 'node:net';
import { Secret } from '../secret/secret.ts';
import { createAtlas } from './atlas.ts';
import type { AtlasResult } from './failure.ts';
import type { ListedKey } from './model-keys.ts';

const GROUP = '0'.repeat(24);
const TOKEN = { access_token: 'no-token-of-anybody', token_type: 'Bearer', expires_in: 3600 };
const KEY = { apiKeyId: 'none', name: 'rehearsal', maskedSecret: 'al-****none', lastUsedAt: null };
const KEYS = { results: [{ ...KEY, groupId: GROUP, createdAt: '2026-01-01T00:00:00Z' }], totalCount: 1 };
const LONGEST_MS = 1_000;

export async function rehearse(): Promise<AtlasResult<readonly ListedKey[]>> {
  const atlas = createAtlas({
    baseUrl: new URL('http://rehearsal.invalid'),
    credentials: { kind: 'service-account', clientId: 'nobody', clientSecret: new Secret('no-secret-of-anybody') },
    apiVersion: 'auto',
    timeoutMs: LONGEST_MS,
    connect(_options, connected) {
      queueMicrotask(() => {
        connected(null, stage());
      });
    },
  });
  const keys = await atlas.listKeys(GROUP);
  await atlas.close();
  return keys;
}

/** Answers as Atlas does whatever is written to it. It has no handle of the system. */
function stage(): Socket {
  const answer = (request: string) => {
    const body = JSON.stringify(request.includes('/token ') ? TOKEN : KEYS);
    socket.push(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  };
  const socket: Socket = Object.assign(new Socket(), {
    // Everything is pushed.
    _read: () => undefined,
    _write(chunk: unknown, _encoding: unknown, done: () => void) {
      done();
      answer(String(chunk));
    },
    _writev(chunks: readonly { readonly chunk: unknown }[], done: () => void) {
      done();
      answer(chunks.map(({ chunk }) => String(chunk)).join(''));
    },
  });
  return socket;
}
