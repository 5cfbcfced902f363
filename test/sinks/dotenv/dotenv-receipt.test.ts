// What the sink of a .env file says of the line it wrote, and of files that are not a plain .env: examples for each warning
// and each refusal.

import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  ADDRESS,
  CANARY,
  OLD,
  READ_BACK,
  REPLACED,
  SECRET,
  VARIABLE,
  WRITTEN,
  dotenvSinkAt,
  fileWith,
  notReady,
  problemOf,
  scratch,
  targetOf,
  treeOf,
} from '../file-fixture.ts';

async function warningsAt(path: string, replaced = REPLACED): Promise<readonly string[]> {
  const target = await targetOf(dotenvSinkAt(path), ADDRESS, replaced);
  const delivery = await target.deliver(SECRET);
  expect(await target.verify(SECRET)).toEqual(READ_BACK);
  return delivery.outcome === 'written' ? delivery.warnings : expect.fail(delivery.message);
}

describe('the receipt warns', () => {
  test.each([
    ['quotes', `${VARIABLE}=""\n`, /^The line of VOYAGE_API_KEY in \S+ had quotes; it is VOYAGE_API_KEY=VALUE now/],
    ['a comment', `${VARIABLE}=${OLD} # mine\n`, /had a comment;/],
    ['both', `${VARIABLE}="${OLD}" # mine\n`, /had quotes and a comment;/],
  ])('of what stood on the line: %s', async (_what, text, warning) => {
    const path = fileWith(text);
    const warnings = await warningsAt(path);
    expect(warnings).toEqual([expect.stringMatching(warning)]);
    expect(JSON.stringify(warnings)).not.toMatch(/mine|canary/);
    expect(readFileSync(path, 'utf8')).toBe(`${VARIABLE}=${CANARY}\n`);
  });

  test.each([
    [
      'export A=1\n',
      /read back by the rules of Node, Compose, bash, npm dotenv and python-dotenv\. Not for Docker's --env-file and systemd/,
    ],
    ['A=1\r\n', /Not for bash, because of/],
    ['A = 1\n', /Not for Docker's --env-file, because of/],
  ])('by which rules it was read back where not all readers get it: %j', async (text, warning) => {
    expect(await warningsAt(fileWith(text))).toEqual([expect.stringMatching(warning)]);
  });

  test('of nothing where the file is plain', async () => {
    expect(await warningsAt(fileWith('A=1\nB="two words"\n# c'))).toEqual([]);
    expect(await warningsAt(fileWith(`A=1\n ${VARIABLE}=\n`))).toEqual([]);
  });

  test.each(['.envrc', '.envrc.local'])(
    'that direnv must allow %s again, which is written for a shell',
    async (name) => {
      const path = fileWith('export A=1\n', 0o600, name);
      expect(await warningsAt(path)).toContainEqual(
        `direnv does not load ${path} until it is allowed again: direnv allow ${path}`,
      );
      expect(readFileSync(path, 'utf8')).toBe(`export A=1\nexport ${VARIABLE}=${CANARY}\n`);
      const fresh = join(scratch(), name);
      expect(await warningsAt(fresh)).toHaveLength(2);
      expect(readFileSync(fresh, 'utf8')).toBe(`export ${VARIABLE}=${CANARY}\n`);
    },
  );
});

describe('a value that only some readers see', () => {
  test.each([
    ['in quotes of others', `A="x\n${VARIABLE}=other\n"\n`, /already, as Docker's --env-file would read it/],
    ['of a shell', `A=1; ${VARIABLE}=other\n`, /already, as bash would read it/],
  ])('is not overwritten: %s', async (_where, text, message) => {
    expect(await problemOf(dotenvSinkAt(fileWith(text)))).toMatchObject({
      code: 'SINK_ENTRY_EXISTS',
      message: expect.stringMatching(message) as unknown,
    });
  });

  test('keeps the old secret from being replaced, and the lines are named', async () => {
    const path = fileWith(`${VARIABLE}=${OLD}\nA="x\n${VARIABLE}=\n"\n`);
    expect(await problemOf(dotenvSinkAt(path), 'inspect', ADDRESS, REPLACED)).toEqual(
      notReady(/without changing what else it says for Docker's --env-file/, /in the lines 1 and 3: leave one of them/),
    );
  });

  test('is found when the secret is read back', async () => {
    const path = fileWith('A=1\n');
    const target = await targetOf(dotenvSinkAt(path));
    expect(await target.deliver(SECRET)).toEqual(WRITTEN);
    appendFileSync(path, `A="x\n${VARIABLE}=other\n"\n`);
    expect(await target.verify(SECRET)).toMatchObject({
      outcome: 'mismatch',
      message: expect.stringMatching(/is not the secret for Docker's --env-file/) as unknown,
    });
  });
});

const utf16 = (text: string) => Buffer.from(text, 'utf16le');

describe('a file that only looks like a .env file is refused, and the way is named', () => {
  test.each<[string, string | Buffer, RegExp, RegExp]>([
    [
      'sops',
      'A=ENC[AES256_GCM,data:0,iv:0,tag:0,type:str]\nsops_version=3.9\n',
      /encrypted by sops/,
      /as a JSON string.*jq -R \. \| sops set --value-stdin/,
    ],
    [
      'sops, as a whole, of a name that does not end in .env',
      '{\n\t"data": "ENC[AES256_GCM,data:0=,iv:0,tag:0,type:str]",\n\t"sops": {"version": "3.9.1"}\n}\n',
      /encrypted by sops/,
      /sops decrypt -i .* sops encrypt -i/,
    ],
    [
      'sops, as YAML',
      'A: ENC[AES256_GCM,data:0=,iv:0]\nsops:\n  version: 3.9\n',
      /encrypted by sops/,
      /sops decrypt -i/,
    ],
    ['sops, behind a byte order mark', '\uFEFFsops_version=3.9\n', /encrypted by sops/, /JSON string/],
    ['sops, its last lines', 'A=1\nsops_mac=x\n', /encrypted by sops/, /sops set/],
    ['ansible-vault', '$ANSIBLE_VAULT;1.1;AES256\n6162\n', /encrypted by ansible-vault/, /ansible-vault edit/],
    ['dotenvx', `DOTENV_PUBLIC_KEY="02ab"\nA=1\n`, /encrypted by dotenvx/, /dotenvx decrypt -f .* dotenvx encrypt -f/],
    ['dotenvx, a value', `A="encrypted:BD7Q=="\n`, /encrypted by dotenvx/, /dotenvx encrypt/],
    ['dotenvx, a name with a dash', `a.b-c='encrypted:BD7Q=='\n`, /encrypted by dotenvx/, /dotenvx encrypt/],
    ['dotenvx, in back-quotes', 'A=`encrypted:BD7Q==`\n', /encrypted by dotenvx/, /dotenvx encrypt/],
    ['ansible-vault, behind a mark', '\uFEFF$ANSIBLE_VAULT;1.1;AES256\n6162\n', /ansible-vault/, /ansible-vault edit/],
    ['age', Buffer.from('age-encryption.org/v1\n-> X25519 \xFF\0', 'latin1'), /encrypted by age/, /age -d -i/],
    ['age, armored', '-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n', /encrypted by age/, /age -d/],
    ['text with a NUL', 'A=1\0\n', /holds a NUL character/, /without it/],
    ['UTF-16 of PowerShell', Buffer.concat([Buffer.from([0xff, 0xfe]), utf16('A=1\r\n')]), /UTF-16/, /WriteAllLines/],
    ['UTF-16 without a mark', utf16('A=1\n'), /UTF-16/, /iconv/],
    ['UTF-16, the big end first', utf16('\uFEFFA=1\n').swap16(), /UTF-16/, /UTF-8/],
  ])('%s', async (_format, content, message, hint) => {
    const path = fileWith(content);
    const before = treeOf(join(path, '..'));
    for (const mode of ['inspect', 'prove'] as const) {
      expect(await problemOf(dotenvSinkAt(path), mode)).toEqual(notReady(message, hint));
    }
    expect(treeOf(join(path, '..'))).toEqual(before);
  });

  test('but one that only speaks of such programs is taken', async () => {
    const text = '# sops_version=3\nSOPS_AGE_KEY_FILE=/k\nA=dotenvx\n# A: ENC[AES256_GCM,\nB="an encrypted: value"\n';
    expect(await warningsAt(fileWith(text))).toEqual([]);
  });
});
