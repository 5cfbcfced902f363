// The calls on AI model API keys. Access to the project or organization was checked before.

import { isPreview, readJson, segment, type Call, type Handler } from './call.ts';
import { nameOf } from './caller.ts';
import { invalidAttributes, refusal, refusedId } from './errors.ts';
import { checkKeyBody } from './key-body.ts';
import { newKey, shownKey, type ModelKey } from './model-key.ts';
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
  const read = readJson(call);
  if ('refused' in read) return read.refused;
  const checked = checkKeyBody(read.body, isPreview(call) ? ['name'] : ['name', 'cloud', 'geography']);
  if ('problems' in checked) return invalidAttributes(checked.problems);
  const groupId = segment(call, 'groupId');
  if (isTaken(world, groupId, checked.name)) return nameTaken(checked.name);
  const { listLag } = world.rules;
  const hiddenThroughList = listLag === 0 ? -1 : listsOf(world, groupId) + listLag;
  const key = newKey(groupId, { ...checked, createdBy: nameOf(call.caller) }, hiddenThroughList);
  world.state.keys.set(key.apiKeyId, key);
  return success({ ...shownKey(key, isPreview(call)), secret: key.secret }, 201);
};

export const getKey: Handler = (world, call) => withKey(world, call, (key) => success(shownKey(key, isPreview(call))));

export const updateKey: Handler = (world, call) =>
  withKey(world, call, (key) => {
    const read = readJson(call);
    if ('refused' in read) return read.refused;
    const checked = checkKeyBody(read.body, ['name']);
    if ('problems' in checked) return invalidAttributes(checked.problems);
    if (isTaken(world, key.groupId, checked.name, key)) return nameTaken(checked.name);
    const renamed = { ...key, name: checked.name };
    world.state.keys.set(key.apiKeyId, renamed);
    return success(shownKey(renamed, isPreview(call)));
  });

export const deleteKey: Handler = (world, call) =>
  withKey(world, call, (key) => {
    world.state.keys.delete(key.apiKeyId);
    return empty(204);
  });

function listOf(world: World, call: Call, groupIds: readonly string[]): Reply {
  // A list begins with its first page: the further ones belong to it and show what it showed.
  if ((call.query.get('pageNum') ?? '1') === '1') {
    for (const id of groupIds) world.state.lists.set(id, listsOf(world, id) + 1);
  }
  const scope = new Set(groupIds);
  const visible = [...world.state.keys.values()].filter(
    (key) => scope.has(key.groupId) && key.hiddenThroughList < listsOf(world, key.groupId),
  );
  return pageOf(world, call, { rows: visible, show: (key) => shownKey(key, isPreview(call)), countIsOptional: false });
}

function listsOf(world: World, groupId: string): number {
  return world.state.lists.get(groupId) ?? 0;
}

/** Finds the key of the path. A key of another project is as absent as one that never was. */
function withKey(world: World, call: Call, act: (key: ModelKey) => Reply): Reply {
  const id = segment(call, 'apiKeyId');
  const key = world.state.keys.get(id);
  const groupId = call.segments.groupId;
  const inScope =
    key !== undefined &&
    (groupId === undefined
      ? world.projects.get(key.groupId)?.orgId === segment(call, 'orgId')
      : key.groupId === groupId);
  if (!inScope) return refusedId(404, 'RESOURCE_NOT_FOUND', id, `Cannot find resource ${id}.`);
  return act(key);
}

function isTaken(world: World, groupId: string, name: string, except?: ModelKey): boolean {
  if (!world.rules.uniqueNames) return false;
  return [...world.state.keys.values()].some(
    (key) => key.groupId === groupId && key.name === name && key.apiKeyId !== except?.apiKeyId,
  );
}

/** Atlas documents no code for this, so neither does the refusal carry one that a client could rely on. */
function nameTaken(name: string): Reply {
  return refusal(409, {
    errorCode: 'DUPLICATE_NAME',
    detail: 'A key of this name exists in the project.',
    parameters: [name],
  });
}
