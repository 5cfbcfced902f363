// The command `apply`: reads what keys there are to be, brings Atlas and the sinks to it, and reports. It shows no secret.

import { createReadStream } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import type { Atlas } from '../atlas/atlas.ts';
import { ConfigError } from '../config/config-error.ts';
import type { Config } from '../config/config.ts';
import { applyKeys, isAsWritten, type Applied, type WantedKey } from '../keys/apply.ts';
import { appendAudit } from '../keys/journal/audit.ts';
import { openJournal } from '../keys/journal/journal.ts';
import { failed, type Result } from '../failure.ts';
import { openSinks } from '../sinks/kinds.ts';
import { MOST_WANTED, parseWanted } from '../tools/wanted-keys.ts';
import { reportDocument, lineOf, rowOf, summaryOf, type Row } from './report.ts';

export interface ApplyCommand {
  /** A path, or `-` for standard input. */
  readonly file: string;
  readonly dryRun: boolean;
  readonly json: boolean;
  /** Consents to rotations, where a person must. */
  readonly yes: boolean;
}

interface Surroundings {
  readonly load: () => Promise<Config>;
  readonly openAtlas: (config: Config) => Promise<Atlas>;
  readonly version: string;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable & { readonly isTTY?: boolean };
  /** Aborted when a person stops the command: nothing is begun from then on. */
  readonly signal: AbortSignal;
}

/** Resolves with the exit code: 0 if all is as written, 1 if something is not, 2 if the file or the settings cannot be used. */
export async function runApply(command: ApplyCommand, around: Surroundings): Promise<number> {
  const { stdout, stderr } = around;
  // Who no longer reads does not end what was begun.
  for (const stream of [stdout, stderr]) stream.on('error', () => undefined);
  const wanted = await readWanted(command.file === '-' ? around.stdin : createReadStream(command.file));
  if (!wanted.ok) return refuse(stderr, wanted.failure);
  const config = await around.load();
  const atlas = await around.openAtlas(config);
  try {
    return await applyWanted(command, wanted.value, { ...around, config, atlas });
  } finally {
    await atlas.close();
  }
}

type Run = Surroundings & { readonly config: Config; readonly atlas: Atlas };

async function applyWanted(command: ApplyCommand, wanted: readonly WantedKey[], run: Run): Promise<number> {
  const { config, atlas, stdout, stderr, signal } = run;
  const { dryRun, json, yes: isConfirmed } = command;
  const context = {
    ...config,
    atlas,
    journal: openJournal(config.stateDir),
    sinks: openSinks(config.sinks, config.environment, undefined, config.stateDir),
  };
  const ended = new Map<WantedKey, Row>();
  const undone = new Set<WantedKey>();
  const begun = Date.now();
  const onEnd = async (key: WantedKey, applied: Applied) => {
    const row = rowOf(key, applied);
    ended.set(key, row);
    if (!isAsWritten(applied)) undone.add(key);
    if (!json) stdout.write(lineOf(row));
    if (stderr.isTTY === true) stderr.write(`\r${ended.size} of ${wanted.length}`);
    if (!dryRun) await audit(row, run, Date.now() - begun);
  };
  const applied = await applyKeys(context, wanted, { dryRun, isConfirmed, signal, onEnd });
  if (stderr.isTTY === true) stderr.write('\n');
  if (!applied.ok) {
    const { code, message, hint } = applied.failure;
    return refuse(stderr, [`${code}: ${message} ${hint}`]);
  }
  const isAll = undone.size === 0;
  // In the order of the file.
  const rows = wanted.flatMap((key) => ended.get(key) ?? []);
  await written(stdout, json ? reportDocument(isAll, rows, applied.value) : summaryOf(isAll, rows, applied.value));
  return isAll ? 0 : 1;
}

/** A line a key that something was done or tried about. */
async function audit(row: Row, { config, version, stderr }: Run, durationMs: number): Promise<void> {
  if (row.outcome === 'exists') return;
  const { groupId, key, delivery, error, outcome } = row;
  const { apiKeyId } = key ?? error ?? {};
  const record = {
    time: new Date().toISOString(),
    host: { name: 'apply', version },
    tool: 'apply',
    groupId,
    ...(apiKeyId !== undefined && { apiKeyId }),
    ...(delivery && { sink: delivery.sink }),
    outcome: error?.code ?? outcome,
    durationMs,
  };
  if (!(await appendAudit(config.stateDir, record)))
    stderr.write('atlas-model-keys-mcp: the audit log cannot be written (ATLAS_MODEL_KEYS_STATE_DIR)\n');
}

async function refuse(stderr: Writable, lines: readonly string[]): Promise<number> {
  await written(stderr, lines.map((line) => `atlas-model-keys-mcp: ${line}\n`).join(''));
  return 2;
}

function written(stream: Writable, text: string): Promise<void> {
  return new Promise((resolve) => {
    stream.write(text, () => {
      resolve();
    });
  });
}

/** Of the file, in bytes: the most keys there may be, with the longest names. */
const LARGEST = 16 * 1024 * 1024;

/** No message quotes the file, which may hold anything. */
async function readWanted(input: Readable): Promise<Result<readonly WantedKey[], readonly string[]>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of input) {
      if (!(chunk instanceof Uint8Array)) continue;
      chunks.push(chunk);
      size += chunk.length;
      if (size > LARGEST) return failed([`FILE: is larger than 16 MB; at most ${MOST_WANTED} keys can be in it`]);
    }
  } catch {
    throw new ConfigError('FILE', 'cannot be read');
  }
  return parseText(Buffer.concat(chunks));
}

function parseText(bytes: Buffer): Result<readonly WantedKey[], readonly string[]> {
  let text = '';
  try {
    // Without the mark that Windows puts before a text.
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return parseWanted(JSON.parse(text));
  } catch (error) {
    if (text === '') return failed([bytes.length === 0 ? 'FILE: is empty' : 'FILE: is not UTF-8']);
    const place = positionIn(text, error instanceof SyntaxError ? error.message : '');
    return failed([`FILE: is not JSON${place}`]);
  }
}

/** Of the message only the number counts: the rest quotes the text. */
function positionIn(text: string, message: string): string {
  const position = /at position (\d+)/.exec(message)?.[1];
  if (position === undefined) return '';
  const before = text.slice(0, Number(position)).split('\n');
  return ` (line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1})`;
}
