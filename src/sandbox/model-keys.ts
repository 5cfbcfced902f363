// AI model API keys: how one is made, what of it a reply shows, and the calls on them. Its secret is shown in one place only.
// Access to the project or organization was checked before.

import { randomBytes, randomInt } from 'node:crypto';
import {
  invalidAttributes,
  pageOf,
  readJson,
  refusedReply,
  reply,
  type AttributeProblem,
  type Call,
  type Handler,
  type Json,
  type Refused,
  type Reply,
} from './call.ts';
import { ownProjects, type World } from './world.ts';

/** A key as it really is, with its secret: never for a reply. */
export interface LiveKey {
  readonly apiKeyId: string;
  readonly name: string;
  readonly groupId: string;
  readonly cloud: string;
  readonly geography: string;
  readonly endpoint: string;
  readonly status: string;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly lastUsedAt: string | null;
  readonly maskedSecret: string;
  readonly secret: string;
}

type KeyFields = Pick<LiveKey, 'name' | 'cloud' | 'geography'>;

/** In code points. */
const LONGEST_NAME = 250;
const CLOUDS = ['ANY', 'AWS', 'GCP', 'AZURE'];
const GEOGRAPHIES = ['ANY', 'eu', 'us'];

export const keyHandlers = {
  listKeys: (world, call) => listOf(world, call, [call.segments.groupId ?? '']),

  listOrgKeys: (world, call) =>
    listOf(
      world,
      call,
      ownProjects(world).map(({ id }) => id),
    ),

  createKey: (world, call) => {
    const checked = readKeyFields(world, call, call.isPreview ? ['name'] : ['name', 'cloud', 'geography']);
    if ('refused' in checked) return checked.refused;
    const { groupId = '' } = call.segments;
    if (isTaken(world, groupId, checked.name)) return nameTaken(checked.name);
    const key = newKey(world, groupId, { ...checked, createdBy: call.caller.name });
    world.state.keys.set(key.apiKeyId, key);
    return reply(201, { ...shownKey(key, call), secret: key.secret });
  },

  getKey: (world, call) => withKey(world, call, (key) => reply(200, shownKey(key, call))),

  updateKey: (world, call) =>
    withKey(world, call, (key) => {
      const checked = readKeyFields(world, call, ['name']);
      if ('refused' in checked) return checked.refused;
      if (isTaken(world, key.groupId, checked.name, key)) return nameTaken(checked.name);
      const renamed = { ...key, name: checked.name };
      world.state.keys.set(key.apiKeyId, renamed);
      return reply(200, shownKey(renamed, call));
    }),

  deleteKey: (world, call) =>
    withKey(world, call, (key) => {
      world.state.keys.delete(key.apiKeyId);
      return reply(204);
    }),
} satisfies Record<string, Handler>;

/** Makes a key that is in no project yet. */
export function newKey(world: World, groupId: string, fields: KeyFields & Pick<LiveKey, 'createdBy'>): LiveKey {
  const secret = `al-sandbox-${randomBytes(32).toString('base64url')}`;
  return {
    apiKeyId: newKeyId(),
    groupId,
    ...fields,
    // This server itself, whatever the geography: there is no other host that takes the key.
    endpoint: new URL(world.baseUrl).host,
    status: 'ACTIVE',
    createdAt: timestamp(new Date()),
    lastUsedAt: null,
    maskedSecret: `al-****${secret.slice(-4)}`,
    secret,
  };
}

/** Six fractional digits and a numeric offset, as Atlas writes it. */
export function timestamp(date: Date): string {
  return date.toISOString().replace('Z', '000+00:00');
}

/** The name of a key as Atlas keeps it. */
export function keptName({ rules }: World, name: string): string {
  switch (rules.spelling) {
    case 'exact':
      return name;
    case 'NFC':
      return name.normalize('NFC');
    case 'collapsed':
      return name.trim().replaceAll(/\s+/g, ' ');
  }
}

/** 24 characters that look like an Atlas id and are not: at least one is beyond `f`. */
function newKeyId(): string {
  const digits = Array.from({ length: 24 }, () => randomInt(36).toString(36));
  digits[randomInt(24)] = randomInt(16, 36).toString(36);
  return digits.join('');
}

/** The key as every reply shows it: without its secret, and in the preview without its scope. */
function shownKey(key: LiveKey, call: Call): Json {
  return {
    apiKeyId: key.apiKeyId,
    createdAt: key.createdAt,
    createdBy: key.createdBy,
    groupId: key.groupId,
    lastUsedAt: key.lastUsedAt,
    maskedSecret: key.maskedSecret,
    name: key.name,
    status: key.status,
    ...(!call.isPreview && { cloud: key.cloud, geography: key.geography, endpoint: key.endpoint }),
  };
}

function listOf(world: World, call: Call, groupIds: readonly string[]): Reply {
  const rows = [...world.state.keys.values()].filter(({ groupId }) => groupIds.includes(groupId));
  return pageOf(world, call, { rows, show: (key) => shownKey(key, call), countIsOptional: false });
}

/** Finds the key of the path. A key of another project is as absent as one that never was. */
function withKey(world: World, call: Call, act: (key: LiveKey) => Reply): Reply {
  const { apiKeyId: id = '', groupId, orgId } = call.segments;
  const key = world.state.keys.get(id);
  const inScope =
    key !== undefined &&
    (groupId === undefined ? world.projects.get(key.groupId)?.orgId === orgId : key.groupId === groupId);
  if (inScope) return act(key);
  return refusedReply(404, {
    errorCode: 'RESOURCE_NOT_FOUND',
    detail: `Cannot find resource ${id}.`,
    parameters: [id],
  });
}

/**
 * The body of a create or update, the name as Atlas keeps it; or a refusal that says everything that is wrong with it, as
 * Atlas does. `fields` are those that the version knows; each is required, any other is refused.
 */
function readKeyFields(world: World, call: Call, fields: readonly (keyof KeyFields)[]): KeyFields | Refused {
  const read = readJson(call);
  if ('refused' in read) return read;
  const { name } = read.body;
  const body = typeof name === 'string' ? { ...read.body, name: keptName(world, name) } : read.body;
  const known: readonly string[] = fields;
  const [first, ...rest] = [
    ...Object.keys(body)
      .filter((field) => !known.includes(field))
      .map((field) => problem('INVALID_ATTRIBUTE', field, 'is not an attribute of this resource')),
    ...fields.flatMap((field) => checkField(field, body[field])),
  ];
  if (first !== undefined) return { refused: invalidAttributes([first, ...rest]) };
  return {
    name: textOf(body.name),
    cloud: textOf(body.cloud ?? 'ANY').toUpperCase(),
    geography: wordOf(textOf(body.geography ?? 'ANY')),
  };
}

function checkField(field: keyof KeyFields, value: unknown): AttributeProblem[] {
  if (value === undefined || value === null) return [problem('MISSING_ATTRIBUTE', field, 'must be given')];
  if (typeof value !== 'string') return [problem('INVALID_ATTRIBUTE', field, 'must be a string')];
  switch (field) {
    case 'name':
      if (value !== '' && Array.from(value).length <= LONGEST_NAME) return [];
      return [problem('INVALID_ATTRIBUTE', field, `must have 1 to ${LONGEST_NAME} characters`)];
    case 'cloud':
      if (CLOUDS.includes(value.toUpperCase())) return [];
      return [problem('INVALID_ENUM_VALUE', field, `must be one of ${CLOUDS.join(', ')}`)];
    case 'geography':
      if (GEOGRAPHIES.includes(wordOf(value))) return [];
      return [problem('INVALID_ENUM_VALUE', field, `must be one of ${GEOGRAPHIES.join(', ')}`)];
  }
}

function problem(code: AttributeProblem['code'], field: string, description: string): AttributeProblem {
  return { code, field, description };
}

/** `any` is `ANY`; any other word is as it is. */
function wordOf(value: string): string {
  return value.toUpperCase() === 'ANY' ? 'ANY' : value;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** @param renamed the key that is to have the name; a new one where absent */
function isTaken(world: World, groupId: string, name: string, renamed?: LiveKey): boolean {
  const { uniqueNames } = world.rules;
  if (uniqueNames === 'never' || (uniqueNames === 'at_rename' && renamed === undefined)) return false;
  return [...world.state.keys.values()].some(
    (key) => key.groupId === groupId && key.name === name && key.apiKeyId !== renamed?.apiKeyId,
  );
}

/** Atlas documents no code for this, so neither does the refusal carry one that a client could rely on. */
function nameTaken(name: string): Reply {
  return refusedReply(409, {
    errorCode: 'DUPLICATE_NAME',
    detail: 'A key of this name exists in the project.',
    parameters: [name],
  });
}
