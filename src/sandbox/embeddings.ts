// The use of a key: the one call of the embedding API that the sandbox has, at the host that each of its keys names as its
// endpoint. The vectors mean nothing; what is real is which keys are taken, and that a key was used.

import { readJson, type Handler, type Reply } from './call.ts';
import { timestamp } from './model-keys.ts';

const DIMENSIONS = 8;
/** Of other kinds of models, which this call does not know. */
const OTHER_KINDS = /context|multimodal|rerank/;

export const embed: Handler = (world, call) => {
  const secret = /^Bearer (\S+)$/.exec(call.headers.authorization ?? '')?.[1];
  const key = [...world.state.keys.values()].find((each) => each.secret === secret && each.status === 'ACTIVE');
  if (key === undefined) return answer(401, { detail: 'Provided API key is invalid.' });
  const read = readJson(call);
  const { model, input } = 'body' in read ? read.body : {};
  const models = world.limitRows.flatMap(({ modelNames }) => modelNames).filter((name) => !OTHER_KINDS.test(name));
  const texts = typeof input === 'string' ? [input] : Array.isArray(input) ? input : [];
  if (typeof model !== 'string' || !models.includes(model) || texts.length === 0)
    return answer(400, { detail: `Give input, and as model one of ${models.join(', ')}.` });
  world.state.keys.set(key.apiKeyId, { ...key, lastUsedAt: timestamp(new Date()) });
  const data = texts.map((_text, index) => ({ object: 'embedding', index, embedding: Array(DIMENSIONS).fill(0.5) }));
  return answer(200, { object: 'list', data, model, usage: { total_tokens: texts.length } });
};

/** Errors have a shape of their own there. */
function answer(status: number, content: NonNullable<Reply['content']>): Reply {
  return { status, headers: { 'content-type': 'application/json' }, content };
}
