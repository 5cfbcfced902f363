// Reads dates of HTTP headers (RFC 9110, 5.6.7).

/** Milliseconds since the epoch; undefined where the header is absent or unreadable. */
export function httpDate(value: string | undefined): number | undefined {
  const date = value?.endsWith(' GMT') ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : date;
}
