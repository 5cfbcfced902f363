// Whoever builds the sources gets the same bytes, with any Node that can build them: so a package can be compared with what
// it was made of.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, onTestFinished, test } from 'vitest';
import { builtinsOnUse } from '../../build/split.js';
import { nodesIn } from '../e2e/nodes.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const nodes = nodesIn(process.env.NEW_NODES);

describe('another Node builds the same files', () => {
  test.skipIf(nodes.length > 0)('(skipped: NEW_NODES names no folder that has some)', () => {
    expect(process.env.CI === undefined || process.platform !== 'linux' || process.arch !== 'x64').toBe(true);
  });
  test.each(nodes)('%s', (_version, node) => {
    const built = (program: string): [name: string, text: string][] => {
      const folder = mkdtempSync(join(realpathSync(tmpdir()), 'amk-same-build-'));
      onTestFinished(() => {
        rmSync(folder, { recursive: true });
      });
      execFileSync(program, ['build.js', folder], { cwd: root });
      return readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]);
    };
    const own = built(process.execPath);
    const other = built(node);
    expect(other.map(([name]) => name)).toEqual(own.map(([name]) => name));
    // Not compared by an assertion that would print them.
    expect(other.filter(([, text], index) => text !== own[index]?.[1]).map(([name]) => name)).toEqual([]);
  });
});

test('of a module of Node the bundle is offered what this project imports, whatever else the running Node exports', async () => {
  const stdin = { contents: `import { join } from 'node:path'; console.log(join);`, resolveDir: root };
  const plugins = [builtinsOnUse];
  const { outputFiles } = await build({
    stdin,
    plugins,
    bundle: true,
    write: false,
    format: 'esm',
    treeShaking: false,
  });
  const text = outputFiles.map((file) => file.text).join('');
  expect(text).toContain('"join"');
  expect(text).not.toMatch(/toNamespacedPath|"format"/);
});
