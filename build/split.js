// The seams at which the build cuts the server in two, as plugins of esbuild.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The files whose state or classes there may be only once: the program gets them from the part that starts. */
const SHARED = [
  'src/secret/redaction.ts',
  'src/secret/secret.ts',
  'src/config/config-error.ts',
  'src/config/presets.ts',
  'src/files/machine.ts',
];

/** The files that each part may have for itself: they keep nothing, and have no class. */
const COPIED = [
  'src/config/base-url.ts',
  'src/config/environment.ts',
  'src/config/command-spec.ts',
  'src/config/environment.ts',
  'src/config/proxy.ts',
  'src/config/schema-issue.ts',
  'src/config/secret-text.ts',
  'src/config/sink-kinds.ts',
  'src/config/sinks-at-start.ts',
  'src/config/store-spec.ts',
  'src/failure.ts',
  'src/files/file-problem.ts',
  'src/files/path-walk.ts',
  'src/mcp/handshake.ts',
  'src/mcp/hardening.ts',
  'src/sandbox/first-project.ts',
  'src/text/text.ts',
  'src/tools/tool-definition.ts',
];

/** Fails where any other file got into both parts: a secret that one of them knows would be nothing to the other. */
export function requireApart(program, main) {
  const own = Object.keys(program.inputs).filter((file) => file.startsWith('src/'));
  const twice = own.filter((file) => file in main.inputs && !COPIED.includes(file));
  if (twice.length > 0) throw new Error(`these are in both parts, and not in the list COPIED: ${twice.join(', ')}`);
}

/** In the program: an import of a shared file takes what the starting part has of it. */
export const fromMain = {
  name: 'from main',
  setup(building) {
    building.onResolve({ filter: /^\..*\.ts$/ }, ({ path, resolveDir }) => {
      const file = resolve(resolveDir, path).slice(root.length).replaceAll(sep, '/');
      return SHARED.includes(file) ? { path: file, namespace: 'shared' } : undefined;
    });
    building.onLoad({ filter: /.*/, namespace: 'shared' }, ({ path }) => ({
      contents: `module.exports = shared[${JSON.stringify(path)}];`,
    }));
  },
};

/**
 * The global instead of its module, which evaluates each of its members: Node 22 ends there on Windows where
 * the console has no title (nodejs/node#58695). Only the default import is there, so that a build with another one fails.
 */
export const globalProcess = {
  name: 'global process',
  setup(building) {
    // The prompts of the setup take the two streams by name. They are loaded only there, where a person is at the terminal.
    building.onResolve({ filter: /^(?:node:)?process$/ }, ({ importer }) =>
      /[\\/]@clack[\\/]core[\\/]/.test(importer) ? { path: 'process', namespace: 'global streams' } : undefined,
    );
    building.onLoad({ filter: /.*/, namespace: 'global streams' }, () => ({
      contents: 'export const { stdin, stdout } = globalThis.process;',
    }));
    building.onResolve({ filter: /^(?:node:)?process$/ }, () => ({ path: 'process', namespace: 'global' }));
    building.onLoad({ filter: /.*/, namespace: 'global' }, () => ({ contents: 'export default globalThis.process;' }));
  },
};

/** The program as a function of the files that the starting part shares with it. A CommonJS module. */
export const programModule = {
  banner: { js: 'module.exports = (function (shared) {\nconst module = { exports: {} };' },
  footer: { js: 'return module.exports;\n});' },
};

/**
 * The program's file has its hash in its name: where a package was replaced under a running server, the file that the
 * starting part asks for is gone, and it loads no other one.
 */
export function programFile(text) {
  return `program-${createHash('sha256').update(text).digest('hex').slice(0, 16)}.cjs`;
}

/** In the starting part: the program is loaded from its file, which lies beside this one. */
export function loading(file) {
  const name = {
    name: 'program file',
    setup({ initialOptions }) {
      initialOptions.define = { PROGRAM_FILE: JSON.stringify(`./${file}`) };
    },
  };
  const shared = SHARED.map((path) => `export * as ${JSON.stringify(path)} from './${path}';`).join('\n');
  return [
    name,
    replaced(/\/program\.ts$/, () => `export * from './build/load-program.js';`),
    replaced(/^shared$/, () => shared),
  ];
}

/**
 * The modules of Node itself, without an import: those are loaded before the first statement of a bundle, and a Node that
 * does not have one of them would end there.
 */
export const builtinsOnUse = {
  name: 'builtins on use',
  setup(building) {
    building.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'builtin' }));
    const imported = importedNames();
    building.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => {
      // What is not used is left out.
      const exported = (imported.get(path) ?? []).map(
        (name) => `export const ${name} = /* @__PURE__ */ member('${name}');`,
      );
      const all = `const all = /* @__PURE__ */ process.getBuiltinModule('${path}');`;
      return { contents: [all, 'const member = (name) => all[name];', ...exported].join('\n') };
    });
    building.onEnd(({ metafile }) => {
      const imports = Object.values(metafile?.outputs ?? {}).flatMap((output) => output.imports);
      return { errors: imports.map(({ path }) => ({ text: `the bundle imports ${path} before its first statement` })) };
    });
  },
};

/**
 * What undici takes of modules of Node when it is loaded: how large headers may be (Node's default), a class of bodies of
 * requests, which here are texts, and the function by which it checks itself.
 */
const OF_UNDICI = {
  'node:http': 'module.exports = { maxHeaderSize: 16_384, IncomingMessage: class {} };',
  'node:assert': `module.exports = (holds, message = 'undici found itself wrong') => {
    if (!holds) throw message instanceof Error ? message : new Error(message);
  };`,
};

/**
 * In the program: modules of Node that take long to load and that most calls do not use. Each is loaded when one of its members
 * is first read; undici, which reads them at once, gets what it needs of them.
 */
export const builtinsWhenRead = {
  name: 'builtins when read',
  setup(building) {
    building.onResolve({ filter: /^node:(?:assert|child_process|http)$/ }, ({ path, importer }) =>
      /[\\/]undici[\\/]/.test(importer) ? { path, namespace: 'of undici' } : { path, namespace: 'when read' },
    );
    building.onLoad({ filter: /.*/, namespace: 'of undici' }, ({ path }) => ({ contents: OF_UNDICI[path] }));
    const imported = importedNames();
    building.onLoad({ filter: /.*/, namespace: 'when read' }, ({ path }) => {
      const members = (imported.get(path) ?? []).map((name) => `get ${name}() { return all().${name}; },`);
      return {
        contents: `const all = () => process.getBuiltinModule('${path}');\nmodule.exports = { ${members.join(' ')} };`,
      };
    });
  },
};

/**
 * By module of Node: the names that the files of this project import of it. What a module exports depends on the Node that
 * builds, and the minifier chooses its names by all text that it sees.
 */
function importedNames() {
  const files = ['src', 'build'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((file) => join(root, folder, file)),
  );
  const byModule = new Map();
  for (const file of files.filter((each) => /\.[jt]s$/.test(each))) {
    for (const [, list, path] of readFileSync(file, 'utf8').matchAll(/^import \{([^}]*)\} from '(node:[^']+)';/gm)) {
      const names = list.split(',').map((name) => name.trim().split(' ')[0]);
      byModule.set(path, [...(byModule.get(path) ?? []), ...names.filter((name) => name !== '' && name !== 'type')]);
    }
  }
  return new Map([...byModule].map(([path, names]) => [path, [...new Set(names)].sort()]));
}

/** Statements at the top of the SDK's file that make a schema of others. */
const SCHEMA = /^((?:export )?const \w+ = )((?:z|\w+Schema)\.[\s\S]*?);\n(?=[^\s})])/gm;
const FEWEST_SCHEMAS = 140;

/** The SDK has a schema for each message of the protocol, and none that nothing uses need be made: they have no effect. */
export const usedSchemas = {
  name: 'used schemas',
  setup(building) {
    building.onLoad({ filter: /[\\/]@modelcontextprotocol[\\/]sdk[\\/]dist[\\/]esm[\\/]types\.js$/ }, ({ path }) => {
      let schemas = 0;
      const contents = readFileSync(path, 'utf8').replace(SCHEMA, (_all, declared, made) => {
        schemas += 1;
        return `${declared}/* @__PURE__ */ (() => ${made})();\n`;
      });
      const errors = schemas < FEWEST_SCHEMAS ? [{ text: `only ${schemas} schemas were found in ${path}` }] : [];
      return { contents, errors };
    });
  },
};

/**
 * Runs the file that matches while it builds, and puts the value of that export in its place: as text, which V8 parses sooner
 * than an expression of the same size (https://v8.dev/blog/cost-of-javascript-2019#json).
 */
export function evaluated(filter, name, run) {
  const valueOf = async (file) => JSON.stringify((await run(file))[name]);
  return replaced(filter, async (file) => `export const ${name} = JSON.parse(${JSON.stringify(await valueOf(file))});`);
}

/** Puts these texts in the place of the modules that match. A part of the program need not import each of them. */
export function exchanged(texts, { inPart = false } = {}) {
  return Object.entries(texts).map(([pattern, text]) => replaced(new RegExp(pattern), () => text, inPart));
}

/** Puts a text in the place of what is imported so. Where nothing is any more, the build fails instead of leaving it out. */
function replaced(filter, textFor, mayBeAbsent = false) {
  const namespace = `replaced ${filter}`;
  return {
    name: namespace,
    setup(building) {
      let isMet = mayBeAbsent;
      building.onResolve({ filter }, ({ path, resolveDir }) => {
        isMet = true;
        return { path, namespace, pluginData: resolve(resolveDir, path) };
      });
      building.onLoad({ filter: /.*/, namespace }, async ({ pluginData: file }) => ({
        contents: await textFor(file),
        resolveDir: root,
      }));
      building.onEnd(() => ({ errors: isMet ? [] : [{ text: `nothing that is imported matches ${filter}` }] }));
    },
  };
}
