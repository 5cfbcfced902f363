// The command sink: what it says of itself, its preflight, and programs that behave.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../src/secret/secret.ts';
import {
  ADDRESS,
  CANARY,
  READ_BACK,
  WRITTEN,
  deliver,
  folder,
  sinkOf,
  targetOf,
  useScriptFolder,
} from './command-fixture.ts';
import { environmentOf } from './script-folder.ts';

useScriptFolder();

/** More than fits into a pipe, so that a program that does not read cannot go unnoticed. */
const LONG = randomBytes(512 * 1024).toString('hex');

test('the sink says what it is, without arguments', () => {
  const keep = folder.at('keep');
  const { name, kind, location, takesEntry, verification } = sinkOf([keep, 'ARGUMENT', '{groupId}']);
  expect({ name, kind, location, takesEntry, verification }).toEqual({
    name: 'vault',
    kind: 'command',
    location: `command ${basename(keep)}`,
    takesEntry: false,
    verification: 'none',
  });
  expect(sinkOf([keep, 'a/{entry}']).takesEntry).toBe(true);
  expect(sinkOf([keep], { verify: [keep, '{entry}'] })).toMatchObject({ takesEntry: true, verification: 'read-back' });
});

describe('the preflight', () => {
  test('runs the program that verifies, never the one that delivers, in either mode', async () => {
    const keep = folder.sh('keep', 'true');
    const show = folder.sh('show', 'echo x >> "$F/runs"; exit 1');
    for (const mode of ['inspect', 'prove'] as const) {
      expect((await sinkOf([keep]).preflight(ADDRESS, mode)).ok).toBe(true);
      expect((await sinkOf([keep], { verify: [show], absent: [1] }).preflight(ADDRESS, mode)).ok).toBe(true);
    }
    expect(folder.has('keep.pid')).toBe(false);
    expect(folder.read('runs')).toBe('x\nx\n');
  });

  test.each([
    ['missing', () => folder.at('absent'), 'The program "absent" was not found.'],
    ['a relative path', () => './keep', 'The program "keep" is given as a relative path.'],
    ['a directory', () => folder.path, `is not a regular file.`],
    ['not executable', () => folder.write('keep', '', 0o600), 'The program "keep" may not be executed.'],
    ['writable by all', () => folder.write('keep', '', 0o777), 'can be changed by other users of this machine.'],
    ['a placeholder', () => '/usr/bin/{entry}', 'may not hold {groupId} or {entry}.'],
    ['another placeholder', () => '{groupId}', 'may not hold {groupId} or {entry}.'],
  ])('refuses a program that is %s, to deliver or to verify', async (_case, make, words) => {
    const program = make();
    for (const sink of [sinkOf([program]), sinkOf(['true'], { verify: [program] })]) {
      const preflight = await sink.preflight(ADDRESS, 'inspect');
      if (preflight.ok) throw new Error('It should not be ready.');
      expect(preflight.failure.code).toBe('SINK_NOT_READY');
      expect(preflight.failure.message).toContain(words);
    }
  });

  test('finds a program in the PATH of the command', async () => {
    folder.sh('keep', 'true');
    expect((await sinkOf(['keep']).preflight(ADDRESS, 'inspect')).ok).toBe(false);
    expect((await sinkOf(['keep'], { env: { PATH: folder.path } }).preflight(ADDRESS, 'inspect')).ok).toBe(true);
    expect((await sinkOf(['keep'], {}, {}).preflight(ADDRESS, 'inspect')).ok).toBe(false);
  });
});

describe('a well-behaved command', () => {
  test('gets exactly the bytes, then the end of its input', async () => {
    const keep = folder.sh('keep', 'cat > "$F/kept"; echo done > "$F/eof"');
    expect(await deliver([keep])).toEqual(WRITTEN);
    expect(readFileSync(folder.at('kept'))).toEqual(Buffer.from(CANARY, 'utf8'));
    expect(folder.has('eof')).toBe(true);
  });

  test('gets all of a secret that is longer than a pipe', async () => {
    const keep = folder.sh('keep', 'cat > "$F/kept"');
    expect(await deliver([keep], {}, LONG)).toEqual(WRITTEN);
    expect(folder.read('kept')).toBe(LONG);
  });

  test('gets its arguments as they are: no shell looks at them', async () => {
    const keep = folder.node('keep', `fs.writeFileSync(F + '/args', JSON.stringify(process.argv.slice(2)));`);
    const args = ['$(touch x)', '`id`', '; rm -rf /', '*', '"', "'", '', ' a b ', '&&', '\n', '$HOME', '~', '%PATH%'];
    expect(await deliver([keep, ...args])).toEqual(WRITTEN);
    expect(JSON.parse(folder.read('args'))).toEqual(args);
  });

  test('gets groupId and entry in its arguments', async () => {
    const keep = folder.sh('keep', 'echo "$1 $2" > "$F/args"');
    await deliver([keep, 'atlas/{groupId}/{entry}', '--label={entry}']);
    expect(folder.read('args')).toBe(`atlas/${ADDRESS.groupId}/my.key-1 --label=my.key-1\n`);
  });

  test('runs in /, in a session without a terminal', async () => {
    const keep = folder.sh('keep', 'pwd > "$F/cwd"; (exec < /dev/tty) 2> /dev/null || echo none > "$F/tty"');
    await deliver([keep]);
    expect(folder.read('cwd')).toBe('/\n');
    expect(folder.read('tty')).toBe('none\n');
  });

  test('is found in PATH, and so is the one that verifies', async () => {
    folder.sh('keep', 'cat > "$F/kept"');
    folder.sh('show', 'cat "$F/kept" 2> /dev/null');
    const environment = environmentOf({ PATH: `${folder.path}:/usr/bin:/bin` });
    const target = await targetOf(['keep'], { verify: ['show'], absent: [1] }, environment);
    const secret = new Secret(CANARY);
    expect(await target.deliver(secret)).toEqual(WRITTEN);
    expect(await target.verify(secret)).toEqual(READ_BACK);
  });
});

describe('the environment of a command', () => {
  test('has no credentials of this server, and only what was listed or added', async () => {
    const print = folder.sh('print', 'env > "$F/env"');
    const secrets = { MONGODB_ATLAS_CLIENT_SECRET: 'canary', MDB_MCP_API_CLIENT_SECRET: 'canary' };
    const environment = environmentOf({ ...secrets, AWS_SECRET_ACCESS_KEY: 'canary', GNUPGHOME: '/keys' });
    const env = { ...secrets, VAULT_ADDR: 'https://vault.example' };
    await (await targetOf([print], { env }, environment)).deliver(new Secret(CANARY));

    const printed = folder.read('env');
    expect(printed).not.toContain('canary');
    expect(printed).not.toContain('MONGODB_ATLAS');
    expect(printed).toContain('GNUPGHOME=/keys\n');
    expect(printed).toContain('VAULT_ADDR=https://vault.example\n');
  });

  test('is that same for the one that verifies', async () => {
    const print = folder.sh('print', 'env >> "$F/env"; exit 1');
    const environment = environmentOf({ MONGODB_ATLAS_CLIENT_SECRET: 'canary' });
    const target = await targetOf(['true'], { verify: [print], absent: [1] }, environment);
    await target.verify(new Secret(CANARY));
    expect(
      folder
        .read('env')
        .split('\n')
        .filter((line) => line.startsWith('PATH=')),
    ).toHaveLength(2);
    expect(folder.read('env')).not.toContain('canary');
  });
});

test('taking back does nothing and does not fail', async () => {
  const target = await targetOf([folder.sh('keep', 'true')]);
  await target.retract();
  expect(folder.started()).toBe(0);
  expect(target.location).toBe('command keep');
});
