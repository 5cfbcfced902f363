// What hosts are told to start.

import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { registrationOf, wordsForOthers } from '../../src/setup/registration.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'amk-registration-')));
const entryIn = (...parts: string[]) => {
  mkdirSync(join(folder, ...parts), { recursive: true });
  const path = join(folder, ...parts, 'atlas-model-keys-mcp.js');
  writeFileSync(path, '');
  return path;
};
const version = '1.2.3';
const started = (entry: string) => ({ execPath: '/opt/node', entry, version });

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('from npx, the package pinned to its version', () => {
  const entry = entryIn('.npm', '_npx', '0a1b', 'node_modules', 'atlas-model-keys-mcp', 'dist');
  const npx = ['-y', `atlas-model-keys-mcp@${version}`];
  expect(registrationOf(started(entry), undefined, 'linux')).toEqual({ command: 'npx', args: npx });
  expect(registrationOf(started(entry), '/c', 'linux')).toEqual({ command: 'npx', args: [...npx, '--config', '/c'] });
  expect(registrationOf(started(entry), undefined, 'win32')).toEqual({ command: 'cmd', args: ['/c', 'npx', ...npx] });
});

test('else this Node and the file itself, which no link can change', () => {
  const entry = entryIn('lib', 'dist');
  const link = join(folder, 'atlas-model-keys-mcp');
  symlinkSync(entry, link);
  expect(registrationOf(started(link), undefined)).toEqual({ command: '/opt/node', args: [entry] });
  expect(registrationOf(started(entry), '/c d')).toEqual({ command: '/opt/node', args: [entry, '--config', '/c d'] });
});

test('what to paste is JSON that hosts understand', () => {
  const lines = wordsForOthers({ command: 'npx', args: ['-y', 'x'] });
  expect(JSON.parse(lines.slice(2).join('\n'))).toEqual({
    mcpServers: { 'atlas-model-keys': { command: 'npx', args: ['-y', 'x'] } },
  });
});
