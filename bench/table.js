// Writes tables as Markdown that can also be read on a terminal, and puts them between the markers of a document.

/** The first row is the head. Columns are as wide as their widest cell. */
export function table(rows) {
  const cells = rows.map((row) => row.map((cell) => String(cell).replaceAll('|', '\\|').replaceAll('\n', ' ')));
  const widths = cells[0].map((_, column) => Math.max(3, ...cells.map((row) => row[column].length)));
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  const [head, ...body] = cells;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}

/** A summary as `12.3 (11.9 to 13.0)`: the median, and between what half of the samples lie, if there are some. */
export function spread({ median, lower, upper, count }, format = milliseconds) {
  if (count < 3) return format(median);
  return `${format(median)} (${format(lower)} to ${format(upper)})`;
}

/** Three digits that count, without a unit: it belongs into the head of the table. */
export function milliseconds(value) {
  return value.toFixed(Math.abs(value) < 99.95 ? 1 : 0);
}

export function times(value) {
  return value.toFixed(2);
}

/** In units of a million bytes. */
export function megabytes(bytes) {
  return (bytes / 1e6).toFixed(1);
}

export function whole(value) {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(?:\d{3})+$)/g, ',');
}

const BEGIN = '<!-- last run -->';
const END = '<!-- end of last run -->';

/** The document with another text between its markers. */
export function withLastRun(document, text) {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`The document has no ${BEGIN} followed by ${END}.`);
  return `${document.slice(0, begin)}${BEGIN}\n\n${text.trim()}\n\n${document.slice(end)}`;
}
