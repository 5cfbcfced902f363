// The types of traffic.js, for its tests.

export interface Seen {
  readonly requests: readonly { readonly operation: string }[];
  readonly sockets: number;
}

export function requireSameTraffic(seen: { readonly server: Seen; readonly [who: string]: Seen }): void;
export function operations(seen: Pick<Seen, 'requests'>): string;
