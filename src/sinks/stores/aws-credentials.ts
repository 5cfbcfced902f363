// The credential for AWS, by the order of its command line: the variables, the role of a web identity, the endpoint of a container,
// and `aws configure export-credentials`, which knows profiles, single sign-on, process credentials and roles. The metadata service
// of the machine is asked only where the sink says so.

import type { Environment } from '../../programs/child-environment.ts';
import { parseBaseUrl } from '../../config/base-url.ts';
import { ConfigError } from '../../config/config-error.ts';
import { readProxy } from '../../config/proxy.ts';
import type { ParameterSpec, SecretsManagerSpec } from '../../config/store-spec.ts';
import { failed, ok, type Result } from '../../failure.ts';
import { createTransport, type HttpRequest } from '../../http/transport.ts';
import { isSameSecret, openSecret, type Secret } from '../../secret/secret.ts';
import { parseJson } from '../../text/text.ts';
import { notReady, type SinkProblem } from '../sink.ts';
import { caOf, textAt } from './store-client.ts';
import {
  checkedSecret,
  kept,
  printedByHelper,
  secretOfFile,
  secretOfVariable,
  variableOf,
  type Credential,
} from './store-credential.ts';

export interface AwsKeys {
  readonly id: string;
  readonly secret: Secret;
  readonly session: Secret | undefined;
  readonly endsAt?: number | undefined;
}

export type AwsSpec = SecretsManagerSpec | ParameterSpec;

export function awsKeys(spec: AwsSpec, environment: Environment, region: string): Credential<AwsKeys> {
  return kept(
    () => findKeys(spec, environment, region),
    (one, other) => one.id === other.id && isSameSecret(one.secret, other.secret),
    ({ endsAt }) => endsAt,
  );
}

async function findKeys(
  spec: AwsSpec,
  environment: Environment,
  region: string,
): Promise<Result<AwsKeys, SinkProblem>> {
  // As the command line has it: a profile that is named goes before the variables.
  const secret = spec.profile === undefined ? await secretOfVariable(environment, 'AWS_SECRET_ACCESS_KEY') : undefined;
  const id = environment.AWS_ACCESS_KEY_ID;
  if (secret && id) {
    const session = await secretOfVariable(environment, 'AWS_SESSION_TOKEN');
    if (!secret.ok) return secret;
    if (session && !session.ok) return session;
    return keysOf(id, secret.value, session?.value);
  }
  if (spec.profile === undefined && variableOf(environment, 'AWS_PROFILE') === undefined) {
    const [file, role] = [
      variableOf(environment, 'AWS_WEB_IDENTITY_TOKEN_FILE'),
      variableOf(environment, 'AWS_ROLE_ARN'),
    ];
    if (file !== undefined && role !== undefined) return keysOfRole(spec, environment, { region, file, role });
    const relative = variableOf(environment, 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI');
    const full = variableOf(environment, 'AWS_CONTAINER_CREDENTIALS_FULL_URI');
    const uri = relative === undefined ? full : `http://169.254.170.2${relative}`;
    if (uri !== undefined) return keysOfContainer(spec, environment, uri);
  }
  const printed = await askAws(spec, environment, ['configure', 'export-credentials', '--format', 'process']);
  return printed.ok ? keysIn(parseJson(printed.value), 'SessionToken', 'The AWS command line') : printed;
}

export function askAws(
  spec: AwsSpec,
  environment: Environment,
  args: readonly string[],
): Promise<Result<string, SinkProblem>> {
  const profile = spec.profile === undefined ? [] : ['--profile', spec.profile];
  const added = spec.instanceMetadata === true ? {} : { AWS_EC2_METADATA_DISABLED: 'true' };
  const argv = ['aws', ...args, ...profile] as const;
  return printedByHelper({ argv, passed: [], families: ['AWS_'], added, timeoutMs: spec.timeoutMs }, environment);
}

/** Where plain http may go beside loopback: the endpoints of ECS and EKS, by AWS's documentation. */
const OF_CONTAINERS = ['169.254.170.2', '169.254.170.23', '[fd00:ec2::23]'];

async function keysOfContainer(
  spec: AwsSpec,
  environment: Environment,
  uri: string,
): Promise<Result<AwsKeys, SinkProblem>> {
  const url = containerUrl(uri);
  if (!url) {
    const message = 'The address of the credentials of the container is not one that is asked for them.';
    return failed(notReady(message, 'It must be https, or http to loopback or to the endpoint of ECS or EKS.'));
  }
  const file = variableOf(environment, 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE');
  const token =
    file === undefined
      ? await secretOfVariable(environment, 'AWS_CONTAINER_AUTHORIZATION_TOKEN')
      : await secretOfFile(file, 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE');
  if (token && !token.ok) return token;
  const headers = { accept: 'application/json', ...(token && { authorization: openSecret(token.value) }) };
  const request = { method: 'GET', path: url.pathname + url.search, headers } as const;
  const replied = await askFor('The endpoint of the container', spec, environment, url, request);
  return replied.ok ? keysIn(parseJson(replied.value), 'Token', 'The endpoint of the container') : replied;
}

function containerUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // Written as it is understood: no user, no host in another form.
  if (!url || !text.toLowerCase().startsWith(url.origin)) return undefined;
  return url.protocol === 'http:' && OF_CONTAINERS.includes(url.hostname) ? url : isForSecrets(url) ? url : undefined;
}

function isForSecrets(url: URL): boolean {
  try {
    return parseBaseUrl(url.origin).origin === url.origin;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return false;
  }
}

interface Role {
  readonly region: string;
  /** Of the token. */
  readonly file: string;
  readonly role: string;
}

/** By AssumeRoleWithWebIdentity, which takes the token in place of a signature. */
async function keysOfRole(
  spec: AwsSpec,
  environment: Environment,
  { region, file, role }: Role,
): Promise<Result<AwsKeys, SinkProblem>> {
  const token = await secretOfFile(file, 'AWS_WEB_IDENTITY_TOKEN_FILE');
  if (!token.ok) return token;
  const named = variableOf(environment, 'AWS_ENDPOINT_URL_STS', 'AWS_ENDPOINT_URL') ?? awsAddress('sts', region);
  const url = URL.canParse(named) ? new URL(named) : undefined;
  if (!url || !isForSecrets(url))
    return failed(
      notReady('The address of AWS STS is not one to which a token may be sent.', 'Correct AWS_ENDPOINT_URL.'),
    );
  const body = new URLSearchParams({
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: role,
    RoleSessionName: variableOf(environment, 'AWS_ROLE_SESSION_NAME') ?? 'atlas-model-keys-mcp',
    WebIdentityToken: openSecret(token.value),
  });
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const request = { method: 'POST', path: '/', headers, body: body.toString() } as const;
  const replied = await askFor('AWS STS', spec, environment, url, request);
  if (!replied.ok) return replied;
  const credentials = /<Credentials>([\s\S]*)<\/Credentials>/.exec(replied.value)?.[1] ?? '';
  const members = [...credentials.matchAll(/<(\w+)>([^<]*)<\/\1>/g)].map(([, name = '', value]) => [name, value]);
  return keysIn(Object.fromEntries(members), 'SessionToken', 'AWS STS');
}

/** One exchange; of the reply nothing is shown. */
async function askFor(
  who: string,
  { timeoutMs }: AwsSpec,
  environment: Environment,
  url: URL,
  request: HttpRequest,
): Promise<Result<string, SinkProblem>> {
  const tls = await caOf(environment.AWS_CA_BUNDLE, 'AWS_CA_BUNDLE');
  if (!tls.ok) return tls;
  const proxy = readProxy(environment);
  const baseUrl = new URL(url.origin);
  const transport = createTransport({
    baseUrl,
    timeoutMs,
    ...(proxy && { proxy }),
    ...(tls.value && { tls: tls.value }),
  });
  const exchange = await transport.send(request);
  await transport.close();
  if (exchange.outcome === 'reply' && exchange.status === 200 && exchange.body !== undefined) return ok(exchange.body);
  const how = exchange.outcome === 'reply' ? `answered with status ${exchange.status}` : 'could not be reached';
  return failed(
    notReady(`${who} ${how}, so that a sink has no credential.`, 'See the role and its token, and try again.'),
  );
}

export function awsAddress(service: string, region: string): string {
  return `https://${service}.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}

/** @param session the name of the session's token in it */
function keysIn(given: unknown, session: string, from: string): Result<AwsKeys, SinkProblem> {
  const secret = checkedSecret(textAt(given, 'SecretAccessKey') ?? '', from);
  const ends = Date.parse(textAt(given, 'Expiration') ?? '');
  const held = textAt(given, session);
  const token = held === undefined ? ok(undefined) : checkedSecret(held, from);
  const endsAt = Number.isNaN(ends) ? undefined : ends;
  const keys =
    secret.ok && token.ok ? keysOf(textAt(given, 'AccessKeyId') ?? '', secret.value, token.value, endsAt) : undefined;
  if (keys?.ok === true) return keys;
  const message = `${from} answered something that could not be understood, so that a sink has no credential.`;
  return failed(notReady(message, 'See what answers there, and try again.'));
}

function keysOf(id: string, secret: Secret, session?: Secret, endsAt?: number): Result<AwsKeys, SinkProblem> {
  if (/^[A-Za-z0-9]{16,128}$/.test(id)) return ok({ id, secret, session, endsAt });
  return failed(
    notReady('The access key id for AWS has not the form of one.', 'Correct AWS_ACCESS_KEY_ID, or the profile.'),
  );
}
