// The calls on AI model API keys. Access to the project or organization was checked before.

import { isPreview, readJson, segment, type Call, type Handler } from './call.ts';
import { nameOf } from './caller.ts';
import { invalidAttributes, refusal, refusedId } from './errors.ts';
import { checkKeyBody, type CheckedKeyBody } from './key-body.ts';
import { beginList, dropKey, isTooEarly, keepKey, keepNewKey, listedKeys } from './key-history.ts';
import { isTaken, keptName } from './key-name.ts';
import { newKey, shownKey, type LiveKey } from './model-key.ts';
import { pageOf } from './pages.ts';
import { empty, success, type Reply } from './reply.ts';
import { ownProjects, type World } from './world.ts';

export const listKeys: Handler = (world, call) => listOf(world, call, [segment(call, 'groupId')]);

export const listOrgKeys: Handler = (world, call) =>
  listOf(
    world,
    call,
    ownProjects(world).map(({ id }) => id),
  );

export const createKey: Handler = (world, call) => {
  const checked = readKeyBody(world, call, isPreview(call) ? ['name'] : ['name', 'cloud', 'geography']);
  if ('refused' in checked) return checked.refused;
  const groupId = segment(call, 'groupId');
  if (isTaken(world, groupId, checked.name)) return nameTaken(checked.name);
  const key = newKey(groupId, { ...checked, createdBy: nameOf(call.caller) });
  keepNewKey(world, key);
  return success({ ...shownKey(key, isPreview(call)), secret: key.secret }, 201);
};

export const getKey: Handler = (world, call) =>
  withReadableKey(world, call, (key) => success(shownKey(key, isPreview(call))));

export const updateKey: Handler = (world, call) =>
  withKey(world, call, (key) => {
    const checked = readKeyBody(world, call, ['name']);
    if ('refused' in checked) return checked.refused;
    if (isTaken(world, key.groupId, checked.name, key)) return nameTaken(checked.name);
    const renamed = { ...key, name: checked.name };
    keepKey(world, renamed);
    return success(shownKey(renamed, isPreview(call)));
  });

export const deleteKey: Handler = (world, call) =>
  withReadableKey(world, call, (key) => {
    dropKey(world, key);
    return empty(204);
  });

function listOf(world: World, call: Call, groupIds: readonly string[]): Reply {
  if ((call.query.get('pageNum') ?? '1') === '1') beginList(world, groupIds);
  const rows = listedKeys(world, groupIds);
  return pageOf(world, call, { rows, show: (key) => shownKey(key, isPreview(call)), countIsOptional: false });
}

/** Finds the key of the path. A key of another project is as absent as one that never was. */
function withKey(world: World, call: Call, act: (key: LiveKey) => Reply): Reply {
  const id = segment(call, 'apiKeyId');
  const key = world.state.keys.get(id);
  const groupId = call.segments.groupId;
  const inScope =
    key !== undefined &&
    (groupId === undefined
      ? world.projects.get(key.groupId)?.orgId === segment(call, 'orgId')
      : key.groupId === groupId);
  return inScope ? act(key) : noSuchKey(id);
}

/** The same, but a new key is not found at first, as far as the replies lag. */
function withReadableKey(world: World, call: Call, act: (key: LiveKey) => Reply): Reply {
  return withKey(world, call, (key) => (isTooEarly(world, key.apiKeyId) ? noSuchKey(key.apiKeyId) : act(key)));
}

function noSuchKey(id: string): Reply {
  return refusedId(404, 'RESOURCE_NOT_FOUND', id, `Cannot find resource ${id}.`);
}

/** The attributes, the name as Atlas keeps it; or the refusal. */
function readKeyBody(
  world: World,
  call: Call,
  fields: Parameters<typeof checkKeyBody>[1],
): CheckedKeyBody | { readonly refused: Reply } {
  const read = readJson(call);
  if ('refused' in read) return read;
  const { name } = read.body;
  const body = typeof name === 'string' ? { ...read.body, name: keptName(world, name) } : read.body;
  const checked = checkKeyBody(body, fields);
  return 'problems' in checked ? { refused: invalidAttributes(checked.problems) } : checked;
}

/** Atlas documents no code for this, so neither does the refusal carry one that a client could rely on. */
function nameTaken(name: string): Reply {
  return refusal(409, {
    errorCode: 'DUPLICATE_NAME',
    detail: 'A key of this name exists in the project.',
    parameters: [name],
  });
}
