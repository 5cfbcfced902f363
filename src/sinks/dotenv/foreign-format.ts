// Files that look like a .env file, or stand in its place, and are not one: encrypted by a program that has to write them
// itself, or in UTF-16. Each is named as what it is, with that program's own command.

import { shellWord } from '../../files/file-problem.ts';
import { notReady } from '../sink-problem.ts';
import type { SinkProblem } from '../sink.ts';

interface Format {
  readonly pattern: RegExp;
  readonly message: (path: string) => string;
  readonly hint: (path: string) => string;
}

const PLAIN = 'or configure the path of a plain .env file';

/** Looked for in the bytes as Latin-1, since not all of them are text. */
const FORMATS: readonly Format[] = [
  {
    pattern:
      /^[ \t]*(?:export[ \t]+)?(?:sops_(?:version|mac|lastmodified)[ \t]*=|[^#\n]*=[ \t]*["']?ENC\[AES256_GCM,)/m,
    message: (path) => `${path} is encrypted by sops, and a line in plain text would break it.`,
    hint: (path) =>
      `Let sops write it, which takes the secret as a JSON string: a command of sh with jq -R . | sops set --value-stdin ${shellWord(path)} '["NAME"]', ${PLAIN}.`,
  },
  {
    // In sops's other forms: YAML, or JSON around the whole text of a file whose name does not end in ".env".
    pattern: /^[^#\n]*:[ \t]*["']?ENC\[AES256_GCM,/m,
    message: (path) => `${path} is encrypted by sops as a whole.`,
    hint: (path) =>
      `Run sops decrypt -i ${shellWord(path)}, call again, and run sops encrypt -i ${shellWord(path)}; ${PLAIN}.`,
  },
  {
    pattern: /^\s*\$ANSIBLE_VAULT;/,
    message: (path) => `${path} is encrypted by ansible-vault.`,
    hint: (path) =>
      `Only a person can change it, with ansible-vault edit ${shellWord(path)}: decrypt it first, ${PLAIN}.`,
  },
  {
    pattern: /^[ \t]*(?:export[ \t]+)?(?:DOTENV_PUBLIC_KEY\w*[ \t]*=|[\w.-]+[ \t]*=[ \t]*["'`]?encrypted:)/m,
    message: (path) => `${path} is encrypted by dotenvx.`,
    hint: (path) =>
      `Run dotenvx decrypt -f ${shellWord(path)}, call again, and run dotenvx encrypt -f ${shellWord(path)}; ${PLAIN}.`,
  },
  {
    pattern: /^\s*(?:age-encryption\.org\/v1|-----BEGIN AGE ENCRYPTED FILE-----)/,
    message: (path) => `${path} is encrypted by age.`,
    hint: (path) =>
      `Make it plain with age -d -i IDENTITY ${shellWord(path)}, and encrypt it again afterwards; ${PLAIN}.`,
  },
  {
    // With a byte order mark, or without one where every other byte of the beginning is NUL.
    pattern: /^(?:\xFF\xFE|\xFE\xFF|(?:[^\0]\0){2}|(?:\0[^\0]){2})/,
    message: (path) => `${path} is UTF-16 text, as ">" of Windows PowerShell 5 writes it, and not UTF-8.`,
    hint: (path) => {
      const quoted = `'${path.replaceAll("'", "''")}'`;
      return `Convert it to UTF-8, in PowerShell with [IO.File]::WriteAllLines(${quoted}, (Get-Content ${quoted})), elsewhere with iconv.`;
    },
  },
];

export function foreignFormat(bytes: Buffer, path: string): SinkProblem | undefined {
  const text = bytes.toString('latin1').replace(/^\xEF\xBB\xBF/, '');
  const format = FORMATS.find(({ pattern }) => pattern.test(text));
  return format && notReady(format.message(path), format.hint(path));
}
