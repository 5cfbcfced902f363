// What presets run in /bin/sh, to look before a key is made. Each script ends with 0 where something is there, with 1 where
// nothing is, and with a code of the preset's refusals where nobody can tell, or where nothing could be written.

import type { CommandSpec } from './command-spec.ts';

/**
 * Whether there is such an entry, with codes of its own where pass could not make one or read it back. Looks for the keys as pass
 * does. A name is missing only in a folder that can be searched: `test` cannot tell a file that is not there from one that
 * it may not look at.
 */
export const PASS_LOOK = [
  'store=${PASSWORD_STORE_DIR:-$HOME/.password-store} folder=$store rest=$1.gpg',
  '[ -e "$store" ] || exit 3',
  'is_there() { [ -d "$folder" ] && [ -x "$folder" ] || exit 6; [ -e "$1" ] || [ -h "$1" ]; }',
  'while is_there "$folder/${rest%%/*}"; do',
  '[ "${rest#*/}" != "$rest" ] || exit 0',
  'folder=$folder/${rest%%/*} rest=${rest#*/}',
  'done',
  '[ -w "$folder" ] || exit 7',
  'folder=$store/$1',
  'set --',
  'for key in $PASSWORD_STORE_KEY; do set -- "$@" -r "$key"; done',
  'if [ $# = 0 ]; then',
  'while folder=${folder%/*} && ! [ -f "$folder/.gpg-id" ]; do [ "$folder" != "$store" ] || exit 3; done',
  'while read -r key; do key=${key%%#*} && [ -z "$key" ] || set -- "$@" -r "$key"; done <"$folder/.gpg-id"',
  'fi',
  'encrypt() { gpg --batch --quiet --no-encrypt-to $PASSWORD_STORE_GPG_OPTS -e "$@" </dev/null; }',
  'encrypt "$@" >/dev/null || exit 4',
  'encrypt "$@" | gpg --batch --quiet $PASSWORD_STORE_GPG_OPTS -d >/dev/null || exit 5',
  'exit 1',
].join('\n');

/** Whether there is such an entry, behind which stands the command that lists groups and entries; its last word is the database. */
export const KEEPASS_LOOK = [
  'entry=$1 group=${1%/*}',
  'shift',
  'list=$("$@") || exit 3',
  'has() { printf "%s\\n" "$list" | grep -qxF -e "$1"; }',
  'has "$entry" && exit 0',
  '[ "$group" = "$entry" ] || has "$group/" || exit 4',
  'for database do :; done',
  '[ -w "$database" ] || exit 5',
  'exit 1',
].join('\n');

/**
 * Whether there is such a file, or a symbolic link that leads nowhere, which would be written through. One of the codes of
 * the refusals for files where what is written could not be read back, or no file can be made.
 * @param proof runs the programs on no secret; `$1` is the file, behind it stand the other words
 */
export function fileLook(proof: string, file: string, ...words: string[]): NonNullable<CommandSpec['exists']> {
  const look = [
    proof,
    '[ ! -e "$1" ] && [ ! -h "$1" ] || exit 0',
    'folder=${1%/*}/',
    '[ -d "$folder" ] || exit 3',
    '[ -w "$folder" ] && [ -x "$folder" ] || exit 4',
    'exit 1',
  ];
  return ['/bin/sh', '-c', look.join('\n'), 'sh', file, ...words];
}
