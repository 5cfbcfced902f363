// AWS as far as its sinks ask: Secrets Manager and the parameter store, with signatures that are checked, rights and sessions. After
// AWS's API reference; moto_server and the command line of AWS judge it where they are installed (aws-judges.test.ts).

import { createHash, createHmac, randomUUID } from 'node:crypto';
import { listOf, recordOf, standIn, textsOf, type Call, type Reply, type StandIn } from './stand-in.ts';

interface Version {
  readonly id: string;
  readonly value: Readonly<Record<string, string>>;
  stages: string[];
}

interface StoredSecret {
  readonly arn: string;
  readonly name: string;
  versions: Version[];
  isDeleted?: boolean;
  /** Where it is replicated from, or to others. */
  primaryRegion?: string;
}

interface Parameter {
  readonly type: string;
  /** The last one is the current one. */
  readonly values: readonly string[];
  /** When that was put there, in milliseconds since the epoch. */
  readonly changed: number;
}

interface User {
  readonly secret: string;
  /** Must come with each request where it is set. */
  readonly session?: string;
  /** Actions. */
  denied?: readonly string[];
  isExpired?: boolean;
}

export interface AwsStandIn extends StandIn {
  readonly secrets: Map<string, StoredSecret>;
  readonly parameters: Map<string, Parameter>;
  /** By access key id. */
  readonly users: Map<string, User>;
  /** How far its clock is before that of this machine. */
  aheadMs: number;
  /** Makes the secret, or a version that is the current one. */
  putSecret(name: string, value?: Readonly<Record<string, string>>): void;
  currentSecret(name: string): Readonly<Record<string, string>> | undefined;
  putParameter(name: string, value: string, type?: string): void;
}

export async function awsStandIn(id: string, user: User): Promise<AwsStandIn> {
  const secrets: AwsStandIn['secrets'] = new Map();
  const parameters: AwsStandIn['parameters'] = new Map();
  const users = new Map([[id, user]]);
  const server = await standIn((call) => {
    const [service, action = ''] = String(call.headers['x-amz-target']).split('.');
    const by = signerOf(call, users, Date.now() + own.aheadMs);
    if ('status' in by) return by;
    if (by.denied?.includes(action)) return refusal('AccessDeniedException');
    if (service === 'secretsmanager') return secretCall(secrets, action, call.body);
    return service === 'AmazonSSM' ? parameterCall(parameters, action, call.body) : refusal('UnknownOperation');
  });
  const own: AwsStandIn = Object.assign(server, {
    secrets,
    parameters,
    states: [secrets, parameters],
    users,
    aheadMs: 0,
    putSecret(name: string, value?: Readonly<Record<string, string>>) {
      const held = secrets.get(name) ?? newSecret(name);
      secrets.set(name, held);
      if (value) addVersion(held, { id: randomUUID(), value, stages: [] }, ['AWSCURRENT']);
    },
    currentSecret: (name: string) => staged(secrets.get(name), 'AWSCURRENT')?.value,
    putParameter(name: string, value: string, type = 'SecureString') {
      const held = parameters.get(name);
      const values = [...(held?.values ?? []), value];
      parameters.set(name, { type: held?.type ?? type, values, changed: Date.now() });
    },
  });
  return own;
}

function refusal(type: string, words = ''): Reply {
  return { status: 400, body: { __type: type, Message: words } };
}

const hashed = (text: string) => createHash('sha256').update(text).digest('hex');
const keyed = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();

/** Who signed a request (Signature Version 4), or why it is refused. */
function signerOf({ headers, text }: Call, users: ReadonlyMap<string, User>, now: number): User | Reply {
  const form =
    /^AWS4-HMAC-SHA256 Credential=(\w+)\/(\d{8})\/([\w-]+)\/([\w-]+)\/aws4_request, ?SignedHeaders=([\w;-]+), ?Signature=(\w{64})$/;
  const parts = form.exec(String(headers.authorization));
  if (!parts) return refusal('IncompleteSignature');
  const [, id = '', day = '', region = '', service = '', names = '', signature] = parts;
  const user = users.get(id);
  if (!user) return refusal('UnrecognizedClientException');
  if (user.isExpired || headers['x-amz-security-token'] !== user.session)
    return refusal(user.isExpired ? 'ExpiredTokenException' : 'UnrecognizedClientException');
  const signed = names.split(';');
  const lines = signed.map((name) => `${name}:${String(headers[name]).trim()}\n`).join('');
  const time = String(headers['x-amz-date']);
  const request = ['POST', '/', '', lines, names, hashed(text)].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const key = [day, region, service, 'aws4_request'].reduce<string | Buffer>(keyed, `AWS4${user.secret}`);
  const wanted = keyed(key, ['AWS4-HMAC-SHA256', time, scope, hashed(request)].join('\n')).toString('hex');
  if (wanted !== signature || !signed.includes('host')) return refusal('InvalidSignatureException');
  const at = Date.parse(time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  return Math.abs(at - now) < 300_000
    ? user
    : refusal('InvalidSignatureException', 'Signature expired or not yet current');
}

function newSecret(name: string): StoredSecret {
  const suffix = randomUUID().slice(0, 6);
  return { arn: `arn:aws:secretsmanager:us-east-1:123456789012:secret:${name}-${suffix}`, name, versions: [] };
}

function staged(secret: StoredSecret | undefined, stage: string): Version | undefined {
  return secret?.versions.find(({ stages }) => stages.includes(stage));
}

/** A stage is at one version only; where the current one moves, the one before it becomes the previous one. */
function moveStage(secret: StoredSecret, stage: string, to: Version | undefined): void {
  const from = staged(secret, stage);
  if (from === to) return;
  for (const each of secret.versions) each.stages = each.stages.filter((name) => name !== stage);
  to?.stages.push(stage);
  if (stage === 'AWSCURRENT' && from) moveStage(secret, 'AWSPREVIOUS', from);
  if (stage === 'AWSCURRENT' && to) to.stages = to.stages.filter((name) => name !== 'AWSPREVIOUS');
}

function addVersion(secret: StoredSecret, version: Version, stages: readonly string[]): void {
  const isFirst = secret.versions.length === 0;
  secret.versions.push(version);
  for (const stage of new Set([...stages, ...(isFirst ? ['AWSCURRENT'] : [])])) moveStage(secret, stage, version);
}

type Input = Readonly<Record<string, unknown>>;
type Texts = Partial<Record<string, string>>;

function secretCall(secrets: Map<string, StoredSecret>, action: string, input: Input): Reply {
  const texts: Texts = textsOf(input);
  const secret = [...secrets.values()].find(({ name, arn }) => [name, arn].includes(texts.SecretId ?? ''));
  if (action === 'CreateSecret') return createSecret(secrets, texts);
  if (!secret) return refusal('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
  const named = { ARN: secret.arn, Name: secret.name };
  if (action === 'DescribeSecret') {
    const shown = secret.versions.filter(({ stages }) => stages.length > 0);
    const stages = Object.fromEntries(shown.map(({ id, stages: names }): [string, string[]] => [id, names]));
    const deleted = secret.isDeleted ? { DeletedDate: 1_790_000_000.5 } : {};
    const { primaryRegion: PrimaryRegion } = secret;
    return { status: 200, body: { ...named, VersionIdsToStages: stages, ...deleted, PrimaryRegion } };
  }
  if (secret.isDeleted) return refusal('InvalidRequestException', 'it was marked for deletion.');
  switch (action) {
    case 'GetSecretValue': {
      const version = staged(secret, texts.VersionStage ?? 'AWSCURRENT');
      if (!version) return refusal('ResourceNotFoundException', "can't find the specified secret value");
      return {
        status: 200,
        body: { ...named, VersionId: version.id, ...version.value, VersionStages: version.stages },
      };
    }
    case 'PutSecretValue':
      return putVersion(secret, texts, listOf(input.VersionStages).map(String));
    case 'UpdateSecretVersionStage':
      return updateStage(secret, texts) ?? { status: 200, body: named };
    case 'DeleteSecret':
      if (input.ForceDeleteWithoutRecovery === true) secrets.delete(secret.name);
      else secret.isDeleted = true;
      return { status: 200, body: { ...named, DeletionDate: 1_790_000_000.5 } };
    default:
      return refusal('UnknownOperationException');
  }
}

function valueOf({ SecretString, SecretBinary }: Texts): Readonly<Record<string, string>> {
  return textsOf({ SecretString, SecretBinary });
}

function createSecret(secrets: Map<string, StoredSecret>, texts: Texts): Reply {
  const { Name = '', ClientRequestToken: token = '' } = texts;
  const held = secrets.get(Name);
  if (held?.isDeleted) return refusal('InvalidRequestException', 'already scheduled for deletion.');
  const secret = held ?? newSecret(Name);
  if (held && JSON.stringify(held.versions.find(({ id }) => id === token)?.value) !== JSON.stringify(valueOf(texts)))
    return refusal('ResourceExistsException');
  if (!held && token.length < 32) return refusal('InvalidParameterException');
  if (!held) addVersion(secret, { id: token, value: valueOf(texts), stages: [] }, ['AWSCURRENT']);
  secrets.set(Name, secret);
  return { status: 200, body: { ARN: secret.arn, Name, VersionId: token } };
}

function putVersion(secret: StoredSecret, texts: Texts, stages: readonly string[]): Reply {
  const { ClientRequestToken: id = '' } = texts;
  if (id.length < 32) return refusal('InvalidParameterException');
  const held = secret.versions.find((each) => each.id === id);
  if (held && JSON.stringify(held.value) !== JSON.stringify(valueOf(texts))) return refusal('ResourceExistsException');
  if (!held) addVersion(secret, { id, value: valueOf(texts), stages: [] }, stages.length > 0 ? stages : ['AWSCURRENT']);
  return { status: 200, body: { ARN: secret.arn, Name: secret.name, VersionId: id } };
}

/** @returns a refusal; undefined where it is done */
function updateStage(secret: StoredSecret, texts: Texts): Reply | undefined {
  const { VersionStage = '', MoveToVersionId, RemoveFromVersionId } = texts;
  const from = staged(secret, VersionStage);
  const to = secret.versions.find(({ id }) => id === MoveToVersionId);
  if (MoveToVersionId !== undefined && !to) return refusal('ResourceNotFoundException');
  // A label that is at another version moves only from the one that is named.
  if (from && from !== to && from.id !== RemoveFromVersionId) return refusal('InvalidParameterException');
  if (!from && RemoveFromVersionId !== undefined) return refusal('InvalidParameterException');
  if (VersionStage === 'AWSCURRENT' && !to) return refusal('InvalidParameterException');
  moveStage(secret, VersionStage, to);
  return undefined;
}

function parameterCall(parameters: Map<string, Parameter>, action: string, input: Input): Reply {
  const { Name = '', Value = '', Type }: Texts = textsOf(input);
  const held = parameters.get(Name);
  switch (action) {
    case 'GetParameter': {
      if (!held) return refusal('ParameterNotFound');
      // Without decryption a SecureString is shown as it is kept.
      const value = input.WithDecryption === true ? held.values.at(-1) : 'AQICAHg=';
      const { type, values, changed } = held;
      const shown = { Name, Type: type, Value: value, Version: values.length, LastModifiedDate: changed / 1000 };
      return { status: 200, body: { Parameter: { ...shown, DataType: 'text' } } };
    }
    case 'PutParameter': {
      if (held && input.Overwrite !== true) return refusal('ParameterAlreadyExists');
      if (!held && Type === undefined) return refusal('ValidationException', 'A parameter type is required');
      if (held && Type !== undefined && Type !== held.type) return refusal('HierarchyTypeMismatchException');
      if (Buffer.byteLength(Value) > 4096) return refusal('ValidationException', 'Standard tier parameters: 4096');
      const values = [...(held?.values ?? []), Value];
      parameters.set(Name, { type: held?.type ?? Type ?? '', values, changed: Date.now() });
      return { status: 200, body: { Version: values.length, Tier: 'Standard' } };
    }
    case 'DescribeParameters': {
      // A page may be empty although another one follows.
      if (input.NextToken === undefined) return { status: 200, body: { Parameters: [], NextToken: 'page-2' } };
      const wanted = listOf(recordOf(listOf(input.ParameterFilters)[0]).Values);
      const found = [...parameters].filter(([name]) => wanted.includes(name));
      const list = found.map(([name, { type, values, changed }]) => {
        return { Name: name, Type: type, Version: values.length, LastModifiedDate: changed / 1000 };
      });
      return { status: 200, body: { Parameters: list } };
    }
    case 'DeleteParameter':
      return parameters.delete(Name) ? { status: 200, body: {} } : refusal('ParameterNotFound');
    default:
      return refusal('UnknownOperationException');
  }
}
