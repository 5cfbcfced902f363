// A host without forms, a server that opens pages, and a program in the browser's place that notes which file it was given. Nothing
// here expects anything.

import { chmodSync, existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ClientCapabilities } from '@modelcontextprotocol/sdk/types.js';
import { vi } from 'vitest';
import { FIRST_PROJECT } from '../../src/sandbox/first-project.ts';
import { enter } from '../page/browser-client.ts';
import { atlasAndHome, fileIn, startHost } from './host.ts';

export const PAGE = 'ATLAS_MODEL_KEYS_BROWSER_COMMAND';

interface PageSceneSettings {
  readonly env?: Readonly<Record<string, string>>;
  readonly capabilities?: ClientCapabilities;
  /** What the program in the browser's place does beside noting its argument. */
  readonly browser?: string;
}

export async function openPageScene({ env = {}, browser = '', ...settings }: PageSceneSettings = {}) {
  const { sandbox, home, env: credentials } = await atlasAndHome();
  const script = fileIn(home, 'browser', `#!/bin/sh\nprintf '%s\\n' "$1" >> "${home}/opened"\n${browser}\n`);
  chmodSync(script, 0o700);
  const variables = {
    ...credentials,
    ATLAS_MODEL_KEYS_CONFIRM: 'required',
    ATLAS_MODEL_KEYS_SINKS: JSON.stringify({ app: 'file:~/keys/{entry}.key', me: 'reveal' }),
    ATLAS_MODEL_KEYS_DEFAULT_SINK: 'app',
    [PAGE]: script,
  };
  const server = { home, env: { ...variables, ...env }, ...settings };
  const host = await startHost(server);
  let seen = 0;
  const files = () =>
    existsSync(`${home}/opened`) ? readFileSync(`${home}/opened`, 'utf8').split('\n').filter(Boolean) : [];
  return {
    sandbox,
    home,
    host,
    server,
    call: (name: string, args: Record<string, unknown> = {}) => host.call(name, { groupId: FIRST_PROJECT, ...args }),
    key: (name: string) => sandbox.keys().find((key) => key.name === name),
    /** Of the pages that were opened. */
    files,
    /** The next file that the browser was given, and what it held then. */
    async nextFile() {
      await vi.waitUntil(() => files().length > seen, { timeout: 20_000 });
      const path = fileURLToPath(files()[seen] ?? '');
      seen += 1;
      const text = readFileSync(path, 'utf8');
      return { path, mode: statSync(path).mode & 0o777, text, address: /url=(http:[^"]+)"/.exec(text)?.[1] ?? '' };
    },
    /** The next page, as the browser has it that was led there. */
    async nextPage() {
      return enter((await this.nextFile()).address);
    },
  };
}
