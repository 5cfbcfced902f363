// The image, in all that can be tried without a container engine: what its file says, what its build stage makes of the files
// that .dockerignore lets in, and how what it made runs as the image's user with the image's variables. Of `npm ci`, the packages
// that are installed here take the place.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod/v4';
import { sandboxFor } from '../atlas-simulator/sandbox-for.ts';
import { credentialsFor, filesBelow, startHost } from '../e2e/host.ts';
import { CREATE, GROUP } from '../e2e/scene.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const USER = 65_532;
const isRoot = process.geteuid?.() === 0;

interface Instruction {
  readonly keyword: string;
  readonly text: string;
}

/** In two stages: what builds, and what runs. */
function stagesOf(dockerfile: string): Instruction[][] {
  const lines = dockerfile
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n/g, ' ')
    .split('\n');
  const stages: Instruction[][] = [];
  for (const line of lines.filter((each) => each.trim() !== '')) {
    const [keyword = '', ...rest] = line.split(' ');
    if (keyword === 'FROM') stages.push([]);
    stages.at(-1)?.push({ keyword, text: rest.join(' ').replaceAll(/ +/g, ' ').trim() });
  }
  return stages;
}

const [build = [], runtime = []] = stagesOf(readFileSync(join(root, 'Dockerfile'), 'utf8'));
const told = (stage: readonly Instruction[], keyword: string) =>
  stage.filter((each) => each.keyword === keyword).map(({ text }) => text);
const listed = (text: string | undefined) => z.array(z.string()).parse(JSON.parse(text ?? '[]'));
const variables = new Map(
  told(runtime, 'ENV').flatMap((text) =>
    text
      .split(' ')
      .map((each): [string, string] => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)]),
  ),
);

/** What .dockerignore lets in: it names all, and takes back a few. */
function letIn(): string[] {
  const [all, ...others] = readFileSync(join(root, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  expect(all).toBe('*');
  return others.map((line) => {
    expect(line).toMatch(/^![\w.-]+$/);
    return line.slice(1);
  });
}

describe('its file', () => {
  test('takes both images by their digest, and runs in one without a shell', () => {
    const images = [...told(build, 'FROM'), ...told(runtime, 'FROM')];
    expect(images).toHaveLength(2);
    for (const image of images) expect(image).toMatch(/@sha256:[0-9a-f]{64}(?: AS \w+)?$/);
    expect(images[1]).toMatch(/^gcr\.io\/distroless\/nodejs\d+-debian\d+:nonroot@/);
    expect(told(runtime, 'RUN')).toEqual([]);
  });

  test('runs as an ordinary user, by number, so that a cluster can see it', () => {
    expect(told(runtime, 'USER')).toEqual([`${USER}:${USER}`]);
  });

  test('has volumes for keys and state, closed to others, and the settings that name them', () => {
    expect(listed(told(runtime, 'VOLUME')[0])).toEqual(['/keys', '/state']);
    for (const volume of ['/keys', '/state'])
      expect(told(runtime, 'COPY')).toContain(
        `--from=build --chown=${USER}:${USER} --chmod=0700 /out${volume} ${volume}`,
      );
    expect(Object.fromEntries(variables)).toEqual({
      HOME: '/state',
      ATLAS_MODEL_KEYS_STATE_DIR: '/state',
      ATLAS_MODEL_KEYS_FOLDER: '/keys',
    });
  });

  test('installs what the lock file says, runs no script of a package, and takes no secret while it builds', () => {
    expect(told(build, 'RUN')[0]).toBe('npm ci --ignore-scripts');
    const all = [...build, ...runtime].map(({ text }) => text).join('\n');
    expect(all).not.toMatch(/curl|wget|http|SECRET|TOKEN/);
    expect([...told(build, 'ADD'), ...told(runtime, 'ADD')]).toEqual([]);
  });

  test('lets in nothing but what the build needs', () => {
    for (const name of ['.env', '.git', 'node_modules', 'dist', '.npmrc.local']) expect(letIn()).not.toContain(name);
    for (const name of letIn()) expect(existsSync(join(root, name)), name).toBe(true);
  });
});

describe('what it builds', () => {
  let folder: string;
  let out: string;

  beforeAll(() => {
    folder = mkdtempSync(join(realpathSync(tmpdir()), 'amk-image-'));
    chmodSync(folder, 0o755);
    const source = join(folder, 'src');
    out = join(folder, 'out');
    mkdirSync(source);
    for (const name of letIn()) cpSync(join(root, name), join(source, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(source, 'node_modules'));
    const [install, make = ''] = told(build, 'RUN');
    expect(install).toMatch(/^npm ci /);
    const env = { PATH: process.env.PATH, HOME: folder };
    execFileSync('sh', ['-ec', make.replaceAll('/out', out)], { cwd: source, env, stdio: 'pipe' });
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test('is the program as it is published, the notices and the licence', () => {
    const names = readdirSync(join(out, 'app')).sort();
    expect(names.map((name) => name.replace(/program-\w+/, 'program'))).toEqual([
      'LICENSE',
      'THIRD-PARTY-NOTICES.txt',
      'atlas-model-keys-mcp.mjs',
      'program.cjs',
    ]);
    const published = (name: string) =>
      name.endsWith('.mjs') ? 'dist/atlas-model-keys-mcp.js' : name === 'LICENSE' ? name : `dist/${name}`;
    for (const name of names)
      expect(readFileSync(join(out, 'app', name)).equals(readFileSync(join(root, published(name)))), name).toBe(true);
  });

  test('creates a key in its volume, keeps its journal in the other, writes nowhere else, and ends at a signal', async () => {
    const sandbox = await sandboxFor();
    const [node, bundle = '', ...args] = listed(told(runtime, 'ENTRYPOINT')[0]);
    expect(node).toBe('/nodejs/bin/node');
    // As --chown and --chmod make them.
    for (const volume of ['keys', 'state']) {
      chmodSync(join(out, volume), 0o700);
      if (isRoot) chownSync(join(out, volume), USER, USER);
    }
    const inside = [...variables].map(([name, value]): [string, string] => [name, join(out, value)]);
    const host = await startHost({
      home: join(out, 'state'),
      bundle: join(out, bundle),
      args,
      env: { ...Object.fromEntries(inside), ...credentialsFor(sandbox) },
      ...(isRoot && { by: ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--clear-groups', '--no-new-privs'] }),
    });
    const called = await host.call(CREATE, { groupId: GROUP, name: 'a key' });
    const path = join(out, 'keys', GROUP, 'a-key.key');
    expect(called.structuredContent).toMatchObject({
      outcome: 'delivered',
      delivery: { sink: 'folder', location: path },
    });
    expect(readFileSync(path, 'utf8')).toBe(sandbox.keys(GROUP)[0]?.secret);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    if (isRoot) expect(statSync(path).uid).toBe(USER);
    const written = [...filesBelow(out).keys()].filter((file) => !file.startsWith(join(out, 'app')));
    expect(written.filter((file) => file !== path && !file.startsWith(join(out, 'state')))).toEqual([]);
    expect(written.length).toBeGreaterThan(1);
    host.kill('SIGTERM');
    expect(await host.ended).toEqual({ code: 0, signal: null });
  });
});
