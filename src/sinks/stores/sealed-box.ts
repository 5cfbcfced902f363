// Seals a text for the holder of a key, as GitHub asks: the sealed box of libsodium (crypto_box_seal). X25519 is that of OpenSSL, the
// rest that of the noble libraries; test/sinks/stores opens the boxes with libsodium itself.

import { createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { hsalsa, xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import { blake2b } from '@noble/hashes/blake2.js';

/** @returns undefined where the key is not one */
export function sealedFor(publicKey: Buffer, text: string): string | undefined {
  if (publicKey.length !== 32) return undefined;
  const x = publicKey.toString('base64url');
  const recipient = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
  const { privateKey, publicKey: own } = generateKeyPairSync('x25519');
  const ephemeral = Buffer.from(own.export({ format: 'jwk' }).x ?? '', 'base64url');
  const nonce = blake2b(Buffer.concat([ephemeral, publicKey]), { dkLen: 24 });
  const shared = sharedBy(privateKey, recipient);
  if (shared === undefined) return undefined;
  const sealed = xsalsa20poly1305(boxKey(shared), nonce).encrypt(Buffer.from(text, 'utf8'));
  return Buffer.concat([ephemeral, sealed]).toString('base64');
}

/** OpenSSL refuses a point of low order, with which nothing would be secret. */
function sharedBy(privateKey: KeyObject, publicKey: KeyObject): Buffer | undefined {
  try {
    return diffieHellman({ privateKey, publicKey });
  } catch {
    return undefined;
  }
}

/** crypto_box_beforenm: HSalsa20 of what both sides share, with a nonce of zeros. */
function boxKey(shared: Buffer): Uint8Array {
  const words = (bytes: Uint8Array) => new Uint32Array(Uint8Array.from(bytes).buffer);
  const out = new Uint32Array(8);
  hsalsa(words(Buffer.from('expand 32-byte k', 'latin1')), words(shared), new Uint32Array(4), out);
  return new Uint8Array(out.buffer);
}
