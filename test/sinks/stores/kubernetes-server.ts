// A real kube-apiserver with its etcd, from the folder in which .ci/k8s has built it: on loopback, with certificate authority, roles
// (RBAC), a token file, client certificates and service accounts of its own. kubectl is its administrator.

import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createSign } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeCertificates } from './certificates.ts';
import { certificateUser, clusterIn, writeKubeconfig } from './kubeconfig.ts';
import { portOf } from './stand-in.ts';

/** The one user of the token file, and of the client certificate. */
const USER = 'tester';

/** The account of a pod, as a token of it names it. */
export interface Account {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** Who has a role. */
interface Subject {
  readonly kind: 'User' | 'ServiceAccount';
  readonly name: string;
  readonly namespace?: string;
}

export type KubernetesServer = Awaited<ReturnType<typeof startKubernetes>>;

/** @param programs the folder with `etcd` and `kube-apiserver` */
export async function startKubernetes(programs: string, token: string) {
  const folder = mkdtempSync(join(tmpdir(), 'amk-kubernetes-'));
  const at = (name: string) => join(folder, name);
  makeCertificates(folder, { admin: '/O=system:masters/CN=admin', [USER]: `/CN=${USER}` });
  execFileSync('openssl', ['genrsa', '-out', at('accounts.key'), '2048'], { stdio: 'ignore' });
  writeFileSync(at('tokens.csv'), `${token},${USER},${USER}-id\n`, { mode: 0o600 });
  const [store, peers, port] = await freePorts();
  const processes = [
    run(folder, join(programs, 'etcd'), [
      ...['--data-dir', at('etcd'), '--listen-client-urls', `http://127.0.0.1:${store}`],
      ...['--advertise-client-urls', `http://127.0.0.1:${store}`, '--listen-peer-urls', `http://127.0.0.1:${peers}`],
      ...['--initial-advertise-peer-urls', `http://127.0.0.1:${peers}`],
      ...['--initial-cluster', `default=http://127.0.0.1:${peers}`],
    ]),
    run(folder, join(programs, 'kube-apiserver'), [
      ...['--etcd-servers', `http://127.0.0.1:${store}`, '--bind-address', '127.0.0.1', '--secure-port', String(port)],
      ...['--advertise-address', '127.0.0.1', '--endpoint-reconciler-type', 'none'],
      ...['--tls-cert-file', at('server.pem'), '--tls-private-key-file', at('server.key'), '--cert-dir', folder],
      ...['--client-ca-file', at('ca.pem'), '--token-auth-file', at('tokens.csv'), '--authorization-mode', 'RBAC'],
      ...['--service-account-issuer', ISSUER, '--service-account-key-file', at('accounts.key')],
      ...['--service-account-signing-key-file', at('accounts.key'), '--service-cluster-ip-range', '10.0.0.0/24'],
    ]),
  ];
  const address = `https://127.0.0.1:${port}`;
  const ca = readFileSync(at('ca.pem'), 'utf8');
  const cluster = clusterIn(folder);
  const KUBECONFIG = writeKubeconfig(folder, address, certificateUser(folder, 'admin'), cluster);
  const env = { PATH: process.env.PATH ?? '', HOME: folder, KUBECONFIG };
  /** What kubectl prints. */
  const kubectl = (args: readonly string[], input?: object): Promise<string> =>
    new Promise((resolve, reject) => {
      const child = execFile('kubectl', args, { env }, (error, stdout) => {
        if (error) reject(new Error(`kubectl ${args.join(' ')}: ${error.message}`));
        else resolve(stdout);
      });
      child.stdin?.end(input === undefined ? '' : JSON.stringify(input));
    });
  await readyOf(kubectl, processes, folder);
  return {
    ca,
    cluster,
    address,
    kubectl,
    certificateOf: (name: 'admin' | 'stranger' | typeof USER) => certificateUser(folder, name),
    grant: (namespace: string, verbs: readonly string[], subject?: Subject) =>
      grant(kubectl, namespace, verbs, subject ?? { kind: 'User', name: USER }),
    tokenOf: (account: Account, endsAt: number) => signed(account, endsAt, readFileSync(at('accounts.key'), 'utf8')),
    async close() {
      for (const each of processes.reverse()) await ended(each);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const ISSUER = 'https://kubernetes.default.svc';

function run(folder: string, program: string, args: readonly string[]): ChildProcess {
  return spawn(program, args, { cwd: folder, stdio: 'ignore', env: { HOME: folder } });
}

async function readyOf(
  kubectl: (args: readonly string[]) => Promise<string>,
  processes: readonly ChildProcess[],
  folder: string,
): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    if (processes.some(({ exitCode }) => exitCode !== null)) throw new Error(`A server ended; see ${folder}`);
    const isReady = await kubectl(['get', '--raw', '/readyz']).catch(() => '');
    if (isReady === 'ok') return;
    await delay(200);
  }
  throw new Error('The server did not become ready.');
}

/** Makes the namespace, or changes what `subject` may do there to the Secrets, and waits until the server knows it. */
async function grant(
  kubectl: (args: readonly string[], input?: object) => Promise<string>,
  namespace: string,
  verbs: readonly string[],
  subject: Subject,
): Promise<void> {
  const named = { name: 'keys', namespace };
  const rules = [{ apiGroups: [''], resources: ['secrets'], verbs }];
  const group = 'rbac.authorization.k8s.io';
  const role = { apiVersion: `${group}/v1`, kind: 'Role', metadata: named, rules };
  const roleRef = { apiGroup: group, kind: 'Role', name: 'keys' };
  const binding = { apiVersion: `${group}/v1`, kind: 'RoleBinding', metadata: named, roleRef, subjects: [subject] };
  const items = [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, role, binding];
  const change = ['apply', '--validate=false', '-f', '-'];
  await kubectl(change, { apiVersion: 'v1', kind: 'List', items });
  const { kind, name } = subject;
  const as = kind === 'User' ? name : `system:serviceaccount:${namespace}:${name}`;
  for (const verb of ['get', 'create', 'patch', 'delete']) {
    const expected = verbs.includes(verb) ? 'yes' : 'no';
    const ask = ['auth', 'can-i', verb, 'secrets', '-n', namespace, '--as', as];
    for (let tries = 0; tries < 100; tries += 1) {
      const said = await kubectl(ask).catch(() => 'no');
      if (said.trim() === expected) break;
      await delay(50);
    }
  }
}

/** A token as the server itself signs it, with an end that the server would not give. */
function signed({ namespace, name, uid }: Account, endsAt: number, key: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value), 'utf8').toString('base64url');
  const [exp, iat] = [endsAt, Date.now() - 3_600_000].map((each) => Math.floor(each / 1000));
  const claims = {
    ...{ iss: ISSUER, aud: [ISSUER], exp, iat, nbf: iat, sub: `system:serviceaccount:${namespace}:${name}` },
    'kubernetes.io': { namespace, serviceaccount: { name, uid } },
  };
  const text = `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}`;
  return `${text}.${createSign('RSA-SHA256').update(text).sign(key, 'base64url')}`;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exited;
}

async function freePorts(): Promise<readonly [number, number, number]> {
  const servers = [createServer(), createServer(), createServer()] as const;
  const ports = await Promise.all(servers.map((each) => portOf(each)));
  await Promise.all(servers.map((each) => new Promise((resolve) => each.close(resolve))));
  return [ports[0] ?? 0, ports[1] ?? 0, ports[2] ?? 0];
}

/** A way to a server that can be closed, while the server stays. */
export async function wayTo(address: string): Promise<{ readonly address: string; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(new URL(address).port), '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
      one.pipe(other);
    }
  });
  const port = await portOf(server);
  return {
    address: `https://127.0.0.1:${port}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const each of sockets) each.destroy();
      await closed;
    },
  };
}
