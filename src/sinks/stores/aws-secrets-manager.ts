// AWS Secrets Manager: a secret, or one member of the JSON object that it holds. A new version gets the stage AWSCURRENT by a move
// from the version that was seen, which AWS refuses where that has it no more.

import { randomUUID } from 'node:crypto';
import type { SecretsManagerSpec } from '../../config/store-spec.ts';
import { ok, type Result } from '../../failure.ts';
import { openSecret } from '../../secret/secret.ts';
import { expand, notReady, type SinkProblem } from '../sink.ts';
import { awsCode, awsProblem, awsService, awsUnwritten, type AwsService } from './aws.ts';
import { bytesOf, fieldsOf, withFields } from './json-fields.ts';
import { isSuccess, objectAt, textAt, type Answer, type JsonObject } from './store-client.ts';
import type { Environment } from './store-credential.ts';
import { expandGiven, placeAt, type Look, type PutBack, type Slot, type Store, type Written } from './store.ts';

const SERVICE = {
  id: 'secretsmanager',
  target: 'secretsmanager',
  endpointVariable: 'AWS_ENDPOINT_URL_SECRETS_MANAGER',
  words: 'AWS Secrets Manager',
} as const;

interface Place extends AwsService {
  readonly name: string;
  readonly field: string | undefined;
  readonly endpointField: string | undefined;
}

export async function openSecretsManager(
  spec: SecretsManagerSpec,
  environment: Environment,
): Promise<Result<Store, SinkProblem>> {
  const service = await awsService(SERVICE, spec, environment);
  if (!service.ok) return service;
  return ok({
    open(reference) {
      const name = expand(spec.name, reference);
      const field = expandGiven(spec.field, reference);
      const endpointField = expandGiven(spec.endpointField, reference);
      const place = { ...service.value, name, field, endpointField };
      const location = `aws-sm:${name}${field === undefined ? '' : `#${field}`}`;
      return Promise.resolve(ok(placeAt(location, place.client.baseUrl.origin, () => look(place))));
    },
  });
}

async function look(place: Place): Promise<Look> {
  const { call, client, name, field } = place;
  const asked = await call('GetSecretValue', { SecretId: name, VersionStage: 'AWSCURRENT' });
  if (!asked.ok) return { is: 'unreadable', problem: asked.failure };
  const code = awsCode(asked.value);
  if (code === 'ResourceNotFoundException' || code === 'AccessDeniedException') return lookAtVersions(place, code);
  const body = isSuccess(asked.value) ? asked.value.body : undefined;
  const [version, arn] = [textAt(body, 'VersionId'), textAt(body, 'ARN')];
  if (!body || version === undefined || arn === undefined)
    return { is: 'unreadable', problem: awsProblem(client, asked.value) };
  const text = textAt(body, 'SecretString');
  const seen = { version, arn, text };
  if (text === undefined) return { is: 'something', slot: slotOf(place, seen) };
  if (field === undefined) return { is: 'value', bytes: Buffer.from(text, 'utf8'), slot: slotOf(place, seen) };
  const fields = fieldsOf(text);
  if (!fields) return { is: 'unreadable', problem: notFields(name) };
  const slot = slotOf(place, { ...seen, fields });
  if (!Object.hasOwn(fields, field)) return { is: 'nothing', slot };
  return { is: 'value', bytes: bytesOf(fields[field]), slot };
}

function notFields(name: string) {
  return notReady(
    `The secret ${name} is not a JSON object of which one member can be changed and the others kept as they are.`,
    'Leave #JSONKEY out to use all of a secret, or name another secret.',
  );
}

/** @param code what the question for the value was answered with: there is no current one, or it may not be read */
async function lookAtVersions(
  place: Place,
  code: 'ResourceNotFoundException' | 'AccessDeniedException',
): Promise<Look> {
  const { call, client, name } = place;
  const asked = await call('DescribeSecret', { SecretId: name });
  if (!asked.ok) return { is: 'unreadable', problem: asked.failure };
  if (awsCode(asked.value) === 'ResourceNotFoundException') return { is: 'nothing', slot: slotOf(place, undefined) };
  const arn = isSuccess(asked.value) ? textAt(asked.value.body, 'ARN') : undefined;
  // What may not be described can still be created: AWS refuses where the name is taken.
  if (arn === undefined)
    return code === 'ResourceNotFoundException' && awsCode(asked.value) === 'AccessDeniedException'
      ? { is: 'nothing', slot: slotOf(place, undefined) }
      : { is: 'unreadable', problem: awsProblem(client, asked.value) };
  if (isSuccess(asked.value) && typeof asked.value.body?.DeletedDate === 'number')
    return {
      is: 'unreadable',
      problem: notReady(`The secret ${name} is to be deleted.`, 'Restore it, or wait until it is gone.'),
    };
  const version = currentOf(asked.value);
  if (version === undefined) return { is: 'nothing', slot: slotOf(place, { arn, version, text: undefined }) };
  // Other members of the object could not be kept.
  if (place.field !== undefined) return { is: 'unreadable', problem: awsProblem(client, asked.value) };
  return { is: 'something', slot: slotOf(place, { arn, version, text: undefined }) };
}

function currentOf(answer: Answer): string | undefined {
  const stages = isSuccess(answer) ? objectAt(answer.body, 'VersionIdsToStages') : undefined;
  return Object.entries(stages ?? {}).find(([, names]) => Array.isArray(names) && names.includes('AWSCURRENT'))?.[0];
}

/** A secret as it was seen. */
interface Seen {
  readonly arn: string;
  /** The one that is AWSCURRENT; undefined where none is. */
  readonly version: string | undefined;
  readonly text: string | undefined;
  readonly fields?: JsonObject;
}

function slotOf(place: Place, seen: Seen | undefined): Slot {
  const { field, endpointField } = place;
  return {
    id: seen ? `${seen.arn} ${seen.version ?? ''}` : ABSENT,
    endpoint: endpointField === undefined ? undefined : textAt(seen?.fields, endpointField),
    // AWS has no rehearsal.
    prove: () => Promise.resolve(undefined),
    write({ secret, endpoint }) {
      const value = openSecret(secret);
      const beside = endpoint !== undefined && endpointField !== undefined ? { [endpointField]: endpoint } : {};
      const text = field === undefined ? value : withFields(seen?.fields ?? {}, { [field]: value, ...beside });
      return seen ? putVersion(place, seen, text) : createSecret(place, text);
    },
    takeOut: (putBack) => (seen?.version === undefined ? Promise.resolve() : takeOut(place, seen, putBack)),
  };
}

const ABSENT = 'absent';

async function createSecret({ call, client, name }: Place, SecretString: string): Promise<Written> {
  const token = randomUUID();
  const asked = await call('CreateSecret', { Name: name, SecretString, ClientRequestToken: token });
  if (!asked.ok) return { is: 'refused', problem: asked.failure };
  if (awsCode(asked.value) === 'ResourceExistsException') return { is: 'changed' };
  const arn = isSuccess(asked.value) ? textAt(asked.value.body, 'ARN') : undefined;
  if (arn !== undefined) return { is: 'written', id: `${arn} ${token}` };
  if (isSuccess(asked.value)) return { is: 'uncertain', problem: awsProblem(client, asked.value) };
  return awsUnwritten(client, asked.value);
}

/** The version is put under a stage of its own, then AWSCURRENT moves to it from the version that was seen, and from no other. */
async function putVersion({ call, client }: Place, { arn, version }: Seen, SecretString: string): Promise<Written> {
  const token = randomUUID();
  const stage = version === undefined ? 'AWSCURRENT' : `undelivered-${token}`;
  const put = await call('PutSecretValue', {
    SecretId: arn,
    SecretString,
    ClientRequestToken: token,
    VersionStages: [stage],
  });
  if (!put.ok) return { is: 'refused', problem: put.failure };
  if (!isSuccess(put.value)) return awsUnwritten(client, put.value);
  const written: Written = { is: 'written', id: `${arn} ${token}` };
  if (version === undefined) return written;
  const move = { SecretId: arn, VersionStage: 'AWSCURRENT', MoveToVersionId: token, RemoveFromVersionId: version };
  const moved = await call('UpdateSecretVersionStage', move);
  const isMoved = moved.ok && isSuccess(moved.value);
  const isKnown = isMoved || !moved.ok || awsCode(moved.value) !== undefined;
  // Without a stage a version is deprecated, and AWS deletes it.
  if (isKnown)
    await call('UpdateSecretVersionStage', { SecretId: arn, VersionStage: stage, RemoveFromVersionId: token });
  if (isMoved) return written;
  if (!moved.ok) return { is: 'refused', problem: moved.failure };
  const code = awsCode(moved.value);
  if (code === 'InvalidParameterException' || code === 'InvalidRequestException') return { is: 'changed' };
  return awsUnwritten(client, moved.value);
}

/** A version gives way to the one before it; a secret that was made for it is deleted, by its ARN, where it has no other one. */
async function takeOut(place: Place, seen: Seen, { before }: PutBack): Promise<void> {
  const { call } = place;
  const { arn, version } = seen;
  if (before === ABSENT) {
    const asked = await call('DescribeSecret', { SecretId: arn });
    const stages = asked.ok && isSuccess(asked.value) ? objectAt(asked.value.body, 'VersionIdsToStages') : undefined;
    const [only, ...others] = Object.keys(stages ?? {});
    if (only !== version || others.length > 0) return;
    await call('DeleteSecret', { SecretId: arn, ForceDeleteWithoutRecovery: true });
    return;
  }
  const former = before?.startsWith(`${arn} `) === true ? before.slice(arn.length + 1) : '';
  if (former === '') {
    if (seen.fields && place.field !== undefined) {
      const gone = withFields(seen.fields, { [place.field]: undefined });
      if (gone !== '{}') await putVersion(place, seen, gone);
    }
    return;
  }
  const stage = { SecretId: arn, VersionStage: 'AWSCURRENT' };
  await call('UpdateSecretVersionStage', { ...stage, MoveToVersionId: former, RemoveFromVersionId: version });
}
