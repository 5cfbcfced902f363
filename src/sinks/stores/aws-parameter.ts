// AWS Systems Manager's parameter store: a SecureString. A new one is refused where the name is taken; a replacement is not
// conditional there, so that the version that it got tells whether another came in between.

import type { Environment } from '../../programs/child-environment.ts';
import type { ParameterSpec } from '../../config/store-spec.ts';
import { ok, type Result } from '../../failure.ts';
import { openSecret } from '../../secret/secret.ts';
import type { JsonObject } from '../../text/text.ts';
import { expand, notReady, type SinkProblem } from '../sink.ts';
import { awsCode, awsProblem, awsService, awsUnwritten, type AwsService } from './aws.ts';
import { isSuccess, objectAt, removalOf, textAt } from './store-client.ts';
import {
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
  id: 'ssm',
  target: 'AmazonSSM',
  endpointVariable: 'AWS_ENDPOINT_URL_SSM',
  words: "AWS's parameter store",
} as const;

interface Place extends AwsService {
  readonly name: string;
}

export async function openParameterStore(
  spec: ParameterSpec,
  environment: Environment,
): Promise<Result<Store, SinkProblem>> {
  const service = await awsService(SERVICE, spec, environment);
  if (!service.ok) return service;
  return ok({
    open(reference) {
      const place = { ...service.value, name: expand(spec.path, reference) };
      return Promise.resolve(
        ok(placeAt(`aws-ssm:${place.name}`, place.client.baseUrl.origin, () => look(place), true)),
      );
    },
  });
}

async function look(place: Place): Promise<Look> {
  const { call, client, name } = place;
  const asked = await call('GetParameter', { Name: name, WithDecryption: true });
  if (!asked.ok) return { is: 'unreadable', problem: asked.failure };
  const code = awsCode(asked.value);
  if (code === 'ParameterNotFound') return { is: 'nothing', slot: slotOf(place, 0) };
  if (code === 'AccessDeniedException') return lookAtList(place);
  const parameter = isSuccess(asked.value) ? objectAt(asked.value.body, 'Parameter') : undefined;
  const [version, value] = [versionOf(parameter), textAt(parameter, 'Value')];
  if (version === undefined || value === undefined)
    return { is: 'unreadable', problem: awsProblem(client, asked.value) };
  return { is: 'value', bytes: Buffer.from(value, 'utf8'), slot: slotOf(place, version, textAt(parameter, 'Type')) };
}

function versionOf(parameter: JsonObject | undefined): number | undefined {
  const version = parameter?.Version;
  return typeof version === 'number' && Number.isSafeInteger(version) && version > 0 ? version : undefined;
}

const MOST_PAGES = 50;

/** The list of parameters has its version, without the value. A page of it may be empty although another one follows. */
async function lookAtList(place: Place): Promise<Look> {
  const { call, client, name } = place;
  const filter = { Key: 'Name', Option: 'Equals', Values: [name] };
  let next: string | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const asked = await call('DescribeParameters', { ParameterFilters: [filter], NextToken: next });
    if (!asked.ok) return { is: 'unreadable', problem: asked.failure };
    const list: unknown = isSuccess(asked.value) ? asked.value.body?.Parameters : undefined;
    if (!isSuccess(asked.value) || !Array.isArray(list))
      return { is: 'unreadable', problem: awsProblem(client, asked.value) };
    const found: unknown = list.find((each) => textAt(each, 'Name') === name);
    const version = versionOf(objectAt(found));
    if (version !== undefined) return { is: 'something', slot: slotOf(place, version, textAt(found, 'Type')) };
    if (found !== undefined) return { is: 'unreadable', problem: awsProblem(client, asked.value) };
    next = textAt(asked.value.body, 'NextToken');
    if (next === undefined) return { is: 'nothing', slot: slotOf(place, 0) };
  }
  return {
    is: 'unreadable',
    problem: notReady(`The list of parameters that is asked for ${name} does not end.`, PAGES),
  };
}

const PAGES = 'Allow ssm:GetParameter for it, so that no list is needed.';

/**
 * @param version 0 where there is none
 * @param type of what is there, where AWS says it
 */
function slotOf(place: Place, version: number, type?: string): Slot {
  return {
    id: String(version),
    // AWS has no rehearsal.
    prove: () => Promise.resolve(undefined),
    async write({ secret }) {
      const written = await put(place, version, openSecret(secret));
      if (written.is !== 'written' || (type !== 'String' && type !== 'StringList')) return written;
      const plain = `${place.name} is a ${type}, which AWS does not encrypt; only a new parameter can be a SecureString.`;
      return { ...written, warning: written.warning === undefined ? plain : `${written.warning} ${plain}` };
    },
    takeOut: (putBack) => takeOut(place, version, putBack),
  };
}

async function put({ call, client, name }: Place, seen: number, Value: string): Promise<Written> {
  const isNew = seen === 0;
  const asked = await call('PutParameter', {
    Name: name,
    Value,
    Overwrite: !isNew,
    ...(isNew && { Type: 'SecureString' }),
  });
  if (!asked.ok) return { is: 'refused', problem: asked.failure };
  if (awsCode(asked.value) === 'ParameterAlreadyExists') return { is: 'changed' };
  if (!isSuccess(asked.value)) return awsUnwritten(client, asked.value);
  const version = versionOf(asked.value.body);
  if (version === undefined) return { is: 'uncertain', problem: awsProblem(client, asked.value) };
  const warning = `Something else wrote ${name} meanwhile: version ${version - 1}, which the history of the parameter has, gave way.`;
  return { is: 'written', id: String(version), ...(version > seen + 1 && { warning }) };
}

async function takeOut(place: Place, version: number, { old, wasUnseen, before }: PutBack): Promise<Removal> {
  const { call, client, name } = place;
  if (wasUnseen) return 'refused';
  if (old) return removalBy(await put(place, version, openSecret(old)));
  // AWS deletes by name only: never what was not made by this write.
  if ((before !== '0' && before !== undefined) || version !== 1) return 'refused';
  return removalOf(client, await call('DeleteParameter', { Name: name }));
}
