// How Docker's --env-file and Compose read a .env file, character by character after their documentation and source
// (docker/cli pkg/kvfile, compose-go dotenv/parser.go), apart from the rules that the program itself uses.

type Found = ReadonlyMap<string, string>;

/** "KEY[=VALUE]" a line; nothing is trimmed but blanks in front, and a name with a blank is an error for the file. */
export function readAsDocumentedByDocker(text: string): Found | undefined {
  const found = new Map<string, string>();
  let rest = text.startsWith('\uFEFF') ? text.slice(1) : text;
  while (rest !== '') {
    const end = rest.indexOf('\n');
    let line = end < 0 ? rest : rest.slice(0, end);
    rest = end < 0 ? '' : rest.slice(end + 1);
    if (line.endsWith('\r')) line = line.slice(0, -1);
    while (line !== '' && ' \t\r\v\f'.includes(line.charAt(0))) line = line.slice(1);
    if (line === '' || line.startsWith('#')) continue;
    const sign = line.indexOf('=');
    const name = sign < 0 ? line : line.slice(0, sign);
    if (name === '' || name.includes(' ') || name.includes('\t')) return undefined;
    if (sign >= 0) found.set(name, line.slice(sign + 1));
  }
  return found;
}

/** Undefined where Compose ends with an error. No "$" is expanded and no escape decoded but that of a quote. */
export function readAsDocumentedByCompose(text: string): Found | undefined {
  const found = new Map<string, string>();
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  const isBlank = (character: string) => ' \t\r\v\f'.includes(character) && character !== '';
  const skip = (those: (character: string) => boolean) => {
    while (at < text.length && those(text.charAt(at))) at += 1;
  };
  for (;;) {
    skip((character) => isBlank(character) || character === '\n');
    if (at >= text.length) return found;
    if (text.charAt(at) === '#') {
      skip((character) => character !== '\n');
      continue;
    }
    if (text.startsWith('export', at) && (isBlank(text.charAt(at + 6)) || text.charAt(at + 6) === '\n')) {
      at += 6;
      skip(isBlank);
    }
    const start = at;
    skip((character) => isBlank(character) || /[\p{L}\p{N}_.[\]-]/u.test(character));
    const name = text.slice(start, at).trimEnd();
    if (at < text.length && !'=:\n'.includes(text.charAt(at))) return undefined;
    if (name.includes(' ')) return undefined;
    at += 1;
    if (at > text.length || text.charAt(at - 1) === '\n') continue;
    skip(isBlank);
    const quote = text.charAt(at);
    if (quote !== '"' && quote !== "'") {
      const begin = at;
      skip((character) => character !== '\n');
      const [value = ''] = text.slice(begin, at).split(' #');
      found.set(name, value.trimEnd());
      continue;
    }
    let value = '';
    for (at += 1; text.charAt(at) !== quote; at += 1) {
      if (at >= text.length) return undefined;
      if (text.charAt(at) === '\\') {
        value += '\\';
        at += 1;
      }
      value += text.charAt(at);
    }
    at += 1;
    found.set(name, value);
  }
}
