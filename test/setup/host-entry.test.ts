// Reading what a host's file says of this server: as hosts and people write such files.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { readHostEntry } from '../../src/setup/host-entry.ts';
import { hostKinds, SERVER } from '../../src/setup/hosts.ts';

const home = mkdtempSync(join(tmpdir(), 'amk-entry-'));
const server = { command: '/usr/bin/node', args: ['/opt/a b/server.js', '--config', '/c'] };

afterAll(() => {
  rmSync(home, { recursive: true, force: true });
});

function read(id: string, text: string) {
  const kind = hostKinds.find((each) => each.id === id);
  if (!kind) throw new Error(`There is no host ${id}.`);
  const places = { home, platform: 'linux', environment: {} } as const;
  const [path = ''] = kind.files(places);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return readHostEntry(kind, places);
}

function startsServer(id: string, text: string): boolean | string {
  const entry = read(id, text);
  return entry.is === 'there' ? entry.starts(server) : entry.is;
}

const entryText = JSON.stringify({ type: 'local', command: [server.command, ...server.args] });

describe('JSON with comments', () => {
  test.each([
    ['plain', `{"mcp":{"${SERVER}":${entryText}}}`, true],
    ['comments and last commas', `// mine\n{/* a */"mcp":{"${SERVER}":${entryText}, // b\n},}`, true],
    ['an entry in a comment', `{"mcp":{/* "${SERVER}":${entryText} */}}`, 'absent'],
    ['a comment within a text', `{"a":"// /*","mcp":{"${SERVER}":${entryText}}}`, true],
    ['a byte order mark', `\uFEFF{"mcp":{"${SERVER}":${entryText}}}`, true],
    ['nothing', '', 'absent'],
    ['only comments', '// nothing yet\n', 'absent'],
    ['other servers', '{"mcp":{"other":{}}}', 'absent'],
    ['another program', `{"mcp":{"${SERVER}":{"command":["/usr/bin/other"]}}}`, false],
    ['an entry that is not an object', `{"mcp":{"${SERVER}":7}}`, false],
    ['broken', '{"mcp":{', 'unreadable'],
    ['a list', '[]', 'unreadable'],
    ['servers that are a list', '{"mcp":[]}', 'unreadable'],
  ])('%s', (_, text, expected) => {
    expect(startsServer('opencode', text)).toBe(expected);
  });

  test('whatever else is in the file, the entry is found, and its digest is the same', () => {
    const digest = (text: string) => {
      const entry = read('opencode', text);
      return entry.is === 'there' ? entry.digest : entry.is;
    };
    const alone = digest(`{"mcp":{"${SERVER}":${entryText}}}`);
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), (others, comment) => {
        const rest = JSON.stringify(
          { ...others, mcp: { ...others, [SERVER]: JSON.parse(entryText) as unknown } },
          null,
          1,
        );
        const text = `// ${comment.replaceAll(/[\r\n\u2028\u2029]/g, '')}\n${rest.replaceAll('\n', ' /* " */\n')}`;
        expect(digest(text)).toBe(alone);
      }),
    );
  });

  test('any change of it is seen', () => {
    const digest = (entry: object) => read('claude', JSON.stringify({ mcpServers: { [SERVER]: entry } }));
    const [one, other] = [digest(server), digest({ ...server, env: { A: '1' } })];
    expect(one.is === 'there' && other.is === 'there' && one.digest !== other.digest).toBe(true);
  });
});

describe('TOML', () => {
  const table = `command = "/usr/bin/node"\nargs = ["/opt/a b/server.js", "--config", "/c"]\n`;
  test.each([
    ['as Codex writes it', `[mcp_servers.${SERVER}]\n${table}`, true],
    ['with a quoted name', `[mcp_servers."${SERVER}"]\n${table}`, true],
    [
      'between other tables',
      `model = "x"\n\n[mcp_servers.other]\ncommand = "a"\n\n[mcp_servers.${SERVER}]\n${table}\n[tui]\n`,
      true,
    ],
    ['another program', `[mcp_servers.${SERVER}]\ncommand = "/usr/bin/other"\n\n[mcp_servers.other]\n${table}`, false],
    ['a longer name', `[mcp_servers.${SERVER}-2]\n${table}`, 'absent'],
    ['nothing', '', 'absent'],
    ['dotted keys', `mcp_servers.${SERVER}.command = "a"\n`, 'unreadable'],
    ['an inline table', `[mcp_servers]\n${SERVER} = { command = "a" }\n`, 'unreadable'],
    ['all servers in one line', `mcp_servers = { ${SERVER} = { command = "a" } }\n`, 'unreadable'],
  ])('%s', (_, text, expected) => {
    expect(startsServer('codex', text)).toBe(expected);
  });

  test('its tables below belong to it', () => {
    const digestOf = (text: string) => {
      const entry = read('codex', text);
      return entry.is === 'there' ? entry.digest : '';
    };
    const alone = digestOf(`[mcp_servers.${SERVER}]\n${table}`);
    expect(digestOf(`[mcp_servers.${SERVER}]\n${table}\n[other]\na = 1\n`)).toBe(alone);
    expect(digestOf(`[mcp_servers.${SERVER}]\n${table}\n[mcp_servers.${SERVER}.env]\nA = "1"\n`)).not.toBe(alone);
  });
});
