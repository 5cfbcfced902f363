// Lint keeps the direction of imports; here each of its rules is seen to refuse what it should.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
// Rules that need types want files that exist; those on imports need none.
const eslint = new ESLint({
  cwd: root,
  overrideConfig: [{ files: ['**/*.ts'], ...tseslint.configs.disableTypeChecked }],
});

async function rulesBrokenBy(code: string, filePath: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath });
  return (result?.messages ?? []).map(({ ruleId }) => ruleId ?? 'parsing');
}

const IMPORTS = '@typescript-eslint/no-restricted-imports';

describe('tools -> keys -> { atlas, sinks } -> files, and nothing back', () => {
  test.each([
    ['atlas', '../sinks/sink.ts'],
    ['atlas', '../keys/create.ts'],
    ['programs', '../sinks/sink.ts'],
    ['programs', '../secret/secret.ts'],
    ['http', '../sinks/sink.ts'],
    ['http', '../atlas/atlas.ts'],
    ['keys', '../http/transport.ts'],
    ['sinks', '../atlas/atlas.ts'],
    ['page', '../sinks/sink.ts'],
    ['page', '../secret/secret.ts'],
    ['page', '../config/config.ts'],
    ['keys', '../tools/tool.ts'],
    ['keys', '../config/config.ts'],
    ['tools', '../mcp/server.ts'],
    ['mcp', '../atlas/atlas.ts'],
    ['mcp', '../config/config.ts'],
    ['secret', '../config/config.ts'],
    ['config', '../sinks/sink.ts'],
    ['files', '../sinks/sink.ts'],
    ['files', '../secret/secret.ts'],
    ['files', '../config/config.ts'],
    ['sandbox', '../secret/secret.ts'],
    ['atlas', '../sandbox/sandbox.ts'],
  ])('src/%s may not import %s', async (folder, target) => {
    expect(await rulesBrokenBy(`import * as x from '${target}';\nexport { x };\n`, `src/${folder}/probe.ts`)).toContain(
      IMPORTS,
    );
  });

  test('every folder may import src/failure.ts, which imports nothing', async () => {
    const folders = readdirSync(`${root}/src`, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    for (const { name } of folders) {
      const code = "import { ok } from '../failure.ts';\nexport { ok };\n";
      expect([name, await rulesBrokenBy(code, `src/${name}/probe.ts`)]).toEqual([name, []]);
    }
    const code = "import { nearest } from './text/nearest.ts';\nexport { nearest };\n";
    expect(await rulesBrokenBy(code, 'src/failure.ts')).toContain(IMPORTS);
  });

  test('every folder of src has its rule', () => {
    const folders = readdirSync(`${root}/src`, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return Promise.all(
      folders.map(async ({ name }) => {
        const broken = await rulesBrokenBy(
          "import * as x from '../main.ts';\nimport * as y from 'left-pad';\nexport { x, y };\n",
          `src/${name}/probe.ts`,
        );
        const owner = await rulesBrokenBy(
          "import { Server } from '@modelcontextprotocol/sdk/server/index.js';\nexport { Server };\n",
          `src/${name}/probe.ts`,
        );
        expect(broken).not.toContain('parsing');
        expect(owner.includes(IMPORTS)).toBe(name !== 'mcp');
      }),
    );
  });
});

describe('exclusive rights', () => {
  test.each([
    ['opening a Secret', "import { openSecret } from '../secret/secret.ts';\nexport { openSecret };\n", ['sinks']],
    ['the SDK', "import { Client } from '@modelcontextprotocol/sdk/client/index.js';\nexport { Client };\n", ['mcp']],
    ['HTTP', "import { Agent } from 'undici';\nexport { Agent };\n", ['http']],
    ['schemas', "import * as z from 'zod/v4';\nexport { z };\n", ['config', 'tools']],
    ['questions', "import { text } from '@clack/prompts';\nexport { text };\n", ['setup']],
  ])('%s', async (_right, code, owners) => {
    for (const folder of ['setup', 'atlas', 'http', 'config', 'mcp', 'keys', 'sandbox', 'sinks', 'tools']) {
      expect([folder, (await rulesBrokenBy(code, `src/${folder}/probe.ts`)).includes(IMPORTS)]).toEqual([
        folder,
        !owners.includes(folder),
      ]);
    }
  });

  test('the environment belongs to src/config', async () => {
    const code = 'export const home = process.env.HOME;\n';
    expect(await rulesBrokenBy(code, 'src/atlas/probe.ts')).toContain('no-restricted-syntax');
    expect(await rulesBrokenBy(code, 'src/main.ts')).toContain('no-restricted-syntax');
    expect(await rulesBrokenBy(code, 'src/config/probe.ts')).not.toContain('no-restricted-syntax');
  });
});

/** The files of this project that a file loads: imports of types load nothing. */
function loadedBy(file: string): string[] {
  const imports = readFileSync(join(root, file), 'utf8').matchAll(
    /^import (?!type )(?:\{([^}]*)\} from )?'(\.[^']+)'/gm,
  );
  return Array.from(imports).flatMap(([, names, path = '']) => {
    const members = (names ?? 'all').split(',').filter((name) => name.trim() !== '');
    return members.every((name) => name.trim().startsWith('type ')) ? [] : [join(dirname(file), path)];
  });
}

test('no file of src loads itself by way of others', () => {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const loads = new Map(files.map((name) => [join('src', name), loadedBy(join('src', name))]));
  expect([...loads.values()].flat().length).toBeGreaterThan(files.length);
  for (const file of loads.keys()) {
    const reached = new Set<string>();
    const next = [...(loads.get(file) ?? [])];
    for (let each = next.pop(); each !== undefined; each = next.pop()) {
      if (!reached.has(each)) next.push(...(loads.get(each) ?? []));
      reached.add(each);
    }
    expect([file, reached.has(file)]).toEqual([file, false]);
  }
});
