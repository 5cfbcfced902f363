// Who is in a group, told from the files of a machine.

import { describe, expect, test } from 'vitest';
import { areUsersLocal, isPrivateGroup, thisMachine } from '../../src/files/machine.ts';

const passwd = [
  'root:x:0:0:root:/root:/bin/bash',
  'www-data:x:33:33::/var/www:/usr/sbin/nologin',
  'me:x:1000:1000:Me,,,:/home/me:/bin/bash',
  'also-me:x:1000:1000::/home/me:/bin/bash',
  'other:x:1001:1001::/home/other:/bin/bash',
  'guest:x:1002:1003::/home/guest:/bin/bash',
  '',
].join('\n');
const group = [
  'root:x:0:',
  'staff:x:50:',
  'www-data:x:33:',
  'me:x:1000:',
  'project:x:2000:me',
  'wheel:x:2001:me,root',
  'both:x:2002:me,other',
  'twice:x:2003:me',
  'twice-more:x:2003:other',
  'gone:x:2004:me,ghost',
  'guests:x:1003:',
  'no line at all',
  '',
].join('\n');
const own = [1000, 33, 1003, 2000, 2001, 2002, 2003, 2004, 2005];

describe('a group of this user', () => {
  test.each([
    [1000, 'that is of the user’s own name', true],
    [2000, 'in which nobody else is listed', true],
    [2001, 'in which root is too', true],
    [2002, 'in which another is listed', false],
    [2003, 'that another group of the same number gives to another', false],
    [2004, 'in which one is listed whom the machine does not know', false],
    [1003, 'that is the first group of another', false],
    [33, 'that is the first group of a service', false],
    [2005, 'that has no name', false],
    [50, 'in which nobody is, not even this user', false],
  ])('%i, %s: %s', (gid, _what, isPrivate) => {
    expect(isPrivateGroup(gid, 1000, { passwd, group, own })).toBe(isPrivate);
  });

  test('is not private where the users of the machine are not all known', () => {
    expect(isPrivateGroup(1000, 1000, undefined)).toBe(false);
  });
});

test.each([
  ['', true],
  ['passwd: files systemd\ngroup: files systemd\nhosts: files dns\n', true],
  ['passwd: files [NOTFOUND=return] systemd # sss\ngroup:files\n', true],
  ['passwd: files systemd sss\ngroup: files systemd sss\n', false],
  ['passwd: files\n  group: compat ldap\n', false],
  ['initgroups: files sss\n', false],
])('the users of a machine are all in its files: nsswitch.conf %j', (nsswitch, are) => {
  expect(areUsersLocal(nsswitch)).toBe(are);
});

test('this machine is looked at without an error', () => {
  const machine = thisMachine();
  expect(machine.user).toBe(process.geteuid?.());
  expect(machine.isPrivateGroup(4_000_000)).toBe(false);
});
