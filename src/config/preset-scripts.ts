// What presets run in /bin/sh. A look ends with 0 where something is there, with 1 where nothing is, and with a code of the
// preset's refusals where nobody can tell. A proof, which is run before a key is made, ends with 0 where something can be
// written and read back, and otherwise with such a code too.

import type { CommandSpec } from './command-spec.ts';

type Command = NonNullable<CommandSpec['exists']>;

/** @param words are `$1` and so on */
function script(lines: readonly string[], ...words: readonly string[]): Command {
  return ['/bin/sh', '-c', lines.join('\n'), 'sh', ...words];
}

/**
 * `walk` goes down from the store to the entry, answers whether that is there, and leaves the deepest folder in `folder`. A name
 * is missing only in a folder that can be searched: `test` cannot tell a file that is not there from one that it may not look at.
 */
const PASS_WALK = [
  'store=${PASSWORD_STORE_DIR:-$HOME/.password-store} folder=$store rest=$1.gpg',
  '[ -e "$store" ] || exit 3',
  'is_there() { [ -d "$folder" ] && [ -x "$folder" ] || exit 6; [ -e "$1" ] || [ -h "$1" ]; }',
  'walk() {',
  'while is_there "$folder/${rest%%/*}"; do',
  '[ "${rest#*/}" != "$rest" ] || return 0',
  'folder=$folder/${rest%%/*} rest=${rest#*/}',
  'done',
  'return 1',
  '}',
];

/** Looks for the keys as pass does. A store without any was not initialized, or is not where it should be. */
const PASS_KEYS = [
  'folder=$store/$1',
  'set --',
  'for key in $PASSWORD_STORE_KEY; do set -- "$@" -r "$key"; done',
  'if [ $# = 0 ]; then',
  'while folder=${folder%/*} && ! [ -f "$folder/.gpg-id" ]; do [ "$folder" != "$store" ] || exit 3; done',
  'while read -r key; do key=${key%%#*} && [ -z "$key" ] || set -- "$@" -r "$key"; done <"$folder/.gpg-id"',
  'fi',
];

export function passLook(path: string): Command {
  return script([...PASS_WALK, 'walk && exit 0', ...PASS_KEYS, 'exit 1'], path);
}

export function passProof(path: string): Command {
  const proof = [
    'walk && folder=$folder/$rest',
    '[ -w "$folder" ] || exit 7',
    ...PASS_KEYS,
    'encrypt() { gpg --batch --quiet --no-encrypt-to $PASSWORD_STORE_GPG_OPTS -e "$@" </dev/null; }',
    'encrypt "$@" >/dev/null || exit 4',
    'encrypt "$@" | gpg --batch --quiet $PASSWORD_STORE_GPG_OPTS -d >/dev/null || exit 5',
  ];
  return script([...PASS_WALK, ...proof], path);
}

/** The list of groups and entries; behind the entry stands the command for it, whose last word is the database. */
const KEEPASS_LIST = [
  'entry=$1 group=${1%/*}',
  'shift',
  'list=$("$@") || exit 3',
  'has() { printf "%s\\n" "$list" | grep -qxF -e "$1"; }',
];

export function keepassLook(entry: string, list: readonly string[]): Command {
  return script([...KEEPASS_LIST, 'has "$entry" && exit 0', 'exit 1'], entry, ...list);
}

export function keepassProof(entry: string, list: readonly string[]): Command {
  const proof = [
    'has "$entry" || [ "$group" = "$entry" ] || has "$group/" || exit 4',
    'for database do :; done',
    '[ -w "$database" ] || exit 5',
  ];
  return script([...KEEPASS_LIST, ...proof], entry, ...list);
}

/** A symbolic link that leads nowhere is there too: it would be written through. */
export function fileLook(file: string): Command {
  const look = [
    '[ ! -e "$1" ] && [ ! -h "$1" ] || exit 0',
    'folder=${1%/*}/',
    '[ -d "$folder" ] || exit 3',
    '[ -x "$folder" ] || exit 4',
    'exit 1',
  ];
  return script(look, file);
}

/** @param proof runs the programs on no secret; `$1` is the file, behind it stand the other words */
export function fileProof(proof: readonly string[], file: string, ...words: readonly string[]): Command {
  const isWritable = ['place=$1', '[ -e "$1" ] || place=${1%/*}/', '[ -w "$place" ] || exit 4'];
  return script([...isWritable, ...proof], file, ...words);
}

/**
 * secret-tool itself would ask a person to unlock the keyring, and makes no item where there is none to ask. Who cannot be asked
 * whether the keyring is locked refuses nothing.
 */
export function secretServiceProof(): Command {
  const path = '/org/freedesktop/secrets/aliases/default';
  const call = `dbus-send --session --print-reply --dest=org.freedesktop.secrets ${path}`;
  const property = 'string:org.freedesktop.Secret.Collection string:Locked';
  return script([
    `locked=$(${call} org.freedesktop.DBus.Properties.Get ${property} 2>/dev/null)`,
    'case $locked in *"boolean true"*) exit 60 ;; esac',
  ]);
}
