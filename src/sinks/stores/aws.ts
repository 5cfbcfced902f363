// Requests to AWS: JSON over POST, signed (Signature Version 4) with a credential from the variables of the environment, else from
// `aws configure export-credentials`, which knows profiles, single sign-on, process credentials and roles. The metadata service
// of the machine is asked only where the sink says so.

import { AwsV4Signer } from 'aws4fetch';
import type { ParameterSpec, SecretsManagerSpec } from '../../config/store-spec.ts';
import { failed, ok, type Result } from '../../failure.ts';
import { isSameSecret, openSecret, type Secret } from '../../secret/secret.ts';
import { parseJson } from '../../text/text.ts';
import { notReady, type SinkProblem } from '../sink.ts';
import { caOf, createClient, problemOf, sendAs, textAt, unwritten, type Answer, type Client } from './store-client.ts';
import {
  checkedSecret,
  kept,
  printedBy,
  secretOfVariable,
  variableOf,
  type Credential,
  type Environment,
} from './store-credential.ts';
import type { Written } from './store.ts';

interface Keys {
  readonly id: string;
  readonly secret: Secret;
  readonly session: Secret | undefined;
  readonly endsAt?: number | undefined;
}

type AwsSpec = SecretsManagerSpec | ParameterSpec;

export interface AwsService {
  readonly client: Client;
  readonly call: (action: string, input: object) => Promise<Result<Answer, SinkProblem>>;
}

interface ServiceName {
  readonly id: 'secretsmanager' | 'ssm';
  /** What stands before the action in X-Amz-Target. */
  readonly target: string;
  /** The variable that names an endpoint for this service only. */
  readonly endpointVariable: string;
  readonly words: string;
}

export async function awsService(
  service: ServiceName,
  spec: AwsSpec,
  environment: Environment,
): Promise<Result<AwsService, SinkProblem>> {
  const region = await regionOf(spec, environment);
  if (!region.ok) return region;
  const tls = await caOf(spec.caFile ?? environment.AWS_CA_BUNDLE, 'caFile or AWS_CA_BUNDLE');
  if (!tls.ok) return tls;
  const domain = region.value.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  const named = spec.address ?? variableOf(environment, service.endpointVariable, 'AWS_ENDPOINT_URL');
  const address = named ?? `https://${service.id}.${region.value}.${domain}`;
  const options = { store: service.words, address, timeoutMs: spec.timeoutMs, tls: tls.value, environment };
  const client = createClient(options);
  if (!client.ok) return client;
  const keys = awsKeys(spec, environment);
  const call: AwsService['call'] = (action, input) =>
    sendAs(
      keys,
      async (held) => client.value.send(await signed(client.value.baseUrl, service, region.value, held, action, input)),
      (reply) => isOneOf(OF_CREDENTIALS, awsCode(reply)),
    );
  return ok({ client: client.value, call });
}

async function regionOf(spec: AwsSpec, environment: Environment): Promise<Result<string, SinkProblem>> {
  const given = spec.region ?? variableOf(environment, 'AWS_REGION', 'AWS_DEFAULT_REGION');
  const printed = given !== undefined ? ok(given) : await askAws(spec, environment, ['configure', 'get', 'region']);
  if (printed.ok && /^[a-z]{2}(?:-[a-z0-9]+){1,4}$/.test(printed.value)) return printed;
  return failed(
    notReady('It is not known in which region of AWS the sink is.', 'Set AWS_REGION, or "region" of the sink.'),
  );
}

function askAws(
  spec: AwsSpec,
  environment: Environment,
  args: readonly string[],
): Promise<Result<string, SinkProblem>> {
  const profile = spec.profile === undefined ? [] : ['--profile', spec.profile];
  const added = spec.instanceMetadata === true ? {} : { AWS_EC2_METADATA_DISABLED: 'true' };
  const argv = ['aws', ...args, ...profile] as const;
  return printedBy({ argv, passed: [], families: ['AWS_'], added, timeoutMs: spec.timeoutMs }, environment);
}

function awsKeys(spec: AwsSpec, environment: Environment): Credential<Keys> {
  return kept(
    async () => {
      // As the command line has it: a profile that is named goes before the variables.
      const secret =
        spec.profile === undefined ? await secretOfVariable(environment, 'AWS_SECRET_ACCESS_KEY') : undefined;
      const id = environment.AWS_ACCESS_KEY_ID;
      if (!secret || !id) return exportedKeys(spec, environment);
      const session = await secretOfVariable(environment, 'AWS_SESSION_TOKEN');
      if (!secret.ok) return secret;
      if (session && !session.ok) return session;
      return keysOf(id, secret.value, session?.value);
    },
    (one, other) => one.id === other.id && isSameSecret(one.secret, other.secret),
    ({ endsAt }) => endsAt,
  );
}

async function exportedKeys(spec: AwsSpec, environment: Environment): Promise<Result<Keys, SinkProblem>> {
  const printed = await askAws(spec, environment, ['configure', 'export-credentials', '--format', 'process']);
  if (!printed.ok) return printed;
  const given = parseJson(printed.value);
  const secret = checkedSecret(textAt(given, 'SecretAccessKey') ?? '', 'the AWS command line');
  const session = textAt(given, 'SessionToken');
  if (!secret.ok) return secret;
  const ends = Date.parse(textAt(given, 'Expiration') ?? '');
  const endsAt = Number.isNaN(ends) ? undefined : ends;
  const token = session === undefined ? undefined : checkedSecret(session, 'the AWS command line');
  if (token && !token.ok) return token;
  return keysOf(textAt(given, 'AccessKeyId') ?? '', secret.value, token?.value, endsAt);
}

function keysOf(id: string, secret: Secret, session?: Secret, endsAt?: number): Result<Keys, SinkProblem> {
  if (/^[A-Za-z0-9]{16,128}$/.test(id)) return ok({ id, secret, session, endsAt });
  return failed(
    notReady('The access key id for AWS has not the form of one.', 'Correct AWS_ACCESS_KEY_ID, or the profile.'),
  );
}

async function signed(baseUrl: URL, service: ServiceName, region: string, keys: Keys, action: string, input: object) {
  const body = JSON.stringify(input);
  const signer = new AwsV4Signer({
    url: baseUrl.href,
    method: 'POST',
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `${service.target}.${action}` },
    body,
    accessKeyId: keys.id,
    secretAccessKey: openSecret(keys.secret),
    ...(keys.session && { sessionToken: openSecret(keys.session) }),
    service: service.id,
    region,
  });
  const { headers } = await signer.sign();
  return { method: 'POST' as const, path: '/', headers: Object.fromEntries(headers), body };
}

const OF_CREDENTIALS = [
  'ExpiredTokenException',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'UnrecognizedClientException',
] as const;

const OF_HASTE = ['ThrottlingException', 'TooManyUpdates'] as const;

/** The codes of AWS that this program knows; of any other, only that it is another. */
const CODES = [
  ...OF_CREDENTIALS,
  ...OF_HASTE,
  'AccessDeniedException',
  'DecryptionFailure',
  'EncryptionFailure',
  'IncompleteSignature',
  'InvalidKeyId',
  'InvalidParameterException',
  'InvalidRequestException',
  'LimitExceededException',
  'ParameterAlreadyExists',
  'ParameterLimitExceeded',
  'ParameterMaxVersionLimitExceeded',
  'ParameterNotFound',
  'RequestTimeTooSkewed',
  'ResourceExistsException',
  'ResourceNotFoundException',
  'ValidationException',
] as const;

export type AwsCode = (typeof CODES)[number];

/** Of an answer that says that something went wrong. */
export function awsCode(answer: Answer): AwsCode | undefined {
  if ('lost' in answer || answer.status < 400 || answer.status >= 500) return undefined;
  const type = textAt(answer.body, '__type') ?? answer.headers['x-amzn-errortype'] ?? '';
  const name = type.replace(/^.*#/, '').replace(/:.*$/, '');
  // Something between here and AWS, such as an endpoint of a private network, refuses with the status only.
  return CODES.find((code) => code === name) ?? (answer.status === 403 ? 'AccessDeniedException' : undefined);
}

const isOneOf = (codes: readonly AwsCode[], code: AwsCode | undefined) => code !== undefined && codes.includes(code);

/** AWS says with status 400 what others say with 403. */
export function awsProblem(client: Client, answer: Answer): SinkProblem {
  const code = awsCode(answer);
  if (code === undefined) return problemOf(client, answer);
  return notReady(`${client.store} answered with ${code}.`, hintFor(code));
}

function hintFor(code: AwsCode): string {
  if (code === 'AccessDeniedException') return 'See which rights docs/sinks.md wants for this kind.';
  if (isOneOf(OF_HASTE, code)) return 'Wait a little, and try again.';
  if (isOneOf(OF_CREDENTIALS, code) || code === 'RequestTimeTooSkewed')
    return 'See the credential and the clock of this machine, and try again.';
  return 'See the region, the name and the limits of the account, and try again.';
}

export function awsUnwritten(client: Client, answer: Answer): Exclude<Written, { is: 'written' | 'changed' }> {
  return { ...unwritten(client, answer), problem: awsProblem(client, answer) };
}
