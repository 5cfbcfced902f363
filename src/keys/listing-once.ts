// Lists the keys of a project once for several looks at it. It is no Atlas: what became of a key is asked of Atlas itself, since a
// list from before says of a new key that it is not there.

import type { Atlas } from '../atlas/atlas.ts';

interface ListingLimits {
  /** A list that is older is read again, in milliseconds; absent where one is good for as long as the call takes. */
  readonly longestMs?: number;
  /** So many projects are kept, the last ones; absent where all are. */
  readonly most?: number;
}

export interface KeptLists extends Pick<Atlas, 'listKeys'> {
  /** When the list of that project that is kept was asked for, in milliseconds since the epoch. */
  listedAt(groupId: string): number | undefined;
}

/** A list that failed is not asked for again either: the same is true for whoever looks next. */
export function listingOnce(
  atlas: Pick<Atlas, 'listKeys'>,
  { longestMs = Number.POSITIVE_INFINITY, most = Number.POSITIVE_INFINITY }: ListingLimits = {},
): KeptLists {
  const lists = new Map<string, { readonly list: ReturnType<Atlas['listKeys']>; readonly at: number }>();
  return {
    listedAt: (groupId) => lists.get(groupId)?.at,
    listKeys(groupId, signal, role) {
      const known = lists.get(groupId);
      // A clock that was set back makes a list old too.
      if (known && Math.abs(Date.now() - known.at) <= longestMs) return known.list;
      const list = atlas.listKeys(groupId, signal, role);
      lists.delete(groupId);
      lists.set(groupId, { list, at: Date.now() });
      const [oldest] = lists.keys();
      if (lists.size > most && oldest !== undefined) lists.delete(oldest);
      return list;
    },
  };
}
