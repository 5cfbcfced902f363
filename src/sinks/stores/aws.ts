// Requests to AWS: JSON over POST, signed (Signature Version 4), and what its refusals mean.

import type { Environment } from '../../programs/child-environment.ts';
import { AwsV4Signer } from 'aws4fetch';
import { failed, ok, type Result } from '../../failure.ts';
import { openSecret } from '../../secret/secret.ts';
import { notReady, type SinkProblem } from '../sink.ts';
import { askAws, awsAddress, awsKeys, type AwsKeys, type AwsSpec } from './aws-credentials.ts';
import {
  caOf,
  createClient,
  problemOf,
  sendAs,
  textAt,
  unwritten,
  type StoreAnswer,
  type Client,
} from './store-client.ts';
import { variableOf } from './store-credential.ts';
import type { Written } from './store.ts';

export interface AwsService {
  readonly client: Client;
  readonly call: (action: string, input: object) => Promise<Result<StoreAnswer, SinkProblem>>;
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
  const named = spec.address ?? variableOf(environment, service.endpointVariable, 'AWS_ENDPOINT_URL');
  const address = named ?? awsAddress(service.id, region.value);
  const options = { store: service.words, address, timeoutMs: spec.timeoutMs, tls: tls.value, environment };
  const client = createClient(options);
  if (!client.ok) return client;
  const keys = awsKeys(spec, environment, region.value);
  const call: AwsService['call'] = (action, input) =>
    sendAs(
      keys,
      async (held) => client.value.send(await signed(client.value.baseUrl, service, region.value, held, action, input)),
      (reply) => reply.status === 401 || isOneOf(OF_CREDENTIALS, awsCode(reply)),
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

async function signed(
  baseUrl: URL,
  service: ServiceName,
  region: string,
  keys: AwsKeys,
  action: string,
  input: object,
) {
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
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'UnrecognizedClientException',
] as const;

const OF_HASTE = ['ThrottlingException', 'TooManyUpdates'] as const;

const OF_TIME = ['RequestExpired', 'RequestTimeTooSkewed'] as const;

/** Those of KMS itself come through some of the calls. */
const OF_ENCRYPTION = [
  'DecryptionFailure',
  'DisabledException',
  'EncryptionFailure',
  'InvalidCiphertextException',
  'InvalidKeyId',
  'InvalidKeyUsageException',
  'KMSInvalidStateException',
  'NotFoundException',
] as const;

/** The codes of AWS that this program knows, of those that it documents; of any other, only that it is another. */
const CODES = [
  ...OF_CREDENTIALS,
  ...OF_HASTE,
  ...OF_TIME,
  ...OF_ENCRYPTION,
  'AccessDeniedException',
  'HierarchyLevelLimitExceededException',
  'HierarchyTypeMismatchException',
  'IncompatiblePolicyException',
  'IncompleteSignature',
  'InvalidParameterException',
  'InvalidRequestException',
  'LimitExceededException',
  'OptInRequired',
  'ParameterAlreadyExists',
  'ParameterLimitExceeded',
  'ParameterMaxVersionLimitExceeded',
  'ParameterNotFound',
  'ParameterPatternMismatchException',
  'PoliciesLimitExceededException',
  'PreconditionNotMetException',
  'ResourceExistsException',
  'ResourceNotFoundException',
  'UnsupportedParameterType',
  'ValidationException',
] as const;

export type AwsCode = (typeof CODES)[number];

/** Of an answer that says that something went wrong. */
export function awsCode(answer: StoreAnswer): AwsCode | undefined {
  if ('lost' in answer || answer.status < 400 || answer.status >= 500) return undefined;
  const type = textAt(answer.body, '__type') ?? answer.headers['x-amzn-errortype'] ?? '';
  const name = type.replace(/^.*#/, '').replace(/:.*$/, '');
  // Something between here and AWS, such as an endpoint of a private network, refuses with the status only.
  return CODES.find((code) => code === name) ?? (answer.status === 403 ? 'AccessDeniedException' : undefined);
}

const isOneOf = (codes: readonly AwsCode[], code: AwsCode | undefined) => code !== undefined && codes.includes(code);

/** AWS says with status 400 what others say with 403. */
export function awsProblem(client: Client, answer: StoreAnswer): SinkProblem {
  const code = awsCode(answer);
  if (code === undefined) return problemOf(client, answer);
  return notReady(`${client.store} answered with ${code}.`, hintFor(code));
}

function hintFor(code: AwsCode): string {
  if (code === 'AccessDeniedException') return 'See which rights docs/sinks.md wants for this kind.';
  if (isOneOf(OF_HASTE, code)) return 'Wait a little, and try again.';
  if (isOneOf(OF_ENCRYPTION, code))
    return 'See that the KMS key of it is enabled, and that this credential may use it.';
  if (code === 'ParameterPatternMismatchException')
    return 'The parameter has an allowed pattern, which the secret of a key does not fit: change that, or pass another entry.';
  if (isOneOf(OF_CREDENTIALS, code) || isOneOf(OF_TIME, code))
    return 'See the credential and the clock of this machine, and try again.';
  return 'See the region, the name and the limits of the account, and try again.';
}

export function awsUnwritten(client: Client, answer: StoreAnswer): Exclude<Written, { is: 'written' | 'changed' }> {
  return { ...unwritten(client, answer), problem: awsProblem(client, answer) };
}
