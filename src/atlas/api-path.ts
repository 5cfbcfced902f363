// Builds paths of the Atlas Admin API. A value stays within its own segment.

/**
 * A path from a template; each value is percent-encoded.
 *
 * @throws RangeError for what encoding cannot keep apart: nothing, `.` and `..` (which URL parsing resolves), lone surrogates
 */
export function apiPath(strings: TemplateStringsArray, ...values: readonly string[]): string {
  const segments = values.map((value) => {
    if (/^\.{0,2}$|\p{Cs}/u.test(value)) throw new RangeError('not a path segment');
    return encodeURIComponent(value);
  });
  return `/api/atlas/v2${String.raw({ raw: strings }, ...segments)}`;
}
