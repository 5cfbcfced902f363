// The text of --help, made from the tables of settings, credentials and variables.

import { connectionVariables } from './atlas-connection.ts';
import { credentialVariables } from './credentials.ts';
import { FILE_VARIABLE, settingNames, settings, type SettingName } from './settings.ts';

type Row = readonly [term: string, meaning: string];

const LINE = 100;

const COMMANDS: readonly Row[] = [
  ['(none)', 'The server over stdio'],
  ['doctor [--json]', 'Check configuration, credential, roles, sinks and leftovers; exit 0 only if all is well'],
  [
    'apply FILE',
    'Make the keys that FILE (- for stdin) wants and does not have yet, and rotate those that are too old; exit 0 only if all is as written. --dry-run changes nothing, --yes consents to rotations where confirm is required, --json prints one document (docs/apply.md)',
  ],
  [
    'setup',
    'Ask for credential, projects, sink and guards, try them, keep them in the configuration file (the secret in a file of its own), and add the server to the hosts that are found, or to each --host. --yes asks nothing and takes what flags and environment say, --dry-run changes nothing, --keychain keeps the secret in the keyring (Linux), --remove HOST takes the server out again (docs/setup.md)',
  ],
];

export function helpText(): string {
  return [
    'Usage: atlas-model-keys-mcp [flags]',
    '       atlas-model-keys-mcp doctor [--json] [flags]',
    '       atlas-model-keys-mcp apply FILE [--dry-run] [--json] [--yes] [flags]',
    '       atlas-model-keys-mcp setup [--yes] [--dry-run] [--keychain] [--host HOST] [flags]',
    '       atlas-model-keys-mcp setup --remove HOST [--dry-run]',
    '',
    'An MCP server over stdio that provisions MongoDB Atlas AI model API keys and hands',
    'each secret to a sink, never to the model.',
    '',
    ...section('Commands', COMMANDS),
    ...section('Flags', [
      ['--sandbox', 'Work against an embedded simulated Atlas: no account, no network'],
      ['--config FILE', `The configuration file (variable ${FILE_VARIABLE})`],
      ...withFlag(),
      ['--version', 'Print the version'],
      ['--help', 'Print this text'],
    ]),
    ...section('Settings of the environment and the file only', withoutFlag()),
    ...section('Credentials, of the environment; the first complete set is used', credentials()),
    '  The variable of a secret may end in _FILE: then it names a file that holds the secret; or in',
    '  _COMMAND: then it is a program that prints it, as words or as a JSON array. No shell runs it.',
    '',
    ...section('Atlas, of the environment', Object.entries(connectionVariables)),
    '  In the file, where the environment does not say it: atlas, with clientId, clientSecretFile or',
    '  clientSecretCommand, baseUrl, projectId and orgId; never a secret itself.',
    '',
  ].join('\n');
}

function withFlag(): Row[] {
  return settingNames.flatMap((name): Row[] => {
    const { flag, variable } = settings[name];
    if (!flag) return [];
    const argument = flag.argument === undefined ? '' : ` ${flag.argument}`;
    return [[`--${flag.name}${argument}`, `${meaning(name)} (variable ${variable}, in the file ${name})`]];
  });
}

function withoutFlag(): Row[] {
  return settingNames.flatMap((name): Row[] => {
    const { flag, variable } = settings[name];
    return flag ? [] : [[variable, `${meaning(name)} (in the file ${name})`]];
  });
}

function meaning(name: SettingName): string {
  const { help, standard } = settings[name];
  return standard === undefined ? help : `${help}; default: ${standard}`;
}

/** The first names of each kind, then the other ones. */
function credentials(): Row[] {
  return credentialVariables.map(({ name, variables }) => {
    const sets = [0, 1].map((index) => variables.flatMap((names) => names[index] ?? []).join(' and '));
    return [name, sets.filter((set) => set !== '').join('; or ')];
  });
}

function section(title: string, rows: readonly Row[]): string[] {
  const width = Math.max(...rows.map(([term]) => term.length)) + 2;
  return [`${title}:`, ...rows.flatMap(([term, meaning]) => hanging(term.padEnd(width), meaning)), ''];
}

/** The meaning beside the term, with its further lines indented as far as its first. */
function hanging(term: string, meaning: string): string[] {
  const lines = [''];
  for (const word of meaning.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && 2 + term.length + line.length + 1 + word.length > LINE) lines.push(word);
    else lines.splice(-1, 1, line === '' ? word : `${line} ${word}`);
  }
  return lines.map((line, index) => `  ${index === 0 ? term : ' '.repeat(term.length)}${line}`);
}
