// What registries and hosts read about the package, and what a release asks for before it publishes anything.

import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { describe, expect, onTestFinished, test } from 'vitest';
import * as z from 'zod/v4';
import { repositoryFiles, serverJson } from '../../build/published.js';
import { credentialVariables } from '../../src/config/credentials.ts';
import { settings } from '../../src/config/settings.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const json = (path: string): unknown => JSON.parse(read(path));

const packageJson = z
  .looseObject({
    name: z.string(),
    version: z.string(),
    mcpName: z.string(),
    repository: z.object({ type: z.literal('git'), url: z.string() }),
  })
  .parse(json('package.json'));
const { version } = packageJson;

const server = z.looseObject({
  name: z.string(),
  version: z.string(),
  packages: z.array(
    z.looseObject({
      registryType: z.string(),
      identifier: z.string(),
      version: z.string().optional(),
      environmentVariables: z.array(z.looseObject({ name: z.string(), isSecret: z.boolean().optional() })).optional(),
    }),
  ),
});

describe('server.json', () => {
  const formats = { uri: true, 'uri-template': true } as const;
  const isValid = new Ajv({ strict: false, formats }).compile(
    z.record(z.string(), z.unknown()).parse(json('test/build/server.schema.json')),
  );

  test('is valid under the schema of the registry, with the hash of a bundle too', () => {
    expect(isValid(json('server.json')), JSON.stringify(isValid.errors)).toBe(true);
    const released = serverJson({ packageJson, settings }, 'a'.repeat(64));
    expect(isValid(released), JSON.stringify(isValid.errors)).toBe(true);
    expect(JSON.stringify(released)).toContain('"fileSha256":"aaaa');
  });

  test.each<[string, object]>([
    ['a long description', { description: 'x'.repeat(101) }],
    ['no version', { version: undefined }],
    ['a name without a namespace', { name: 'atlas-model-keys-mcp' }],
    [
      'the latest of a package',
      { packages: [{ registryType: 'npm', identifier: 'x', version: 'latest', transport: { type: 'stdio' } }] },
    ],
  ])('the schema refuses %s', (_what, change) => {
    expect(isValid({ ...Object(json('server.json')), ...change })).toBe(false);
  });

  test('has the name for which the registry looks in the published package, and an address of a bundle with "mcp" in it', () => {
    const { name, packages } = server.parse(json('server.json'));
    expect(name).toBe(packageJson.mcpName);
    expect(packages.map(({ registryType }) => registryType)).toEqual(['npm', 'mcpb']);
    expect(packages[0]?.identifier).toBe(packageJson.name);
    expect(packages[1]?.identifier).toMatch(
      /^https:\/\/github\.com\/[^/]+\/[^/]*mcp[^/]*\/releases\/download\/v[\d.]+\/[^/]*mcp[^/]*\.mcpb$/,
    );
  });

  test('names variables that there are, and says of the secret that it is one', () => {
    const [npm] = server.parse(json('server.json')).packages;
    const variables = npm?.environmentVariables ?? [];
    const known = [
      ...Object.values(settings).map(({ variable }) => variable),
      ...credentialVariables.flatMap((credential) => credential.variables.flat()),
    ];
    expect(variables.filter(({ name }) => !known.includes(name))).toEqual([]);
    expect(variables.filter(({ isSecret }) => isSecret).map(({ name }) => name)).toEqual([
      'MONGODB_ATLAS_CLIENT_SECRET',
    ]);
  });
});

describe('what a person can fill in', () => {
  const files = Object.entries(repositoryFiles({ packageJson, settings })).filter(([file]) => file !== 'package.json');
  test.each(files)(
    '%s: only the secret is secret, and nothing has a default that would take back a guard',
    (_file, content) => {
      const text = JSON.stringify(content);
      expect(text).not.toContain('"default"');
      const sensitive = [...text.matchAll(/"(?:sensitive|isSecret)":true/g)];
      expect(sensitive).toHaveLength(text.includes('MONGODB_ATLAS_CLIENT_SECRET') ? 1 : 0);
    },
  );
});

/** The files of the repository; of a copy without git, those that matter most. */
function ownFiles(): string[] {
  const { stdout, status } = spawnSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' });
  const texts = stdout.split('\n').filter((path) => path !== '' && !path.endsWith('.png'));
  return status === 0
    ? texts
    : [
        'package.json',
        'server.json',
        'gemini-extension.json',
        ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
      ];
}

describe('one place', () => {
  test('has the version: every other mention of the package is of the same one', () => {
    const mentioned = ownFiles().flatMap((path) =>
      [...read(path).matchAll(/atlas-model-keys-mcp@(\d+\.\d+\.\d+[\w.-]*)/g)].map(([, each]) => each),
    );
    expect(new Set(mentioned)).toEqual(new Set([version]));
    const { packages } = z
      .looseObject({
        version: z.literal(version),
        packages: z.record(z.string(), z.looseObject({ version: z.string().optional() })),
      })
      .parse(json('package-lock.json'));
    expect(packages['']?.version).toBe(version);
    const versions = Object.values(repositoryFiles({ packageJson: { ...packageJson, version: '9.8.7' }, settings }));
    expect(versions.filter((content) => JSON.stringify(content).includes(version))).toEqual([]);
  });

  test('has the owner of the repository: what else names one is made of it', () => {
    const url = 'git+https://github.com/some-team/atlas-model-keys-mcp.git';
    const made = repositoryFiles({ packageJson: { ...packageJson, repository: { type: 'git', url } }, settings });
    const owner = /github\.com\/([^/]+)\//.exec(packageJson.repository.url)?.[1] ?? '';
    for (const [file, content] of Object.entries(made))
      expect(JSON.stringify(content), file).not.toMatch(new RegExp(`github\\.(?:com/)?${owner}/`));
    expect(made['server.json']).toMatchObject({ name: 'io.github.some-team/atlas-model-keys-mcp' });
    expect(made['package.json']).toMatchObject({ mcpName: 'io.github.some-team/atlas-model-keys-mcp' });
  });
});

test('no file has the address of a package registry', () => {
  const hosts = [
    ['registry', 'npmjs'].join('.'),
    ['deb', 'debian', 'org'].join('.'),
    ['registry', 'yarnpkg'].join('.'),
  ];
  const holders = ownFiles().filter((path) => hosts.some((host) => read(path).includes(host)));
  expect(holders).toEqual([]);
});

/** A folder with that package.json and what looks at it. */
function copyWith(content: object): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'amk-release-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  mkdirSync(join(folder, 'build'));
  for (const name of ['release-check.js', 'published.js'])
    copyFileSync(join(root, 'build', name), join(folder, 'build', name));
  writeFileSync(join(folder, 'package.json'), JSON.stringify(content));
  return folder;
}

describe('a release', () => {
  const check = (folder: string, tag: string, repository: string) =>
    spawnSync(process.execPath, ['build/release-check.js'], {
      cwd: folder,
      env: { PATH: process.env.PATH, GITHUB_REF_NAME: tag, GITHUB_REPOSITORY: repository },
      encoding: 'utf8',
    });

  test('stops while the owner is a placeholder, and says where to put one', () => {
    const url = 'git+https://github.com/OWNER/atlas-model-keys-mcp.git';
    const copy = copyWith({ ...packageJson, repository: { type: 'git', url } });
    const stopped = check(copy, `v${version}`, 'OWNER/atlas-model-keys-mcp');
    expect(stopped.status).toBe(1);
    expect(stopped.stderr).toContain('repository.url');
  });

  test('stops where the tag is another version, or the repository another one; else goes on', () => {
    // It reads the package.json beside it, so it is run in a copy.
    const copy = copyWith({
      ...packageJson,
      repository: { type: 'git', url: 'git+https://github.com/some-team/keys.git' },
    });
    expect(check(copy, `v${version}`, 'some-team/keys').status).toBe(0);
    const stopped = [check(copy, 'v9.9.9', 'some-team/keys'), check(copy, `v${version}`, 'a-fork/keys')];
    expect(stopped.map(({ status }) => status)).toEqual([1, 1]);
    expect(stopped[0]?.stderr).toContain('v9.9.9');
    expect(stopped[1]?.stderr).toContain('a-fork/keys');
  });
});

describe('the workflows', () => {
  const workflows = readdirSync(join(root, '.github/workflows')).map((name) => read(`.github/workflows/${name}`));
  const release = read('.github/workflows/release.yml');

  test('use actions by their commit, with the version for people, and keep no credentials in the clone', () => {
    const uses = workflows.flatMap((text) => [...text.matchAll(/uses: (.*)/g)].map(([, used = '']) => used));
    expect(uses.length).toBeGreaterThan(3);
    for (const used of uses) expect(used).toMatch(/^actions\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    for (const text of workflows)
      expect(text.match(/persist-credentials: false/g)).toHaveLength(
        text.match(/uses: actions\/checkout/g)?.length ?? -1,
      );
  });

  test('of a release check first, test before anything is published, and publish where no script of a package runs', () => {
    const [test = '', publish = ''] = release.split(/^ {2}publish:$/m);
    expect(test).toContain('node build/release-check.js');
    expect(test).toContain('bash .ci/run');
    expect(test).not.toMatch(/id-token: write|contents: write|npm publish/);
    expect(publish).toMatch(/needs: test\n/);
    const steps = [
      'node build/release-check.js',
      'npm ci --ignore-scripts',
      'npm publish',
      'gh release create',
      'mcp-publisher publish',
    ];
    const places = steps.map((step) => publish.indexOf(step));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places).not.toContain(-1);
    expect(release).not.toMatch(/secrets\.|NPM_TOKEN|NODE_AUTH_TOKEN/);
  });

  test('attach several files, none for one system only, so that Gemini CLI takes the repository for its extension', () => {
    const packed = release.match(/pack-destination release|cp \S+ release\/|>\s?SHA256SUMS/g);
    expect(packed).toHaveLength(3);
    expect(release).not.toMatch(/release\/\S*(?:darwin|linux|win32)/);
  });

  test('have scripts that bash can read', () => {
    for (const text of workflows) {
      const blocks = [...text.matchAll(/^( *)run: \|\n((?:\1 {2}.*\n|\n)+)/gm)].map(([, , block = '']) => block);
      for (const block of blocks) {
        const { status, stderr } = spawnSync('bash', ['-n'], { input: block, encoding: 'utf8' });
        expect([status, stderr]).toEqual([0, '']);
      }
    }
  });
});
