// A certificate authority by openssl, a certificate for servers on loopback, and one for each client.

import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const withoutOpenssl =
  spawnSync('openssl', ['version'], { stdio: 'ignore' }).status === 0 ? undefined : 'openssl is not installed';

/** A certificate and its key, in PEM. */
interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/**
 * Into the folder go `ca.pem`, `server.pem` with `server.key`, and the same of each client; also of `stranger`, whom the authority
 * does not know.
 *
 * @param clients the name of each, with its subject
 */
export function makeCertificates(folder: string, clients: Readonly<Record<string, string>>): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const selfSigned = (name: string) =>
    openssl('req', '-x509', ...fresh, ...DAYS, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.pem`);
  const signed = (name: string, subject: string, more: string) => {
    writeFileSync(join(folder, `${name}.ext`), more);
    openssl('req', '-new', ...fresh, '-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', `${name}.ext`];
    openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...DAYS, ...by);
  };
  selfSigned('ca');
  selfSigned('stranger');
  signed('server', '/CN=server', 'subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc');
  for (const [name, subject] of Object.entries(clients)) signed(name, subject, 'extendedKeyUsage=clientAuth');
}

const DAYS = ['-days', '2'];

export function certificateIn(folder: string, name: string): Certificate {
  const [cert, key] = ['pem', 'key'].map((end) => readFileSync(join(folder, `${name}.${end}`), 'utf8'));
  return { cert: cert ?? '', key: key ?? '' };
}
