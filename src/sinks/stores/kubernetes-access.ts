// Where the API of Kubernetes is and who asks it: the service account of the pod this runs in, else what `kubectl config view` says
// of the context: a token, a client certificate, or a plugin (ExecCredential of client.authentication.k8s.io).

import type { Environment } from '../../programs/child-environment.ts';
import { isAbsolute, join } from 'node:path';
import type { KubernetesSpec } from '../../config/store-spec.ts';
import { failed, ok, type Result } from '../../failure.ts';
import type { TlsIdentity } from '../../http/transport.ts';
import { basicAuthorization, bearerAuthorization } from '../../secret/opened-secret.ts';
import { openSecret, Secret } from '../../secret/secret.ts';
import { isObject, type JsonObject, parseJson } from '../../text/text.ts';
import { notReady, type SinkProblem } from '../sink.ts';
import { caOf, createClient, objectAt, textAt, type Client } from './store-client.ts';
import { checkedSecret, kept, printedByHelper, secretOfFile, textOfFile, type Credential } from './store-credential.ts';

/** One who asks, and the connection that knows them. */
export interface Access {
  readonly client: Client;
  /** What the path of the server's address begins with. */
  readonly prefix: string;
  readonly authorization: Secret | undefined;
  /** To tell two apart: a certificate or a header, never shown. */
  readonly identity: string;
  readonly endsAt?: number | undefined;
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const FAMILIES = ['AWS_', 'GOOGLE_', 'CLOUDSDK_', 'AZURE_', 'AAD_', 'KUBE'];

export function kubernetesAccess(
  spec: KubernetesSpec,
  environment: Environment,
  folder = SERVICE_ACCOUNT,
): Credential<Access> {
  return kept(
    async () => {
      const host = environment.KUBERNETES_SERVICE_HOST;
      const isConfigured = Boolean(environment.KUBECONFIG) || spec.context !== undefined || spec.address !== undefined;
      const inPod = host && !isConfigured ? await ofPod(spec, environment, host, folder) : undefined;
      return inPod ?? ofKubeconfig(spec, environment);
    },
    (one, other) => one.identity === other.identity,
    ({ endsAt }) => endsAt,
  );
}

async function ofPod(
  spec: KubernetesSpec,
  environment: Environment,
  host: string,
  folder: string,
): Promise<Result<Access, SinkProblem> | undefined> {
  if ((await textOfFile(join(folder, 'token'))) === undefined) return undefined;
  const token = await secretOfFile(join(folder, 'token'), 'the service account of this pod');
  const tls = await caOf(spec.caFile ?? join(folder, 'ca.crt'), 'caFile');
  if (!token.ok) return token;
  if (!tls.ok) return tls;
  // The certificate has the address too, but an IPv6 address is no host name here.
  const name = host.includes(':') ? 'kubernetes.default.svc' : host;
  const address = `https://${name}:${environment.KUBERNETES_SERVICE_PORT ?? '443'}`;
  return accessOf(spec, environment, { address, prefix: '', tls: tls.value, authorization: bearer(token.value) });
}

interface Found {
  readonly address: string;
  readonly prefix: string;
  readonly tls: TlsIdentity | undefined;
  readonly authorization: Secret | undefined;
  readonly endsAt?: number | undefined;
}

function bearer(token: Secret): Secret {
  return new Secret(bearerAuthorization(token), { isCompared: false });
}

function accessOf(spec: KubernetesSpec, environment: Environment, found: Found): Result<Access, SinkProblem> {
  const { address, tls, timeoutMs } = { ...found, timeoutMs: spec.timeoutMs };
  const client = createClient({ store: 'Kubernetes', address: spec.address ?? address, timeoutMs, tls, environment });
  if (!client.ok) return client;
  const { prefix, authorization, endsAt } = found;
  const identity = JSON.stringify([tls, authorization && openSecret(authorization)]);
  return ok({ client: client.value, prefix, authorization, identity, endsAt });
}

async function ofKubeconfig(spec: KubernetesSpec, environment: Environment): Promise<Result<Access, SinkProblem>> {
  const view = ['config', 'view', '--raw', '--minify', '--flatten', '-o', 'json'];
  const context = spec.context === undefined ? [] : ['--context', spec.context];
  const run = { argv: ['kubectl', ...view, ...context] as const, passed: ['KUBECONFIG'], timeoutMs: spec.timeoutMs };
  const printed = await printedByHelper(run, environment);
  if (!printed.ok) return printed;
  const config = parseJson(printed.value);
  const cluster = objectAt(firstOf(config, 'clusters'), 'cluster');
  const user = objectAt(firstOf(config, 'users'), 'user') ?? {};
  const server = textAt(cluster, 'server');
  if (!cluster || server === undefined || !URL.canParse(server)) return unusable('names no server');
  if (cluster['insecure-skip-tls-verify'] === true) return unusable('turns certificate checks off');
  if (textAt(cluster, 'proxy-url') !== undefined) return unusable('has a proxy-url; HTTPS_PROXY is used here');
  const { pathname } = new URL(server);
  const prefix = pathname.replace(/\/$/, '');
  const address = server.slice(0, server.length - (pathname === '/' && !server.endsWith('/') ? 0 : pathname.length));
  const own = await caOf(spec.caFile, 'caFile');
  if (!own.ok) return own;
  const ca = own.value?.ca ?? pem(textAt(cluster, 'certificate-authority-data'));
  const servername = textAt(cluster, 'tls-server-name');
  const who = await whoIs(spec, user, cluster, environment);
  if (!who.ok) return who;
  const { authorization, cert, key, endsAt } = who.value;
  const tls = { ...(ca && { ca }), ...(cert && key && { cert, key }), ...(servername && { servername }) };
  return accessOf(spec, environment, { address, prefix, tls, authorization, endsAt });
}

function unusable(why: string): Result<never, SinkProblem> {
  return failed(
    notReady(`The kubeconfig ${why}.`, 'Correct the context that kubectl uses, or name another one as "context".'),
  );
}

function firstOf(config: unknown, list: string): unknown {
  const found = isObject(config) ? config[list] : undefined;
  return Array.isArray(found) ? found[0] : undefined;
}

function pem(data: string | undefined): string | undefined {
  return data === undefined ? undefined : Buffer.from(data, 'base64').toString('utf8');
}

interface Who {
  readonly authorization: Secret | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly endsAt?: number | undefined;
}

async function whoIs(
  spec: KubernetesSpec,
  user: JsonObject,
  cluster: JsonObject,
  environment: Environment,
): Promise<Result<Who, SinkProblem>> {
  if (['as', 'as-uid', 'as-groups', 'as-user-extra'].some((each) => user[each] !== undefined))
    return unusable('acts as somebody else, which this server does not do');
  const exec = objectAt(user, 'exec');
  if (exec) return ofPlugin(spec, exec, cluster, environment);
  if (user['auth-provider'] !== undefined)
    return unusable('has an auth-provider, which kubectl does not know any more');
  const certificate = { cert: pem(textAt(user, 'client-certificate-data')), key: pem(textAt(user, 'client-key-data')) };
  if (certificate.key !== undefined) new Secret(certificate.key);
  const [token, tokenFile, name, password] = ['token', 'tokenFile', 'username', 'password'].map((each) =>
    textAt(user, each),
  );
  // kubectl looks from the folder of the kubeconfig, which it does not tell.
  if (tokenFile !== undefined && !isAbsolute(tokenFile)) return unusable('has a tokenFile that is no absolute path');
  if (token !== undefined || tokenFile !== undefined) {
    const given =
      tokenFile === undefined
        ? checkedSecret(token ?? '', 'the kubeconfig')
        : await secretOfFile(tokenFile, 'the kubeconfig');
    return given.ok ? ok({ ...certificate, authorization: bearer(given.value) }) : given;
  }
  if (name === undefined || password === undefined) return ok({ ...certificate, authorization: undefined });
  const basic = basicAuthorization(name, new Secret(password, { isCompared: false }));
  return ok({ ...certificate, authorization: new Secret(basic, { isCompared: false }) });
}

async function ofPlugin(
  spec: KubernetesSpec,
  exec: JsonObject,
  cluster: JsonObject,
  environment: Environment,
): Promise<Result<Who, SinkProblem>> {
  const program = textAt(exec, 'command');
  if (program === undefined) return unusable('names no plugin');
  const args = Array.isArray(exec.args) ? exec.args.filter((each): each is string => typeof each === 'string') : [];
  const given: readonly unknown[] = Array.isArray(exec.env) ? exec.env : [];
  const variables = given.map((each) => [textAt(each, 'name') ?? '', textAt(each, 'value') ?? ''] as const);
  const { server, 'certificate-authority-data': ca } = cluster;
  const about = exec.provideClusterInfo === true ? { cluster: { server, 'certificate-authority-data': ca } } : {};
  const info = { apiVersion: exec.apiVersion, kind: 'ExecCredential', spec: { interactive: false, ...about } };
  const added = { ...Object.fromEntries(variables), KUBERNETES_EXEC_INFO: JSON.stringify(info) };
  const run = { argv: [program, ...args] as const, passed: [], families: FAMILIES, added, timeoutMs: spec.timeoutMs };
  const printed = await printedByHelper(run, environment);
  if (!printed.ok) return printed;
  const status = objectAt(parseJson(printed.value), 'status');
  const token = textAt(status, 'token');
  const [cert, key] = [textAt(status, 'clientCertificateData'), textAt(status, 'clientKeyData')];
  if (key !== undefined) new Secret(key);
  const ends = Date.parse(textAt(status, 'expirationTimestamp') ?? '');
  const common = { cert, key, endsAt: Number.isNaN(ends) ? undefined : ends };
  if (token === undefined)
    return cert === undefined
      ? unusable('has a plugin that gives no credential')
      : ok({ ...common, authorization: undefined });
  const checked = checkedSecret(token, 'the plugin of the kubeconfig');
  return checked.ok ? ok({ ...common, authorization: bearer(checked.value) }) : checked;
}
