// The licence notices of bundles that esbuild really makes, of small packages with every way to say what the licence is.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { notices } from '../../build/notices.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(realpathSync(tmpdir()), 'amk-notices-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
});

function file(path: string, content: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
}

/** A package, in this folder below node_modules, that exports its own name. */
function install(path: string, manifest: object = {}, files: Readonly<Record<string, string>> = {}): void {
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const own = { name, version: '1.0.0', license: 'MIT', sideEffects: false, main: 'index.js', ...manifest };
  const all = { 'package.json': JSON.stringify(own), 'index.js': `export default '${name}';`, ...files };
  for (const [inside, content] of Object.entries(all)) file(`${path}/${inside}`, content);
}

/** What esbuild says of a bundle of this program. */
async function bundleOf(
  program: string,
  ...plugins: Parameters<typeof build>[0]['plugins'] & object
): Promise<Metafile> {
  file('program.js', program);
  const entryPoints = [join(folder, 'program.js')];
  return (await build({ entryPoints, outdir: folder, bundle: true, metafile: true, write: false, plugins })).metafile;
}

/** The first line of each notice. */
function named(text: string): string[] {
  return text
    .split(/^={80}\n\n/m)
    .slice(1)
    .map((notice) => notice.split('\n', 1).join());
}

test('a package is named with version, licence, author and the whole text of each legal file', async () => {
  install(
    'node_modules/plain',
    { version: '2.3.4', license: 'BSD-3-Clause', author: { name: 'A. Person', email: 'a@example.org' } },
    { LICENSE: '\uFEFFFirst line\r\n\r\nlast line\r\n\r\n', 'NOTICE.md': 'a notice' },
  );
  const text = notices(await bundleOf(`import name from 'plain'; console.log(name);`));
  expect(text.slice(text.indexOf('plain'))).toBe(
    'plain 2.3.4\nLicence: BSD-3-Clause\nAuthor: A. Person, a@example.org\n\n' +
      '--- LICENSE\n\nFirst line\n\nlast line\n\n--- NOTICE.md\n\na notice\n',
  );
});

test.each(['LICENSE', 'license', 'LICENCE.txt', 'LICENSE-MIT', 'LICENSE.BSD', 'licence.md', 'COPYING', 'NOTICE'])(
  'the text of a file named %s is in it',
  async (name) => {
    install('node_modules/plain', {}, { [name]: 'the text' });
    const text = notices(await bundleOf(`import name from 'plain'; console.log(name);`));
    expect(text).toContain(`--- ${name}\n\nthe text\n`);
  },
);

test('a folder and program files of such names are not a licence, and without one licence and author are named', async () => {
  install(
    'node_modules/plain',
    { author: 'A. Person <a@example.org>' },
    { 'license/a': 'no', 'licence.js': 'no', 'notice.d.ts': 'no', 'licenses.json': 'no', 'license.mjs.map': 'no' },
  );
  const text = notices(await bundleOf(`import name from 'plain'; console.log(name);`));
  expect(text.slice(text.indexOf('plain'))).toBe('plain 1.0.0\nLicence: MIT\nAuthor: A. Person <a@example.org>\n');
});

test('code of another hand within a package comes with its own licence file, if it is in the bundle', async () => {
  install(
    'node_modules/plain',
    { main: 'lib/index.js' },
    {
      LICENSE: 'outer',
      'lib/index.js': `export { default } from './copied/deep/code.js';`,
      'lib/copied/LICENSE': 'inner',
      'lib/copied/deep/code.js': 'export default 1;',
      'lib/unused/LICENSE': 'absent',
    },
  );
  const text = notices(await bundleOf(`import name from 'plain'; console.log(name);`));
  expect(text).toMatch(/--- LICENSE\n\nouter\n\n--- lib\/copied\/LICENSE\n\ninner\n$/);
  expect(text).not.toContain('absent');
});

describe('llhttp, which undici carries without its licence, is named with it', () => {
  const LICENCE =
    /--- lib\/llhttp\n\n.*MIT License\.\n\nCopyright Fedor Indutny, 2018\.\n\nPermission is hereby granted/;
  const bundled = async (name: string, program: string) => {
    install(
      `node_modules/${name}`,
      { main: 'lib/index.js' },
      {
        'lib/index.js': 'export default 1;',
        'lib/llhttp/parser.js': 'export default 2;',
      },
    );
    return notices(await bundleOf(program));
  };

  test('where a file of it is in the bundle', async () => {
    const text = await bundled('undici', `import parser from 'undici/lib/llhttp/parser.js'; console.log(parser);`);
    expect(text).toMatch(LICENCE);
  });

  test('and not where none is', async () => {
    const text = await bundled('undici', `import name from 'undici'; console.log(name);`);
    expect(text).not.toContain('llhttp');
  });

  test('nor for another package with such a folder', async () => {
    const text = await bundled('other', `import parser from 'other/lib/llhttp/parser.js'; console.log(parser);`);
    expect(text).not.toContain('llhttp');
  });

  test('in what ships', () => {
    const shipped = (name: string) => readFileSync(new URL(`../../dist/${name}`, import.meta.url), 'utf8');
    const program = readdirSync(new URL('../../dist/', import.meta.url)).find((name) => name.startsWith('program-'));
    expect(shipped(program ?? '').includes('new WebAssembly.Module')).toBe(true);
    expect(shipped('THIRD-PARTY-NOTICES.txt')).toMatch(LICENCE);
  });
});

describe('the packages that are named', () => {
  test('are the ones in the bundle: scoped and nested ones, in every version, sorted, each once', async () => {
    install('node_modules/zoo', {}, { 'index.js': `import i from 'inner'; export default i + 'zoo';` });
    install('node_modules/zoo/node_modules/inner', { version: '2.0.0' });
    install('node_modules/@scope/one', {}, { 'index.js': `import i from 'inner'; export default i + 'one';` });
    install('node_modules/@scope/one/node_modules/inner', { version: '1.5.0' });
    install('node_modules/@scope/two');
    install('node_modules/other', {}, { 'index.js': `import i from 'inner'; export default i + 'other';` });
    install('node_modules/other/node_modules/inner', { version: '2.0.0' });
    install('node_modules/inner');
    install('node_modules/shaken');
    install('node_modules/facade', {}, { 'index.js': `export { default } from '@scope/two';` });
    install('node_modules/absent');
    const metafile = await bundleOf(`
      import zoo from 'zoo'; import one from '@scope/one'; import two from 'facade'; import other from 'other';
      import inner from 'inner'; import shaken from 'shaken';
      console.log(zoo, one, two, other, inner);
    `);
    expect(Object.keys(metafile.inputs).join()).toMatch(/facade.*shaken/);
    expect(named(notices(metafile))).toEqual([
      '@scope/one 1.0.0',
      '@scope/two 1.0.0',
      'inner 1.0.0',
      'inner 1.5.0',
      'inner 2.0.0',
      'other 1.0.0',
      'zoo 1.0.0',
    ]);
  });

  test('are those of every bundle', async () => {
    install('node_modules/b');
    install('node_modules/a');
    const metafiles = [
      await bundleOf(`import name from 'b'; console.log(name);`),
      await bundleOf(`import name from 'a'; import other from 'b'; console.log(name, other);`),
    ];
    expect(named(notices(metafiles))).toEqual(['a 1.0.0', 'b 1.0.0']);
  });

  test('are also those whose files a plugin provides', async () => {
    install('node_modules/plain');
    const metafile = await bundleOf(`import name from 'plain'; console.log(name);`, {
      name: 'trimmed',
      setup(building) {
        const path = join(folder, 'node_modules/plain/index.js');
        building.onResolve({ filter: /^plain$/ }, () => ({ path, namespace: 'trimmed' }));
        building.onLoad({ filter: /./, namespace: 'trimmed' }, () => ({ contents: 'export default 1' }));
      },
    });
    expect(named(notices(metafile))).toEqual(['plain 1.0.0']);
  });

  test('are none for a program of its own', async () => {
    expect(named(notices(await bundleOf('console.log(1)')))).toEqual([]);
  });
});

test.each([{ license: undefined }, { license: '' }, { license: 'UNLICENSED' }, { license: { type: 'MIT' } }])(
  'a package whose manifest says %j ends the build, by name',
  async (manifest) => {
    install('node_modules/@scope/nobody', manifest, { LICENSE: 'perhaps' });
    const metafile = await bundleOf(`import name from '@scope/nobody'; console.log(name);`);
    expect(() => notices(metafile)).toThrow(/^@scope\/nobody 1\.0\.0 is in the bundle, .* names no licence/);
  },
);

test('a package without a licence that is not in the bundle ends nothing', async () => {
  install('node_modules/nobody', { license: undefined });
  const metafile = await bundleOf(`import name from 'nobody'; console.log(1);`);
  expect(named(notices(metafile))).toEqual([]);
});
