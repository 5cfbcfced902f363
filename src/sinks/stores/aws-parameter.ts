// AWS Systems Manager's parameter store: a SecureString. A new one is refused where the name is taken; a replacement is not
// conditional there, so that the version that it got tells whether another came in between.

import type { Environment } from '../../programs/child-environment.ts';
import type { ParameterSpec } from '../../config/store-spec.ts';
import { failed, ok, type Result } from '../../failure.ts';
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
      const problem = problemWith(place.name);
      if (problem) return Promise.resolve(failed(problem));
      return Promise.resolve(
        ok(placeAt(`aws-ssm:${place.name}`, place.client.baseUrl.origin, () => look(place), true)),
      );
    },
  });
}

/** By the rules of PutParameter; others than these AWS tells only by refusing. */
function problemWith(name: string): SinkProblem | undefined {
  const [first = '', ...others] = name.slice(1).split('/');
  const why = !/^[A-Za-z0-9._/-]+$/.test(name)
    ? 'has another character than letters, digits and . - _ /'
    : /^(?:aws|ssm)/i.test(first)
      ? 'begins with aws or ssm, which AWS keeps for itself'
      : others.length >= MOST_LEVELS
        ? `has more than ${MOST_LEVELS} levels`
        : undefined;
  if (why === undefined) return undefined;
  const hint = 'Pass another entry, or configure another path for this sink.';
  return notReady(`${name} is not a name for a parameter of AWS: it ${why}.`, hint);
}

const MOST_LEVELS = 15;

async function look(place: Place): Promise<Look> {
  const { call, client, name } = place;
  const asked = await call('GetParameter', { Name: name, WithDecryption: true });
  if (!asked.ok) return { is: 'unreadable', problem: asked.failure };
  const code = awsCode(asked.value);
  if (code === 'ParameterNotFound') return { is: 'nothing', slot: slotOf(place, NONE) };
  if (code === 'AccessDeniedException') return lookAtList(place);
  const parameter = isSuccess(asked.value) ? objectAt(asked.value.body, 'Parameter') : undefined;
  const [seen, value] = [seenIn(parameter), textAt(parameter, 'Value')];
  if (!seen || value === undefined) return { is: 'unreadable', problem: awsProblem(client, asked.value) };
  return { is: 'value', bytes: Buffer.from(value, 'utf8'), slot: slotOf(place, seen) };
}

/** A parameter as it was seen. */
interface Seen {
  /** 0 where there is none. */
  readonly version: number;
  /** Where AWS says it. */
  readonly type?: string | undefined;
  /** When it was changed last: the versions of a parameter that is deleted and made anew begin at 1 again. */
  readonly changed?: string | undefined;
  readonly isHidden?: boolean;
}

const NONE: Seen = { version: 0 };

/** Undefined where it is not understood. */
function seenIn(parameter: JsonObject | undefined): Seen | undefined {
  const [version, seconds] = [versionOf(parameter), parameter?.LastModifiedDate];
  if (version === undefined) return undefined;
  // To the millisecond, since AWS may say it with more digits in one reply than in another.
  const changed = typeof seconds === 'number' ? String(Math.round(seconds * 1000)) : undefined;
  return { version, type: textAt(parameter, 'Type'), changed };
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
    const seen = seenIn(objectAt(found));
    if (seen) return { is: 'something', slot: slotOf(place, { ...seen, isHidden: true }) };
    if (found !== undefined) return { is: 'unreadable', problem: awsProblem(client, asked.value) };
    next = textAt(asked.value.body, 'NextToken');
    if (next === undefined) return { is: 'nothing', slot: slotOf(place, { ...NONE, isHidden: true }) };
  }
  return {
    is: 'unreadable',
    problem: notReady(`The list of parameters that is asked for ${name} does not end.`, PAGES),
  };
}

const PAGES = 'Allow ssm:GetParameter for it, so that no list is needed.';

function slotOf(place: Place, { version, type, changed, isHidden = false }: Seen): Slot {
  const isPlain = type === 'String' || type === 'StringList';
  const warning = isPlain
    ? `${place.name} is a ${type}, which AWS does not encrypt; only a new parameter can be a SecureString.`
    : undefined;
  return {
    id: String(version),
    stamp: changed,
    isHidden,
    warning,
    // AWS has no rehearsal.
    prove: () => Promise.resolve(undefined),
    async write({ secret }) {
      const written = await put(place, version, openSecret(secret));
      if (written.is !== 'written' || warning === undefined) return written;
      return { ...written, warning: written.warning === undefined ? warning : `${written.warning} ${warning}` };
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
  const asked = await call('DeleteParameter', { Name: name });
  return removalOf(client, asked, (answer) => isSuccess(answer) && answer.body !== undefined);
}
