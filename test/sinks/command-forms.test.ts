// What a command may say of itself beside its program: how it replaces, removes and looks, what it gets, and what it sees.

import { rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { CommandSpec } from '../../src/config/command-spec.ts';
import { Secret } from '../../src/secret/secret.ts';
import type { Replaced } from '../../src/sinks/sink.ts';
import { ADDRESS, CANARY, WRITTEN, deliver, folder, sinkOf, targetOf, useScriptFolder } from './command-fixture.ts';
import { environmentOf } from './script-folder.ts';

useScriptFolder();

const SECRET = new Secret(CANARY);
const OLD = 'al-old-canary_0123456789-0123456789_odu2';
const REPLACED: Replaced = { maskedSecret: 'al-****odu2' };

type Setting = Partial<Omit<CommandSpec, 'type' | 'argv'>>;

/** The code of a preflight that was refused, else what would give way. */
async function place(setting: Setting, replaced?: Replaced): Promise<string> {
  const preflight = await sinkOf(['true'], setting).preflight(ADDRESS, 'prove', replaced);
  return preflight.ok ? preflight.value.write.overwrites : preflight.failure.code;
}

test('a plan warns where no program can look at what is there, but not in a rotation', async () => {
  const planned = async (setting: Setting, replaced?: Replaced) => {
    const preflight = await sinkOf(['true'], setting).preflight(ADDRESS, 'inspect', replaced);
    return preflight.ok ? preflight.value.warnings : expect.fail(preflight.failure.message);
  };
  expect(await planned({})).toEqual([expect.stringContaining('whatever it is gives way')]);
  expect(await planned({}, REPLACED)).toEqual([]);
  expect(await planned({ exists: ['false'], absent: [1] })).toEqual([]);
});

describe('a look', () => {
  test.each<[string, string, Setting, string]>([
    ['ends with 0', 'exit 0', {}, 'SINK_ENTRY_EXISTS'],
    ['ends with a code of absent', 'exit 3', { absent: [1, 3] }, 'nothing'],
    ['ends with another code', 'exit 2', { absent: [1, 3] }, 'SINK_NOT_READY'],
    ['is killed', 'kill -9 $$', { absent: [1, 137] }, 'SINK_NOT_READY'],
    ['says nothing, where that means absent', 'exit 0', { emptyMeans: 'absent' }, 'nothing'],
    ['says something, where nothing means absent', 'echo x', { emptyMeans: 'absent' }, 'SINK_ENTRY_EXISTS'],
    ['fails and says nothing, where that means absent', 'exit 1', { emptyMeans: 'absent' }, 'SINK_NOT_READY'],
    ['lists the line', 'printf "a\\r\\nmy.key-1\\r\\nb\\n"', { existsLine: '{entry}' }, 'SINK_ENTRY_EXISTS'],
    ['lists lines that only begin so', 'echo my.key-10; echo xmy.key-1', { existsLine: '{entry}' }, 'nothing'],
    ['lists nothing', 'exit 0', { existsLine: '{entry}' }, 'nothing'],
    [
      'lists the line behind 3 MB',
      'yes other | head -c 3000000; echo my.key-1',
      { existsLine: '{entry}' },
      'SINK_ENTRY_EXISTS',
    ],
    ['lists 3 MB without the line', 'yes other | head -c 3000000', { existsLine: '{entry}' }, 'nothing'],
    ['lists without an end', 'yes other', { existsLine: '{entry}' }, 'SINK_NOT_READY'],
    ['cannot list', 'echo my.key-10; exit 1', { existsLine: '{entry}' }, 'SINK_NOT_READY'],
    ['is absent in silence', 'exit 1', { absent: [1], absentNeedsEmptyStderr: true }, 'nothing'],
    ['is absent with words', 'echo x >&2; exit 1', { absent: [1], absentNeedsEmptyStderr: true }, 'SINK_NOT_READY'],
  ])('that %s', async (_case, body, setting, expected) => {
    expect(await place({ exists: [folder.sh('there', body)], ...setting })).toBe(expected);
  });

  // There is no setsid elsewhere.
  test.skipIf(process.platform !== 'linux').each<[string, string, Setting]>([
    ['a list', 'setsid sh -c "sleep 2; echo my.key-1" & sleep 0.3; echo other', { existsLine: '{entry}' }],
    ['nothing', 'setsid sh -c "sleep 2; echo x" & sleep 0.3', { emptyMeans: 'absent' }],
  ])('that says %s, while something that it started may say more, tells nothing', async (_case, body, setting) => {
    expect(await place({ exists: [folder.sh('there', body)], ...setting })).toBe('SINK_NOT_READY');
  });

  test('that finds something which the other program denies tells nothing', async () => {
    const setting = {
      exists: [folder.sh('there', 'exit 0')],
      verify: [folder.sh('show', 'exit 1')],
      absent: [1],
    } as const;
    expect(await place(setting)).toBe('SINK_NOT_READY');
    expect(await sinkOf(['true'], setting).lookUp(ADDRESS)).toEqual({ held: 'unknown' });
  });

  test('that finds nothing is enough: the value is not asked for', async () => {
    const show = folder.sh('show', 'exit 9');
    expect(await place({ exists: [folder.sh('there', 'exit 1')], verify: [show], absent: [1] })).toBe('nothing');
    expect(folder.has('show.pid')).toBe(false);
  });

  test('without the value lets only that give way which the journal knows for the old secret', async () => {
    const exists = [folder.sh('there', 'exit 0')] as const;
    expect(await place({ exists }, REPLACED)).toBe('SINK_ENTRY_EXISTS');
    expect(await place({ exists }, { ...REPLACED, isLastHere: true })).toBe('unknown');
    expect(await sinkOf(['true'], { exists }).lookUp(ADDRESS)).toEqual({ held: 'something' });
    const target = await targetOf(['true'], { exists: [folder.sh('gone', 'exit 1')], absent: [1] });
    await target.deliver(SECRET);
    expect(await target.verify(SECRET)).toMatchObject({ outcome: 'mismatch' });
  });
});

test('replacing has a command of its own, and so has the way back', async () => {
  folder.write('kept', OLD, 0o600);
  const create = folder.sh('create', 'exit 9');
  const replace = folder.sh('replace', 'cat > "$F/kept"; echo x >> "$F/runs"');
  const sink = sinkOf([create], { replace: [replace], verify: [folder.sh('show', 'cat "$F/kept"')] });
  const preflight = await sink.preflight(ADDRESS, 'prove', REPLACED);
  if (!preflight.ok) return expect.fail(preflight.failure.message);
  expect(await preflight.value.write.deliver(SECRET)).toEqual(WRITTEN);
  await preflight.value.write.retract();
  expect([folder.read('kept'), folder.read('runs'), folder.has('create.pid')]).toEqual([OLD, 'x\nx\n', false]);
});

describe('where nothing can look, and the program ends with an error', () => {
  const failing = () => folder.sh('keep', 'cat > "$F/kept"; exit 1');

  test('nobody says of a create that the store does not hold the secret', async () => {
    const target = await targetOf([failing()]);
    expect(await target.deliver(SECRET)).toMatchObject({ outcome: 'failed' });
    expect(await target.retract()).toBe('unknown');
  });

  test('of a rotation the program is believed, so that not both keys stay alive', async () => {
    const preflight = await sinkOf([failing()]).preflight(ADDRESS, 'prove', { ...REPLACED, isLastHere: true });
    if (!preflight.ok) return expect.fail(preflight.failure.message);
    expect(await preflight.value.write.deliver(SECRET)).toMatchObject({ outcome: 'failed' });
    expect(await preflight.value.write.retract()).toBe('out');
  });

  test('a program that was not started has kept nothing', async () => {
    const keep = failing();
    const target = await targetOf([keep]);
    rmSync(keep);
    expect(await target.deliver(SECRET)).toMatchObject({ outcome: 'failed' });
    expect(await target.retract()).toBe('out');
  });
});

describe('removing', () => {
  const store = () => ({
    verify: [folder.sh('show', '[ -e "$F/kept" ] || exit 1; cat "$F/kept"')] as const,
    remove: [folder.sh('drop', 'rm "$F/kept"')] as const,
    absent: [1],
  });

  test('happens only where the value is the one that was delivered', async () => {
    const target = await targetOf([folder.sh('keep', 'cat > "$F/kept"')], store());
    await target.deliver(SECRET);
    folder.write('kept', OLD, 0o600);
    expect(await target.retract()).toBe('out');
    expect(folder.read('kept')).toBe(OLD);
    folder.write('kept', CANARY, 0o600);
    expect(await target.retract()).toBe('out');
    expect(folder.has('kept')).toBe(false);
  });

  test.each([
    ['in UTF-16', 'printf "\\377\\376"; iconv -t UTF-16LE "$F/kept"'],
    ['in UTF-16 of the other order', 'iconv -t UTF-16BE "$F/kept"'],
    ['after a byte order mark', 'printf "\\357\\273\\277"; cat "$F/kept"'],
    ['in base64', 'base64 -w 0 "$F/kept"'],
    ['with a name before it', 'printf "key="; cat "$F/kept"'],
  ])('does not happen where the value is printed %s, and that it is gone is not said', async (_form, show) => {
    const setting = { ...store(), verify: [folder.sh('show', `[ -e "$F/kept" ] || exit 1; ${show}`)] as const };
    const target = await targetOf([folder.sh('keep', 'cat > "$F/kept"')], setting);
    await target.deliver(SECRET);
    expect(await target.verify(SECRET)).toMatchObject({ outcome: 'mismatch' });
    expect(await target.retract()).toBe('may be held');
    expect(folder.read('kept')).toBe(CANARY);
  });

  test.runIf(process.platform === 'linux')(
    'is not said of a program that was stopped: who it has asked may keep the secret later',
    async () => {
      const late = `S=$(cat); setsid sh -c 'sleep 2; printf %s "$1" > "$0/kept"' "$F" "$S" > /dev/null 2>&1 & sleep 600`;
      const target = await targetOf([folder.sh('keep', late)], { ...store(), timeoutMs: 1000 });
      expect(await target.deliver(SECRET)).toMatchObject({ outcome: 'uncertain' });
      expect(await target.verify(SECRET)).toMatchObject({ outcome: 'mismatch' });
      expect(await target.retract()).toBe('may be held');
      await expect.poll(() => folder.has('kept') && folder.read('kept')).toBe(CANARY);
    },
  );

  test('is not believed where the value is still there', async () => {
    const setting = { ...store(), remove: ['true'] as const };
    const target = await targetOf([folder.sh('keep', 'cat > "$F/kept"')], setting);
    await target.deliver(SECRET);
    expect(await target.retract()).toBe('held');
  });

  test('is not done by a name: a place that shows no value keeps it', async () => {
    const exists = [folder.sh('there', '[ -e "$F/kept" ]')] as const;
    const setting = { exists, remove: [folder.sh('drop', 'rm "$F/kept"')] as const, absent: [1] };
    const target = await targetOf([folder.sh('keep', 'cat > "$F/kept"')], setting);
    await target.deliver(SECRET);
    expect(await target.retract()).toBe('held');
    expect(folder.read('kept')).toBe(CANARY);
  });
});

describe('the input', () => {
  test.each([
    ['{secret}', CANARY],
    ['{"value":{secret:json},"n":{"{":1}}', `{"value":${JSON.stringify(CANARY)},"n":{"{":1}}`],
    ['{secret:base64}\n', `${Buffer.from(CANARY).toString('base64')}\n`],
    ['{entry}={secret}; {groupId}', `my.key-1=${CANARY}; ${ADDRESS.groupId}`],
    ['{secret} {secret}', `${CANARY} ${CANARY}`],
  ])('%s', async (input, expected) => {
    expect(await deliver([folder.sh('keep', 'cat > "$F/kept"')], { input })).toEqual(WRITTEN);
    expect(folder.read('kept')).toBe(expected);
  });

  test('fills in the placeholders of the operator, not those of a value', async () => {
    const target = await targetOf([folder.sh('keep', 'cat > "$F/kept"')], { input: '{secret}/{entry}/{endpoint}' });
    await target.deliver(new Secret('a{entry}{secret:json}$&'), { endpoint: '{secret}' });
    expect(folder.read('kept')).toBe('a{entry}{secret:json}$&/my.key-1/{secret}');
  });
});

test('variables are passed on by name, but never the credentials of Atlas', async () => {
  const keep = folder.sh('keep', 'env > "$F/env"');
  const passEnv = ['VAULT_TOKEN', 'MONGODB_ATLAS_CLIENT_SECRET', 'UNSET'];
  const environment = environmentOf({
    VAULT_TOKEN: 'token',
    OTHER_TOKEN: 'other',
    MONGODB_ATLAS_CLIENT_SECRET: 'atlas',
  });
  await (await targetOf([keep], { passEnv }, environment)).deliver(SECRET);
  const printed = folder.read('env');
  expect(printed).toContain('VAULT_TOKEN=token\n');
  expect(printed).not.toMatch(/OTHER_TOKEN|ATLAS|UNSET/);
});

test('other entries of one sink wait for each other, since a program may write all that its store holds', async () => {
  const keep = folder.sh(
    'keep',
    'cp "$F/all" "$F/mine.$1" 2> /dev/null; sleep 0.1; cat >> "$F/mine.$1"; mv "$F/mine.$1" "$F/all"',
  );
  const sink = sinkOf([keep, '{entry}']);
  const writes = await Promise.all(
    ['a', 'b', 'c'].map(async (entry) => {
      const preflight = await sink.preflight({ ...ADDRESS, entry }, 'prove');
      return preflight.ok ? preflight.value.write : expect.fail(preflight.failure.message);
    }),
  );
  await Promise.all(writes.map((write) => write.deliver(SECRET)));
  expect(folder.read('all')).toBe(CANARY.repeat(3));
});

describe('the place of a command', () => {
  const placeOf = async (variables: Record<string, string>, setting: Setting = {}) => {
    const environment = { ...environmentOf(), HOME: '/home/ada', ...variables };
    const { place } = await targetOf(['true'], { passEnv: PASSED, ...setting }, environment);
    return place ?? expect.fail('no place');
  };
  const PASSED = ['VAULT_ADDR', 'VAULT_TOKEN', 'VAULT_SECRET_ID', 'OP_SESSION_team', 'STORE_KEY'];
  const VARIABLES = { VAULT_ADDR: 'https://one.example', PASSWORD_STORE_DIR: '/srv/one' };

  test.each([
    ['the address that is passed on', { VAULT_ADDR: 'https://two.example' }],
    ['the folder of pass', { PASSWORD_STORE_DIR: '/srv/two' }],
    ['the home', { HOME: '/home/bob' }],
    ['the folder of the settings', { XDG_CONFIG_HOME: '/srv/config' }],
  ])('is another one by %s', async (_what, change) => {
    expect(await placeOf({ ...VARIABLES, ...change })).not.toBe(await placeOf(VARIABLES));
  });

  test.each([
    ['arguments', { env: {} }, ['true', 'elsewhere'] as const],
    ['the variables of its configuration', { env: { STORE: 'two' } }, ['true'] as const],
    ['what it gets', { input: 'folder: two\n{secret}' }, ['true'] as const],
  ])('is another one by %s', async (_what, setting, argv) => {
    const { place } = await targetOf([...argv], setting);
    expect(place).not.toBe((await targetOf(['true'])).place);
  });

  test.each(['VAULT_TOKEN', 'VAULT_SECRET_ID', 'OP_SESSION_team', 'STORE_KEY', 'SSH_AUTH_SOCK', 'DISPLAY', 'UNNAMED'])(
    'is the same one when %s is renewed',
    async (name) => {
      const before = await placeOf({ ...VARIABLES, [name]: 'one' });
      expect(await placeOf({ ...VARIABLES, [name]: 'two' })).toBe(before);
      expect(await placeOf(VARIABLES)).toBe(before);
    },
  );

  test('is the same one whatever the order of the variables', async () => {
    const turned = Object.fromEntries(Object.entries(VARIABLES).toReversed());
    expect(await placeOf(turned)).toBe(await placeOf(VARIABLES));
  });
});
