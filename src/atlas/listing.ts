// Lists every key of a project: all pages within one time limit, or a failure; never half a list.

import { type AdminApi, type ApiReply } from './admin-api.ts';
import { failed, type AtlasFailure, type AtlasResult } from './failure.ts';
import { listKeysCall, readKeysReply, type ModelKey } from './model-keys.ts';
import { firstPage, type Page } from './page.ts';

/** However many pages there are. */
export const LONGEST_LISTING_MS = 60_000;

export interface ListingLimits {
  /** The caller's own giving up. */
  readonly signal: AbortSignal | undefined;
  readonly limitMs: number;
}

export async function listAllKeys(
  api: AdminApi,
  groupId: string,
  { signal, limitMs }: ListingLimits,
): Promise<AtlasResult<readonly ModelKey[]>> {
  // Not AbortSignal.any: its result may be collected as garbage before it is aborted (Node 20).
  const controller = new AbortController();
  const giveUp = () => {
    controller.abort();
  };
  const timer = setTimeout(giveUp, limitMs);
  signal?.addEventListener('abort', giveUp, { once: true });
  if (signal?.aborted) giveUp();
  try {
    const listed = await readPages(api, groupId, controller.signal);
    const late = !listed.ok && listed.failure.code === 'CANCELLED' && !signal?.aborted;
    return late ? failed(tooLong) : listed;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', giveUp);
  }
}

async function readPages(
  api: AdminApi,
  groupId: string,
  signal: AbortSignal,
): Promise<AtlasResult<readonly ModelKey[]>> {
  const keys: ModelKey[] = [];
  for (let page: Page | undefined = firstPage; page;) {
    const reply: AtlasResult<ApiReply> = await api.call(listKeysCall(groupId, page), signal);
    if (!reply.ok) return reply;
    const content = readKeysReply(reply.value, page);
    if (!content.ok) return content;
    for (const key of content.value.keys) keys.push(key);
    page = content.value.next;
  }
  return { ok: true, value: keys };
}

const tooLong: AtlasFailure = {
  code: 'ATLAS_UNAVAILABLE',
  message: "Atlas did not list all of the project's keys in time.",
  hint: 'Try again later.',
  retryable: true,
  maybeCarriedOut: false,
};
