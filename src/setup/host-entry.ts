// Reads what a host's file says of this server, to tell an entry that setup made from one of somebody else. It never writes: hosts
// write their files themselves.

import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { systemCode } from '../files/file-problem.ts';
import { parseJson, isObject } from '../text/text.ts';
import { SERVER, type HostKind, type HostPlaces, type Registration } from './hosts.ts';

/** `unreadable`: nothing is known, so nothing may be changed. */
export type HostEntry =
  | { readonly is: 'absent' }
  | { readonly is: 'unreadable'; readonly path: string }
  | {
      readonly is: 'there';
      readonly path: string;
      /** Of the whole entry: it differs once anybody has changed it. */
      readonly digest: string;
      readonly starts: (server: Registration) => boolean;
    };

const LARGEST = 32 * 1024 * 1024;

/** The first of the host's files that has an entry of this server. */
export function readHostEntry(host: HostKind, places: HostPlaces): HostEntry {
  for (const path of host.files(places)) {
    const text = textOf(path);
    if (text === undefined) continue;
    const entry = text === 'unreadable' ? text : ENTRY_OF[host.format](text.content, host.member);
    if (entry === 'unreadable') return { is: 'unreadable', path };
    if (entry === undefined) continue;
    const digest = createHash('sha256').update(entry.text).digest('hex');
    return { is: 'there', path, digest, starts: (server) => entry.starts(server) };
  }
  return { is: 'absent' };
}

interface Entry {
  /** The same text for the same entry, however the rest of the file changes. */
  readonly text: string;
  readonly starts: (server: Registration) => boolean;
}

function textOf(path: string): { readonly content: string } | 'unreadable' | undefined {
  try {
    const stats = statSync(path);
    if (!stats.isFile() || stats.size > LARGEST) return 'unreadable';
    return { content: readFileSync(path, 'utf8') };
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : 'unreadable';
  }
}

const ENTRY_OF: Record<HostKind['format'], (text: string, member: string) => Entry | 'unreadable' | undefined> = {
  json: jsonEntry,
  toml: tomlEntry,
};

function jsonEntry(text: string, member: string): Entry | 'unreadable' | undefined {
  const written = text.replace(/^\uFEFF/, '');
  const parsed = parseJson(written) ?? parseJson(withoutComments(written) || '{}');
  if (!isObject(parsed)) return 'unreadable';
  const servers = parsed[member];
  if (servers === undefined) return undefined;
  if (!isObject(servers)) return 'unreadable';
  const entry = servers[SERVER];
  if (entry === undefined) return undefined;
  const { command, args } = isObject(entry) ? entry : {};
  const started: unknown[] = [command ?? [], args ?? []].flat();
  return {
    text: JSON.stringify(entry),
    starts: (server) => JSON.stringify(started) === JSON.stringify([server.command, ...server.args]),
  };
}

/** A text, or a comment, or a comma before a closing bracket. */
const JSONC =
  /("(?:[^"\\]|\\.)*")|\/\/[^\n]*|\/\*(?:(?!\*\/)[\s\S])*\*\/|,(?=(?:\s|\/\/[^\n]*|\/\*(?:(?!\*\/)[\s\S])*\*\/)*[}\]])/g;

function withoutComments(text: string): string {
  return text.replace(JSONC, (_all, quoted: string | undefined) => quoted ?? '').trim();
}

/** The table of the server with its tables below, which reach to the next other header. Nobody else needs TOML here. */
function tomlEntry(text: string, member: string): Entry | 'unreadable' | undefined {
  const name = `(?:${SERVER}|"${SERVER}"|'${SERVER}')`;
  const header = new RegExp(String.raw`^\s*\[\s*${member}\s*\.\s*${name}\s*[.\]]`);
  // Written in one line, or by dotted keys: it may be there, and what it starts is not looked for.
  const mentions = new RegExp(String.raw`^\s*(?:${member}\s*\.\s*${name}|${name}\s*=|${member}\s*=)`, 'm');
  const own: string[] = [];
  let isOwn = false;
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*\[/.test(line)) isOwn = header.test(line);
    if (isOwn) own.push(line.trim());
  }
  if (own.length === 0) return mentions.test(text) ? 'unreadable' : undefined;
  const words = (server: Registration) => [server.command, ...server.args];
  const section = own.join('\n').trim();
  return {
    text: section,
    starts: (server) =>
      words(server).every((word) => [JSON.stringify(word), `'${word}'`].some((quoted) => section.includes(quoted))),
  };
}
