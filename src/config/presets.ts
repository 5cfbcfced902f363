// The presets: URIs that stand for a command which takes a secret, such as `pass:voyage/{entry}`. Each row says what the URI looks
// like, with which version of the real program it was tested, and which command it is. Pure: it looks at nothing and runs nothing.

import type { CommandSpec, Refusals } from './command-spec.ts';
import {
  fileLook,
  fileProof,
  keepassLook,
  keepassProof,
  passLook,
  passProof,
  secretServiceProof,
} from './preset-scripts.ts';

/** What stands behind the name of a preset: `TARGET?query#FRAGMENT`. */
interface Target {
  readonly target: string;
  readonly fragment: string | undefined;
  readonly query: (name: string) => string | undefined;
  readonly platform: NodeJS.Platform;
}

type Expansion = Omit<CommandSpec, 'type' | 'env' | 'timeoutMs' | 'preset'>;

interface Preset {
  /** How it is written after `NAME=`. */
  readonly uri: string;
  /** What it delivers to, in a few words of plain text. */
  readonly brief: string;
  /** The programs and versions with which the tests of this project have seen it work; absent where they have not. */
  readonly testedWith?: string;
  readonly queries?: readonly string[];
  /** What an exit code of `exists` and `prove` says, and what to do about it. */
  readonly refusals?: Refusals;
  /** Undefined where the target has not this form. */
  readonly expand: (target: Target) => Expansion | undefined;
}

const FILE_REFUSALS: Refusals = {
  3: ['There is no folder for the file.', 'Make the folder that the path of the sink names, or correct the path.'],
  4: [
    'The file, or the folder for it, cannot be reached and written.',
    'Let the user that runs this server write there, or choose another.',
  ],
};

export const presets: Readonly<Record<string, Preset>> = {
  keychain: {
    uri: 'keychain:SERVICE/{entry}',
    brief: "the keyring of the desktop: GNOME's or KDE's on Linux, macOS, Windows",
    testedWith: 'secret-tool 0.20.5 with gnome-keyring 42.1; not yet on macOS and Windows',
    expand: ({ target, fragment, platform }) => {
      const slash = target.indexOf('/');
      const service = slash === -1 ? target : target.slice(0, slash);
      const account = slash === -1 ? 'atlas-model-keys' : target.slice(slash + 1);
      if (fragment !== undefined || service === '' || account === '') return undefined;
      if (platform === 'darwin') return macKeychain(service, account);
      if (platform === 'win32') return windowsKeychain(service, account);
      return { ...secretService(service, account), prove: secretServiceProof() };
    },
    refusals: { 60: ['The keyring is locked.', 'Unlock it, such as by logging in to the desktop.'] },
  },
  pass: {
    uri: 'pass:PATH',
    brief: 'an entry of pass, the password store',
    testedWith: 'pass 1.7.4 with gnupg 2.2.40',
    expand: ({ target: path, fragment }) =>
      fragment === undefined && !path.startsWith('/') && !path.endsWith('/')
        ? {
            argv: ['pass', 'insert', '-m', '-f', path],
            remove: ['pass', 'rm', '-f', path],
            exists: passLook(path),
            prove: passProof(path),
            verify: ['pass', 'show', path],
            absent: [1],
          }
        : undefined,
    refusals: {
      3: ['The store of pass was never initialized.', 'Run: pass init GPG-ID'],
      4: [
        'gpg cannot encrypt for a key that the .gpg-id of the store of pass names.',
        'See gpg --list-keys there, or run: pass init GPG-ID',
      ],
      5: [
        'gpg cannot decrypt what it encrypts for the store of pass: its agent is locked, or the private key is not here.',
        'Unlock it, such as by pass show of another entry.',
      ],
      6: [
        'A folder of the store of pass, on the way to the entry, is not a folder that can be searched.',
        'Let the user that runs this server enter it, or correct the path of the sink.',
      ],
      7: [
        'The entry of pass, or the folder in which it would be made, cannot be written.',
        'Let the user that runs this server write there, or choose another.',
      ],
    },
  },
  op: {
    uri: 'op://VAULT/ITEM/FIELD',
    brief: 'an item of 1Password',
    expand: ({ target, fragment }) => {
      const [vault, item, field, ...rest] = target.split('/');
      if (!vault || !item || !field || rest.length > 0 || fragment !== undefined) return undefined;
      return onePassword(vault, item, field);
    },
  },
  age: {
    uri: 'age:FILE?recipient=RECIPIENT&identity=FILE',
    brief: 'a file that age encrypts; with an identity it is read back',
    testedWith: 'age 1.1.1',
    queries: ['recipient', 'identity'],
    expand({ target: file, fragment, query }) {
      const [recipient, identity] = [query('recipient'), query('identity')];
      if (recipient === undefined || !isFile(file) || fragment !== undefined) return undefined;
      const argv = ['age', '-r', recipient, '-o', file] as const;
      const exists = fileLook(file);
      const encrypts = 'age -r "$2" </dev/null >/dev/null || exit 5';
      if (identity === undefined) return { argv, exists, prove: fileProof([encrypts], file, recipient), absent: [1] };
      const decrypts = 'age -r "$2" </dev/null | age -d -i "$3" || exit 6';
      return {
        argv,
        remove: ['rm', '-f', file],
        exists,
        prove: fileProof([encrypts, decrypts], file, recipient, identity),
        verify: ['age', '-d', '-i', identity, file],
        absent: [1],
      };
    },
    refusals: {
      ...FILE_REFUSALS,
      5: ['age cannot encrypt for the recipient of the sink.', 'See the recipient that age-keygen -y prints.'],
      6: [
        'age cannot decrypt with the identity of the sink what it encrypts for its recipient.',
        'Name the file of the identity to which the recipient belongs, or none.',
      ],
    },
  },
  keepassxc: {
    uri: 'keepassxc:DATABASE?key=FILE#GROUP/ENTRY',
    brief: 'an entry of a KeePass database that a key file opens',
    testedWith: 'keepassxc-cli 2.7.4',
    queries: ['key'],
    expand({ target: database, fragment: entry, query, platform }) {
      const key = query('key');
      if (key === undefined || !isFile(database) || !entry || entry.startsWith('/') || entry.endsWith('/'))
        return undefined;
      const run = (verb: string, ...options: string[]) =>
        ['keepassxc-cli', verb, '-q', '--no-password', '-k', key, ...options, database] as const;
      const list = run('ls', '-R', '-f');
      return {
        argv: [...run('add', '-p'), entry],
        replace: [...run('edit', '-p'), entry],
        verify: [...run('show', '-s', '-a', 'Password'), entry],
        ...(platform === 'win32'
          ? { exists: list, existsLine: entry }
          : { exists: keepassLook(entry, list), prove: keepassProof(entry, list), absent: [1] }),
      };
    },
    refusals: {
      3: ['keepassxc-cli cannot open the database.', 'See that the database and its key file are there.'],
      4: ['The database has no such group.', 'Make it by keepassxc-cli mkdir, or name another.'],
      5: ['The database cannot be written.', 'Let the user that runs this server write its file.'],
    },
  },
  'systemd-creds': {
    uri: 'systemd-creds:FILE',
    brief: 'a file that systemd encrypts for this host, for LoadCredentialEncrypted=; for root only',
    testedWith: 'systemd-creds 252',
    expand({ target: file, fragment }) {
      if (!isFile(file) || fragment !== undefined) return undefined;
      const name = `--name=${file.slice(file.lastIndexOf('/') + 1)}`;
      const proof =
        'systemd-creds encrypt --with-key=host "$2" - - </dev/null | systemd-creds decrypt "$2" - - || exit 5';
      return {
        argv: ['systemd-creds', 'encrypt', '--with-key=host', name, '-', file],
        remove: ['rm', '-f', file],
        exists: fileLook(file),
        prove: fileProof([proof], file, name),
        verify: ['systemd-creds', 'decrypt', name, file, '-'],
        absent: [1],
      };
    },
    refusals: {
      ...FILE_REFUSALS,
      5: ['systemd-creds cannot encrypt for this host.', 'Run this server as root, on the host that is to decrypt.'],
    },
  },
  'podman-secret': {
    uri: 'podman-secret:NAME',
    brief: 'a secret of podman 5',
    testedWith: 'podman 5.4.2',
    expand: ({ target: name, fragment }) =>
      fragment === undefined && !name.includes('/')
        ? {
            argv: ['podman', 'secret', 'create', name, '-'],
            replace: ['podman', 'secret', 'create', '--replace', name, '-'],
            remove: ['podman', 'secret', 'rm', name],
            exists: ['podman', 'secret', 'exists', name],
            verify: ['podman', 'secret', 'inspect', '--showsecret', '--format', '{{.SecretData}}', name],
            absent: [1],
          }
        : undefined,
  },
  'docker-secret': {
    uri: 'docker-secret:NAME',
    brief: 'a secret of a Docker swarm, which cannot be changed: rotate to another entry',
    testedWith: 'Docker 26.1.5',
    expand: ({ target: name, fragment }) =>
      fragment === undefined && !name.includes('/')
        ? {
            argv: ['docker', 'secret', 'create', name, '-'],
            exists: ['docker', 'secret', 'ls', '--format', '{{.Name}}'],
            existsLine: name,
            passEnv: ['DOCKER_HOST', 'DOCKER_CONTEXT', 'DOCKER_CONFIG', 'DOCKER_TLS_VERIFY', 'DOCKER_CERT_PATH'],
          }
        : undefined,
  },
};

/** Such as `keychain:SERVICE/{entry}, pass:PATH`, in the order of the table. */
export const presetUris = Object.values(presets)
  .map(({ uri }) => uri)
  .join(', ');

/** The name of the preset that a URI begins with; undefined where there is none of that name. */
export function presetOf(uri: string): string | undefined {
  const name = uri.slice(0, Math.max(0, uri.indexOf(':')));
  return Object.hasOwn(presets, name) ? name : undefined;
}

/** The command that the URI stands for; undefined where it is not written as its preset asks. */
export function expandPreset(uri: string, platform = process.platform): Expansion | undefined {
  const name = presetOf(uri);
  const preset = name === undefined ? undefined : presets[name];
  const match = /^[^:]+:(?:\/\/)?([^?#]+)(?:\?([^#]*))?(?:#([\s\S]*))?$/.exec(uri);
  if (!preset || !match) return undefined;
  const [, target = '', queryText = '', fragment] = match;
  const queries = new Map(
    queryText
      .split('&')
      .filter((part) => part !== '')
      .map((part) => [part.replace(/=.*$/s, ''), part.replace(/^[^=]*=?/, '')] as const),
  );
  const isKnown = [...queries].every(([each, value]) => preset.queries?.includes(each) === true && isWord(value));
  // What begins with a dash would be an option of the program.
  if (!isKnown || !isWord(target) || (fragment !== undefined && !isWord(fragment))) return undefined;
  return preset.expand({ target, fragment, query: (each) => queries.get(each), platform });
}

function isWord(text: string): boolean {
  return text !== '' && !text.startsWith('-');
}

function isFile(path: string): boolean {
  return /^(?:\/|[A-Za-z]:[\\/])/.test(path) && !/[\\/]$/.test(path);
}

/** The Secret Service of the desktop, by secret-tool of libsecret. */
export function secretService(service: string, account: string, label = `${service} ${account}`): Expansion {
  const attributes = ['service', service, 'account', account];
  return {
    argv: ['secret-tool', 'store', `--label=${label}`, ...attributes],
    remove: ['secret-tool', 'clear', ...attributes],
    // A lookup ends with 1, without a word, where there is nothing and where the keyring is locked; a search finds what is locked.
    exists: ['secret-tool', 'search', ...attributes],
    emptyMeans: 'absent',
    verify: ['secret-tool', 'lookup', ...attributes],
  };
}

/** `security` reads the value of `-w` twice, and stores an empty one where it gets none. */
function macKeychain(service: string, account: string): Expansion {
  const place = ['-s', service, '-a', account];
  const security = '/usr/bin/security';
  const twice = 's=$(/bin/cat) && printf "%s\\n%s\\n" "$s" "$s" | "$@"';
  const add = (...options: string[]) =>
    ['/bin/sh', '-c', twice, 'sh', security, 'add-generic-password', ...options, ...place, '-w'] as const;
  return {
    argv: add(),
    replace: add('-U'),
    remove: [security, 'delete-generic-password', ...place],
    exists: [security, 'find-generic-password', ...place],
    verify: [security, 'find-generic-password', ...place, '-w'],
    absent: [44],
  };
}

/** @napi-rs/keyring is found from where this server is installed. */
function windowsKeychain(service: string, account: string): Expansion {
  const program = process.execPath;
  const server = process.argv[1] ?? program;
  const script = [
    'const [server, verb, service, account] = process.argv.slice(1);',
    'const { Entry } = require("node:module").createRequire(server)("@napi-rs/keyring");',
    'const entry = new Entry(service, account);',
    'const held = entry.getPassword();',
    'if (verb === "get" && held === null) process.exit(44);',
    'if (verb === "get") process.stdout.write(held);',
    'if (verb === "remove") entry.deletePassword();',
    'if (verb === "add" && held !== null) process.exit(45);',
    'if (verb === "add" || verb === "set") entry.setPassword(require("node:fs").readFileSync(0, "utf8"));',
  ].join('\n');
  const run = (verb: string) => [program, '-e', script, server, verb, service, account] as const;
  return { argv: run('add'), replace: run('set'), remove: run('remove'), verify: run('get'), absent: [44] };
}

function onePassword(vault: string, item: string, field: string): Expansion {
  const secret = `{"id":${JSON.stringify(field)},"label":${JSON.stringify(field)},"type":"CONCEALED","value":{secret:json}}`;
  return {
    argv: ['op', 'item', 'create', '--vault', vault, '-'],
    replace: ['op', 'item', 'edit', item, '--vault', vault, '-'],
    exists: ['op', 'item', 'list', '--vault', vault, '--format', 'json'],
    existsLine: `    "title": ${JSON.stringify(item)},`,
    verify: ['op', 'read', '--no-newline', `op://${vault}/${item}/${field}`],
    input: `{"title":${JSON.stringify(item)},"category":"API_CREDENTIAL","fields":[${secret}]}`,
    passEnv: ['OP_SERVICE_ACCOUNT_TOKEN', 'OP_CONNECT_HOST', 'OP_CONNECT_TOKEN', 'OP_ACCOUNT', 'OP_CONFIG_DIR'],
  };
}
