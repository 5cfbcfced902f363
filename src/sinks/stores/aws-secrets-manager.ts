// AWS Secrets Manager: a secret, or one member of the JSON object that it holds. A new version gets the stage AWSCURRENT by a move
// from the version that was seen, which AWS refuses where that has it no more.

import type { Environment } from '../../programs/child-environment.ts';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { SecretsManagerSpec } from '../../config/store-spec.ts';
import { failed, ok, type Result } from '../../failure.ts';
import { openSecret } from '../../secret/secret.ts';
import type { JsonObject } from '../../text/text.ts';
import { expand, notReady, type SinkProblem } from '../sink.ts';
import { awsCode, awsProblem, awsService, awsUnwritten, type AwsCode, type AwsService } from './aws.ts';
import { endpointIn, fieldsOf, forEndpoint, memberBytes, slotWhereSame, withFields } from './json-fields.ts';
import { isSuccess, objectAt, removalOf, textAt, type StoreAnswer, type Client } from './store-client.ts';
import {
  expandGiven,
  LATE_MS,
  placeAt,
  removalBy,
  type Look,
  type PutBack,
  type Removal,
  type Slot,
  type Store,
  type Written,
} from './store.ts';

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
  /** What others do at once beside the member keeps no write away. */
  readonly triesLeft?: number;
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
      const taken = forEndpoint(field, endpointField);
      if (taken) return Promise.resolve(failed(taken));
      const place = { ...service.value, name, field, endpointField };
      const location = `aws-sm:${name}${field === undefined ? '' : `#${field}`}`;
      return Promise.resolve(
        ok({
          ...placeAt(location, place.client.baseUrl.origin, () => look(place), true),
          leftovers: (nonce) => leftovers(place, nonce),
          removeLeftovers: (nonce) => removeLeftovers(place, nonce),
        }),
      );
    },
  });
}

/** @param waits before it is looked again, in milliseconds, where one question finds what the other does not */
async function look(place: Place, waits: readonly number[] = LATE_MS): Promise<Look> {
  const { call, client, name, field } = place;
  const asked = await call('GetSecretValue', { SecretId: name, VersionStage: 'AWSCURRENT' });
  if (!asked.ok) return { is: 'unreadable', problem: asked.failure };
  const code = awsCode(asked.value);
  if (code === 'ResourceNotFoundException' || code === 'AccessDeniedException' || code === 'InvalidRequestException')
    return lookAtVersions(place, code, waits);
  const body = isSuccess(asked.value) ? asked.value.body : undefined;
  const [version, arn] = [textAt(body, 'VersionId'), textAt(body, 'ARN')];
  if (!body || version === undefined || arn === undefined)
    return { is: 'unreadable', problem: awsProblem(client, asked.value) };
  const text = textAt(body, 'SecretString');
  const seen = { version, arn };
  if (field === undefined) {
    const bytes = Buffer.from(text ?? textAt(body, 'SecretBinary') ?? '', text === undefined ? 'base64' : 'utf8');
    return { is: 'value', bytes, slot: slotOf(place, seen) };
  }
  const fields = text === undefined ? undefined : fieldsOf(text);
  if (!fields) return { is: 'unreadable', problem: notFields(name) };
  const slot = slotOf(place, { ...seen, fields });
  if (!Object.hasOwn(fields, field)) return { is: 'nothing', slot };
  const held = memberBytes(fields[field]);
  return held ? { is: 'value', bytes: held, slot } : { is: 'unreadable', problem: notFields(name) };
}

function notFields(name: string) {
  return notReady(
    `The secret ${name} is not a JSON object of which one member can be changed and the others kept as they are.`,
    'Leave #JSONKEY out to use all of a secret, or name another secret.',
  );
}

/** @param code of the answer to the question for the value: there is none, it may not be read, or the secret is to be deleted */
async function lookAtVersions(place: Place, code: AwsCode, waits: readonly number[]): Promise<Look> {
  const { call, client, name, field } = place;
  const asked = await call('DescribeSecret', { SecretId: name });
  if (!asked.ok) return { is: 'unreadable', problem: asked.failure };
  const isHidden = code === 'AccessDeniedException';
  if (awsCode(asked.value) === 'ResourceNotFoundException')
    return { is: 'nothing', slot: slotOf(place, undefined, isHidden) };
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
  if (version === undefined) return { is: 'nothing', slot: slotOf(place, { arn, version }, isHidden) };
  const [waitMs, ...others] = waits;
  // A secret may be made between the two questions, and what answers the one may be behind what answers the other.
  if (!isHidden && waitMs !== undefined) {
    await delay(waitMs);
    return look(place, others);
  }
  if (isHidden || field === undefined) return { is: 'something', slot: slotOf(place, { arn, version }, isHidden) };
  // Whether the member is there is not known.
  const problem = notReady(`${client.store} does not show the value of ${name}, although it has one.`, TRY_AGAIN);
  return { is: 'unreadable', problem };
}

const TRY_AGAIN = 'Try again in a minute.';

/** By the answer of DescribeSecret. */
function versionsAt(answer: StoreAnswer, stage: string): string[] {
  const stages = isSuccess(answer) ? objectAt(answer.body, 'VersionIdsToStages') : undefined;
  const held = Object.entries(stages ?? {}).filter(([, names]) => Array.isArray(names) && names.includes(stage));
  return held.map(([version]) => version);
}

const currentOf = (answer: StoreAnswer) => versionsAt(answer, 'AWSCURRENT')[0];

/** A secret as it was seen. */
interface Seen {
  readonly arn: string;
  /** The one that is AWSCURRENT; undefined where none is. */
  readonly version: string | undefined;
  /** Absent where they cannot be read, or where all of the secret is meant. */
  readonly fields?: JsonObject;
}

/** @param isHidden as {@link Slot} has it */
function slotOf(place: Place, seen: Seen | undefined, isHidden = false): Slot {
  const { field, endpointField } = place;
  // Other members of the object could not be kept.
  const hidesMembers = field !== undefined && seen?.version !== undefined && !seen.fields;
  const hidden = notReady(`The other members of ${place.name} cannot be read, and so not be kept.`, READING);
  const held = endpointIn(seen?.fields, endpointField);
  return {
    id: seen ? `${seen.arn} ${seen.version ?? ''}` : ABSENT,
    isHidden,
    endpoint: held,
    // AWS has no rehearsal.
    prove: () => (hidesMembers ? Promise.resolve(hidden) : provePlace(place, seen)),
    async write(given) {
      const { secret, endpoint, nonce } = given;
      const value = openSecret(secret);
      const beside = endpoint !== undefined && endpointField !== undefined ? { [endpointField]: endpoint } : {};
      const text = field === undefined ? value : withFields(seen?.fields ?? {}, { [field]: value, ...beside });
      const written = await (seen ? putVersion(place, seen, text, nonce) : createSecret(place, text));
      const triesLeft = (place.triesLeft ?? TRIES) - 1;
      if (written.is !== 'changed' || field === undefined || triesLeft === 0) return written;
      await delay(Math.random() * LONGEST_WAIT_MS);
      const now = await look({ ...place, triesLeft });
      return (await slotWhereSame(now, { field, fields: seen?.fields, endpoint: held })?.write(given)) ?? written;
    },
    takeOut: (putBack) => (seen?.version === undefined ? Promise.resolve('refused') : takeOut(place, seen, putBack)),
  };
}

/** What can be known of the place itself: a refusal to say it is no proof. */
async function provePlace({ call, name }: Place, seen: Seen | undefined): Promise<SinkProblem | undefined> {
  if (!seen) return name.startsWith('arn:') ? notReady(`There is no secret ${name}.`, NAMED) : undefined;
  const asked = await call('DescribeSecret', { SecretId: seen.arn });
  const primary = asked.ok && isSuccess(asked.value) ? textAt(asked.value.body, 'PrimaryRegion') : undefined;
  if (primary === undefined || primary === seen.arn.split(':')[3]) return undefined;
  return notReady(
    `The secret ${name} is a replica of one in ${primary}.`,
    'AWS lets no replica be written: set "region" of the sink to that of the primary secret.',
  );
}

const NAMED = 'AWS makes no secret of an ARN: have it made, or configure a name.';
const ABSENT = 'absent';
/** Few, since each one makes a version. */
const TRIES = 5;
/** So that those who write at once do not meet again. */
const LONGEST_WAIT_MS = 300;
const READING = 'Allow secretsmanager:GetSecretValue, or leave #JSONKEY out to use all of a secret.';

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

const stageOf = (nonce: string) => `undelivered-${nonce}`;

/** AWS says so of every call that changes a secret. */
const namesSecret = (answer: StoreAnswer) => isSuccess(answer) && textAt(answer.body, 'ARN') !== undefined;

/** The version is put under a stage of its own, then AWSCURRENT moves to it from the version that was seen, and from no other. */
async function putVersion(place: Place, seen: Seen, SecretString: string, nonce?: string): Promise<Written> {
  const { call, client } = place;
  const { arn } = seen;
  const token = randomUUID();
  const stage = stageOf(nonce ?? token);
  const put = await call('PutSecretValue', {
    SecretId: arn,
    SecretString,
    ClientRequestToken: token,
    VersionStages: [stage],
  });
  if (!put.ok) return { is: 'refused', problem: put.failure };
  const end = isSuccess(put.value) ? await moveTo(place, seen, token) : awsUnwritten(client, put.value);
  if (!isSuccess(put.value) && end.is === 'refused') return end;
  // Without a stage a version is deprecated, and AWS deletes it.
  const asked = await call('UpdateSecretVersionStage', {
    SecretId: arn,
    VersionStage: stage,
    RemoveFromVersionId: token,
  });
  if (asked.ok && namesSecret(asked.value)) return end;
  const warning = `The version ${token} of ${place.name} may keep the stage ${stage}: take that stage from it.`;
  if (end.is === 'written') return { ...end, warning };
  // It may hold the secret for good, where no look at the current version finds it.
  const { hint, ...problem } =
    'problem' in end ? end.problem : asked.ok ? awsProblem(client, asked.value) : asked.failure;
  return { is: 'uncertain', problem: { ...problem, hint: `${warning} ${hint}` } };
}

async function moveTo({ call, client }: Place, { arn, version }: Seen, token: string): Promise<Written> {
  const move = { SecretId: arn, VersionStage: 'AWSCURRENT', MoveToVersionId: token, RemoveFromVersionId: version };
  const moved = await call('UpdateSecretVersionStage', move);
  if (!moved.ok) return { is: 'refused', problem: moved.failure };
  const end = endOfMove(client, moved.value, `${arn} ${token}`);
  if (end.is !== 'changed' || version !== undefined) return end;
  // AWS makes the first version of a secret the current one by itself.
  const asked = await call('DescribeSecret', { SecretId: arn });
  if (!asked.ok || !isSuccess(asked.value)) return { is: 'uncertain', problem: awsProblem(client, moved.value) };
  return currentOf(asked.value) === token ? { is: 'written', id: `${arn} ${token}` } : end;
}

function endOfMove(client: Client, moved: StoreAnswer, id: string): Written {
  if (namesSecret(moved)) return { is: 'written', id };
  if (isSuccess(moved)) return { is: 'uncertain', problem: awsProblem(client, moved) };
  const code = awsCode(moved);
  if (code === 'InvalidParameterException' || code === 'InvalidRequestException') return { is: 'changed' };
  return awsUnwritten(client, moved);
}

/** A version gives way to the one before it; a secret that was made for it is deleted, by its ARN, where it has no other one. */
async function takeOut(place: Place, seen: Seen, { old, before, withEndpoint }: PutBack): Promise<Removal> {
  const { call, client, field, endpointField } = place;
  const { arn, version, fields } = seen;
  if (fields && field !== undefined) {
    // Others may have written beside it since, so that no earlier version is right.
    const beside = withEndpoint && endpointField !== undefined ? { [endpointField]: undefined } : {};
    const rest = withFields(fields, { ...beside, [field]: old && openSecret(old) });
    if (rest !== '{}' || before !== ABSENT) return removalBy(await putVersion(place, seen, rest));
  }
  if (before === ABSENT) {
    const asked = await call('DescribeSecret', { SecretId: arn });
    const stages = asked.ok && isSuccess(asked.value) ? objectAt(asked.value.body, 'VersionIdsToStages') : undefined;
    const [only, ...others] = Object.keys(stages ?? {});
    if (only !== version || others.length > 0) return 'refused';
    const deletion = { SecretId: arn, ForceDeleteWithoutRecovery: true };
    return removalOf(client, await call('DeleteSecret', deletion), namesSecret);
  }
  const former = before?.startsWith(`${arn} `) === true ? before.slice(arn.length + 1) : '';
  if (former === '') return 'refused';
  const stage = { SecretId: arn, VersionStage: 'AWSCURRENT' };
  const move = { ...stage, MoveToVersionId: former, RemoveFromVersionId: version };
  return removalOf(client, await call('UpdateSecretVersionStage', move), namesSecret);
}

/** What a killed delivery left; undefined where that cannot be seen. */
async function leftBy({ call, name }: Place, nonce: string): Promise<{ arn: string; versions: string[] } | undefined> {
  const asked = await call('DescribeSecret', { SecretId: name });
  if (!asked.ok) return undefined;
  if (awsCode(asked.value) === 'ResourceNotFoundException') return { arn: name, versions: [] };
  const arn = isSuccess(asked.value) ? textAt(asked.value.body, 'ARN') : undefined;
  return arn === undefined ? undefined : { arn, versions: versionsAt(asked.value, stageOf(nonce)) };
}

async function leftovers(place: Place, nonce: string): Promise<readonly string[] | undefined> {
  const left = await leftBy(place, nonce);
  return left?.versions.map((version) => `version ${version} of ${place.name}, under the stage ${stageOf(nonce)}`);
}

/** Where the version is the current one, it stays. Without a stage AWS deletes it. */
async function removeLeftovers(place: Place, nonce: string): Promise<boolean> {
  const left = await leftBy(place, nonce);
  if (!left) return false;
  for (const RemoveFromVersionId of left.versions) {
    const stage = { SecretId: left.arn, VersionStage: stageOf(nonce), RemoveFromVersionId };
    const asked = await place.call('UpdateSecretVersionStage', stage);
    if (!asked.ok || !namesSecret(asked.value)) return false;
  }
  return true;
}
